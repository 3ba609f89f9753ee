# SPDX-License-Identifier: Apache-2.0
"""A Hugging Face hub with one repository, on this machine; it cuts connections when asked to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub(ThreadingHTTPServer):
    """Serve `files` as repository `repo_id`; what was asked for stands in `requests` as (method, file, range)."""

    daemon_threads = True

    def __init__(self, repo_id: str, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repo_id = repo_id
        self.files = files
        self.claimed_sizes: dict[str, int] = {}  # what the listing says, where that is not the truth
        self.cut_once_after: dict[str, int] = {}  # file: bytes after which its next connection is cut
        self.requests: list[tuple[str, str, str]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def downloaded(self) -> list[str]:
        """Return the files that were sent, in order."""
        return [name for method, name, _ in self.requests if method == "GET"]

    def size(self, name: str) -> int:
        return self.claimed_sizes.get(name, len(self.files[name]))

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that go away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeHub

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        hub, path = self.server, urlsplit(self.path).path
        if path in (f"/api/models/{hub.repo_id}/revision/{name}" for name in ("main", COMMIT)):
            listing = [{"rfilename": name, "size": hub.size(name), "blobId": _etag(name)} for name in hub.files]
            self._send_json({"id": hub.repo_id, "modelId": hub.repo_id, "sha": COMMIT, "siblings": listing})
        elif path == f"/api/models/{hub.repo_id}/tree/{COMMIT}":
            entries = [{"type": "file", "path": n, "size": hub.size(n), "oid": _etag(n)} for n in hub.files]
            self._send_json(entries)
        elif path.startswith(f"/{hub.repo_id}/resolve/{COMMIT}/"):
            self._send_file(path.rsplit("/", 1)[1])
        else:
            known = path.startswith(f"/api/models/{hub.repo_id}/")
            self._send_error_code("RevisionNotFound" if known else "RepoNotFound")

    def _send_json(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_error_code(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_file(self, name: str) -> None:
        asked = self.headers.get("Range", "")
        self.server.requests.append((self.command, name, asked))
        content = self.server.files[name]
        first = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("ETag", f'"{_etag(name)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - first))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "GET":
            self._send_body(name, content[first:])

    def _send_body(self, name: str, body: bytes) -> None:
        cut = self.server.cut_once_after.pop(name, None)
        self.wfile.write(body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True


def _etag(name: str) -> str:
    return hashlib.sha1(name.encode()).hexdigest()


@contextmanager
def fake_hub(repo_id: str, files: dict[str, bytes]) -> Iterator[FakeHub]:
    """Run a hub until the block ends."""
    with FakeHub(repo_id, files) as hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
