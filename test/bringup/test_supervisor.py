# SPDX-License-Identifier: Apache-2.0
"""Processes are started, watched and ended; what a node said last is not lost. Real processes, no ROS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from molmoact2_ros.bringup.graph import NodeSpec
from molmoact2_ros.bringup.supervisor import Supervisor


class _Script(NodeSpec):
    """A node whose module is a script of the test."""

    @property
    def module(self) -> str:
        return self.name


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Supervisor]]:
    lines: list[tuple[str, str]] = []
    supervisor = Supervisor(tmp_path / "logs", lambda who, line: lines.append((who, line)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def _start(code: str) -> Supervisor:
        (tmp_path / "example.py").write_text(textwrap.dedent(code))
        supervisor.start([_Script("example", {"a": 1}, {"chunk": "chunk/honest"})])
        return supervisor

    yield _start
    supervisor.stop()


def _wait(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def test_a_node_that_ends_is_reported_once_with_its_last_words(start: Callable[[str], Supervisor]) -> None:
    supervisor = start("import sys; print('hello'); print('error: no such robot', file=sys.stderr); sys.exit(2)")
    _wait(lambda: not supervisor.running())
    assert [str(ended) for ended in supervisor.new_exits()] == ["example exited with 2: no such robot"]
    assert supervisor.new_exits() == []


def test_a_killed_node_is_reported_with_the_signal(start: Callable[[str], Supervisor]) -> None:
    supervisor = start("import time; time.sleep(60)")
    os.kill(supervisor.pid("example"), signal.SIGKILL)
    _wait(lambda: not supervisor.running())
    assert str(supervisor.new_exits()[0]) == "example was killed by SIGKILL"


def test_output_goes_to_the_node_s_log(start: Callable[[str], Supervisor], tmp_path: Path) -> None:
    supervisor = start("print('one'); print('two')")
    _wait(lambda: not supervisor.running())
    supervisor.new_exits()
    assert (tmp_path / "logs" / "example.log").read_text() == "one\ntwo\n"


def test_a_node_that_ignores_a_polite_end_is_killed(
    start: Callable[[str], Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("molmoact2_ros.bringup.supervisor.TERMINATE_GRACE_S", 0.3)
    supervisor = start(
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    _wait(lambda: supervisor.log_folder.joinpath("example.log").exists())
    _wait(lambda: supervisor.log_folder.joinpath("example.log").read_text())
    supervisor.stop()
    assert supervisor.running() == []


def test_parameters_keep_their_types(start: Callable[[str], Supervisor], tmp_path: Path) -> None:
    start("pass")
    assert (tmp_path / "logs" / "example.params.yaml").read_text() == "/**:\n  ros__parameters:\n    a: 1\n"


def test_topics_get_the_names_that_the_node_s_remappings_give_them(start: Callable[[str], Supervisor]) -> None:
    supervisor = start("import sys; print(*sys.argv[-2:])")
    _wait(lambda: not supervisor.running())
    assert supervisor.new_exits()[0].last_words == "-r chunk:=chunk/honest"


def test_nodes_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text("import time; time.sleep(60)")
    code = f"""
        import sys, time; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_supervisor import _Script, Supervisor, Path
        supervisor = Supervisor(Path({str(tmp_path)!r}), print); supervisor.start([_Script("example", {{}})])
        print(supervisor.pid("example"), flush=True); time.sleep(60)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    _wait(lambda: not Path(f"/proc/{child}").exists() or "zombie" in Path(f"/proc/{child}/status").read_text())
