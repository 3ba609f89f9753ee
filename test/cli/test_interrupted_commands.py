# SPDX-License-Identifier: Apache-2.0
"""What Ctrl-C does in commands that watch a robot move."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from rclpy.task import Future

from molmoact2_ros.bringup import ros_environment
from molmoact2_ros.cli import home, safety_commands, task
from molmoact2_ros.operation import client as operator_client
from molmoact2_ros.operation.client import OperatorClient

pytestmark = pytest.mark.node


class _Client:
    """An operator client whose waits are scripted: each entry is called, or None for a wait that sees no end."""

    def __init__(self, *waits: Callable[[], Any] | None) -> None:
        self._waits = list(waits)
        self.asked: list[str] = []

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *_: object) -> None: ...

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        step = self._waits.pop(0)
        if step is not None:
            step()
        return condition()

    def ask(self, node: str, what: str) -> tuple[bool, str]:
        self.asked.append(f"{node}/{what}")
        return True, "moving"

    def ask_safety(self, what: str) -> tuple[bool, str]:
        return self.ask("safety", what)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _goal() -> tuple[Future, Future, list[str], Any]:
    """Return what is sent, its end, what was asked of it, its handle."""
    sent, ended, asked = Future(), Future(), list[str]()
    handle = SimpleNamespace(
        accepted=True, get_result_async=lambda: ended, cancel_goal_async=lambda: asked.append("cancel")
    )
    return sent, ended, asked, handle


def test_ctrl_c_cancels_a_task_that_runs() -> None:
    sent, ended, asked, handle = _goal()
    sent.set_result(handle)
    assert task._follow(_Client(None, _interrupt, None), sent) == (ended, True)
    assert asked == ["cancel"]


def test_ctrl_c_before_the_answer_cancels_the_goal_that_is_on_its_way() -> None:
    sent, ended, asked, handle = _goal()
    client = _Client(_interrupt, lambda: sent.set_result(handle), None)
    assert task._follow(client, sent) == (ended, True)
    assert asked == ["cancel"]


def test_ctrl_c_on_the_way_home_stops_the_robot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = _Client()
    monkeypatch.setattr(ros_environment, "enter", lambda args: None)
    monkeypatch.setattr(operator_client, "OperatorClient", lambda **_: client)
    monkeypatch.setattr(home, "wait_for_home", lambda *_: _interrupt())
    assert home.run(Namespace(embodiment="droid", namespace="")) == 130
    assert client.asked == ["interpolator/home", "safety/stop"]
    assert "home: interrupted; stop: " in capsys.readouterr().out


def test_ctrl_c_while_safety_is_asked_says_that_the_answer_is_not_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = _Client()
    client.ask_safety = lambda what: _interrupt()
    monkeypatch.setattr(ros_environment, "enter", lambda args: None)
    monkeypatch.setattr(operator_client, "OperatorClient", lambda **_: client)
    assert safety_commands._run("arm", Namespace(namespace="")) == 130
    assert "arm: interrupted before the answer came" in capsys.readouterr().out


def test_an_operator_client_is_what_these_commands_use() -> None:
    assert {"wait_for", "ask", "ask_safety"} <= set(dir(OperatorClient))
