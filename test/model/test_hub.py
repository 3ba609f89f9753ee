# SPDX-License-Identifier: Apache-2.0
"""Pins how checkpoints are found and fetched, against a hub on this machine; each case is a process of its own, for
huggingface_hub reads its environment when it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.fake_hub import COMMIT, FakeHub, fake_hub

from molmoact2_ros.model.hub import REQUIRED_FILES, HubError, missing_files, resolve_checkpoint

REPO = "lab/robot"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
RESOLVE = """
import sys
from molmoact2_ros.model.hub import HubError, resolve_checkpoint
try:
    found = resolve_checkpoint(sys.argv[1])
except HubError as error:
    sys.exit(f"HubError: {error}")
print(found.folder, found.model_id)
"""


def _repository() -> dict[str, bytes]:
    index = {"weight_map": {f"tensor{number}": shard for number, shard in enumerate(SHARDS)}}
    files = dict.fromkeys(REQUIRED_FILES, b"{}") | {shard: os.urandom(300_000) for shard in SHARDS}
    return files | {
        "model.safetensors.index.json": json.dumps(index).encode(),
        "modeling_robot.py": b"raise SystemExit('remote code ran')",
        "README.md": b"read me",
    }


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub(REPO, _repository()) as running:
        yield running


def _resolve(endpoint: str, home: Path, name: str = REPO, **proxies: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1"} | proxies
    command = [sys.executable, "-c", RESOLVE, name]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def _snapshot(home: Path) -> Path:
    return home / "hub" / "models--lab--robot" / "snapshots" / COMMIT


def test_hub_id_is_downloaded_and_named_with_its_commit(hub: FakeHub, tmp_path: Path) -> None:
    done = _resolve(hub.endpoint, tmp_path)
    assert done.stdout.split() == [str(_snapshot(tmp_path)), f"{REPO}@{COMMIT[:12]}"], done.stderr
    assert (_snapshot(tmp_path) / SHARDS[1]).read_bytes() == hub.files[SHARDS[1]]
    assert "fetching lab/robot: 0.00 GB in 8 files" in done.stderr


def test_python_files_are_never_downloaded(hub: FakeHub, tmp_path: Path) -> None:
    assert _resolve(hub.endpoint, tmp_path).returncode == 0
    assert set(hub.downloaded()) == {*REQUIRED_FILES, *SHARDS, "model.safetensors.index.json"}


def test_revision_after_the_at_sign_is_used(hub: FakeHub, tmp_path: Path) -> None:
    assert _resolve(hub.endpoint, tmp_path, f"{REPO}@{COMMIT}").returncode == 0


def test_cut_connection_is_resumed_where_it_was_cut(hub: FakeHub, tmp_path: Path) -> None:
    hub.files[SHARDS[0]] = bytes(30_000_000)  # the client writes, and resumes, in units of 10 MiB
    hub.cut_once_after[SHARDS[0]] = 25_000_000
    done = _resolve(hub.endpoint, tmp_path)
    assert done.returncode == 0, done.stderr
    ranges = [asked for method, name, asked in hub.requests if method == "GET" and name == SHARDS[0]]
    assert ranges == ["", f"bytes={2 * 10 * 2**20}-"]
    assert (_snapshot(tmp_path) / SHARDS[0]).read_bytes() == hub.files[SHARDS[0]]


def test_second_run_fetches_only_what_the_first_did_not(hub: FakeHub, tmp_path: Path) -> None:
    _resolve(hub.endpoint, tmp_path)
    (_snapshot(tmp_path) / SHARDS[1]).resolve().unlink()
    (_snapshot(tmp_path) / SHARDS[1]).unlink()
    hub.requests.clear()
    assert _resolve(hub.endpoint, tmp_path).returncode == 0
    assert hub.downloaded() == [SHARDS[1]]


def test_cache_is_used_when_the_hub_is_gone(tmp_path: Path) -> None:
    with fake_hub(REPO, _repository()) as hub:
        online = _resolve(hub.endpoint, tmp_path)
    offline = _resolve(hub.endpoint, tmp_path)
    assert offline.stdout == online.stdout != ""
    assert "the hub cannot be reached: using the copy" in offline.stderr


def test_incomplete_cache_without_a_hub_names_the_missing_file(tmp_path: Path) -> None:
    with fake_hub(REPO, _repository()) as hub:
        _resolve(hub.endpoint, tmp_path)
    (_snapshot(tmp_path) / SHARDS[0]).unlink()
    done = _resolve(hub.endpoint, tmp_path)
    assert done.returncode == 1
    assert f"lacks {SHARDS[0]}" in done.stderr


def test_no_hub_and_no_copy_is_one_sentence(tmp_path: Path) -> None:
    with fake_hub(REPO, {}) as hub:
        pass
    done = _resolve(hub.endpoint, tmp_path)
    assert done.stderr.startswith("HubError: the hub cannot be reached")
    assert done.stderr.count("\n") == 1


# What the hub's client raises while it sets out: an ImportError, two ValueErrors.
BROKEN_PROXIES = [{"ALL_PROXY": "socks5://127.0.0.1:9"}, {"HTTPS_PROXY": "gopher://127.0.0.1:9"}]
BROKEN_PROXIES += [{"HTTP_PROXY": "http://[::1"}]


@pytest.mark.parametrize("proxy", BROKEN_PROXIES, ids=str)
def test_a_proxy_that_cannot_be_used_is_one_sentence_and_the_copy_is_used_where_there_is_one(
    proxy: dict[str, str], tmp_path: Path
) -> None:
    ((variable, _),) = proxy.items()
    with fake_hub(REPO, _repository()) as hub:
        without = _resolve(hub.endpoint, tmp_path / "empty", **proxy, NO_PROXY="")
        online = _resolve(hub.endpoint, tmp_path)
        offline = _resolve(hub.endpoint, tmp_path, **proxy, NO_PROXY="")
    assert without.stderr.startswith("HubError: the hub cannot be reached"), without.stderr
    assert without.stderr.count("\n") == 1
    assert variable in without.stderr
    assert offline.stdout == online.stdout != ""


def test_a_name_that_no_hub_allows_is_one_sentence(tmp_path: Path) -> None:
    done = _resolve("http://127.0.0.1:9", tmp_path, "lab/my--robot")
    assert done.stderr.startswith("HubError: checkpoint 'lab/my--robot' can be no hub id")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("lab/robto", "the hub knows no lab/robto"), (f"{REPO}@v9", "lab/robot has no revision 'v9' on the hub")],
)
def test_unknown_repository_or_revision_is_named(hub: FakeHub, tmp_path: Path, name: str, expected: str) -> None:
    done = _resolve(hub.endpoint, tmp_path, name)
    assert done.returncode == 1
    assert expected in done.stderr


def test_too_small_a_disk_is_refused_before_anything_is_fetched(hub: FakeHub, tmp_path: Path) -> None:
    hub.claimed_sizes[SHARDS[0]] = 10**18
    done = _resolve(hub.endpoint, tmp_path)
    assert f"HubError: lab/robot needs 1000000000.00 GB more in {tmp_path}" in done.stderr
    assert hub.downloaded() == []


def test_repository_that_is_no_checkpoint_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    with fake_hub(REPO, {"config.json": b"{}"}) as hub:
        done = _resolve(hub.endpoint, tmp_path)
    assert "lacks norm_stats.json" in done.stderr
    assert "model.safetensors (or model.safetensors.index.json and its shards)" in done.stderr


def test_folder_is_taken_as_it_is_and_distinguished_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    before = resolve_checkpoint(str(tmp_path))
    (tmp_path / "config.json").write_text("[]")
    after = resolve_checkpoint(str(tmp_path))
    assert before.folder == after.folder == tmp_path
    assert before.model_id.startswith(f"{tmp_path.name}@")
    assert before.model_id != after.model_id


@pytest.mark.parametrize("name", ["./absent", "~/absent", "/absent/folder", "absent", "a/b/c", ""])
def test_absent_folder_is_not_taken_for_a_hub_id(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HubError, match="neither an existing folder nor a hub id"):
        resolve_checkpoint(name)


def test_missing_files_lists_a_shard_of_the_index(tmp_path: Path) -> None:
    for name, content in _repository().items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / SHARDS[0]).unlink()
    assert missing_files(tmp_path) == [SHARDS[0]]


def test_missing_files_refuses_a_damaged_index(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": 3}}')
    with pytest.raises(HubError, match=r"model\.safetensors\.index\.json is not an index of shards: .* has 3 for a"):
        missing_files(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("policy_preprocessor.json", "lab/robot is LeRobot's layout of a policy"),
        ("adapter_config.json", "lab/robot is a PEFT (LoRA) adapter"),
        ("meta/info.json", "lab/robot is a LeRobot data set"),
    ],
)
def test_another_sort_of_checkpoint_is_refused_before_anything_is_downloaded(
    hub: FakeHub, tmp_path: Path, name: str, words: str
) -> None:
    hub.files[name] = b"{}"
    done = _resolve(hub.endpoint, tmp_path)
    assert words in done.stderr
    assert hub.downloaded() == []
