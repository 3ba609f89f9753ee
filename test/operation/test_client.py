# SPDX-License-Identifier: Apache-2.0
"""Several listeners of one topic: one subscription, every message once to each of them, packed or unpacked."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from rclpy.serialization import deserialize_message
from std_msgs.msg import String

from molmoact2_ros.operation.client import OperatorClient
from molmoact2_ros.ros import qos

pytestmark = pytest.mark.node

PATIENCE_S = 20.0


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatorClient]:
    monkeypatch.setenv("ROS_DOMAIN_ID", "64")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    with OperatorClient("operator") as made:
        yield made


def _until(client: OperatorClient, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        client.spin_for(0.02)


def test_listeners_share_a_subscription_and_each_gets_every_message_once(client: OperatorClient) -> None:
    plain: list[str] = []
    packed: list[str] = []
    client.listen(String, "words", qos.STATE, lambda message: plain.append(message.data))
    client.listen(
        String,
        "words",
        qos.to_record(qos.STATE),
        lambda data: packed.append(deserialize_message(data, String).data),
        raw=True,
    )
    assert client.node.count_subscribers("words") == 1
    publisher = client.node.create_publisher(String, "words", qos.to_record(qos.STATE))
    _until(client, lambda: publisher.get_subscription_count() == 1)
    words = [f"word {number}" for number in range(20)]
    for word in words:  # more than the first listener's queue of 1 would hold
        publisher.publish(String(data=word))
    _until(client, lambda: len(packed) == len(words))
    assert plain == packed == words


def test_a_listener_that_comes_late_receives_what_is_latched(client: OperatorClient) -> None:
    first: list[str] = []
    second: list[str] = []
    publisher = client.node.create_publisher(String, "latched", qos.LATCHED)
    publisher.publish(String(data="stopped"))
    client.listen(String, "latched", qos.LATCHED, lambda message: first.append(message.data))
    _until(client, lambda: bool(first))
    client.listen(String, "latched", qos.LATCHED, lambda message: second.append(message.data))
    _until(client, lambda: bool(second))
    assert second == ["stopped"]


@pytest.fixture
def signal_inside_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SIGINT come while bytes are turned into a message, where an exception would become another one."""
    real = String.__init__

    def interrupted(self: String, **values: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        real(self, **values)

    monkeypatch.setattr(String, "__init__", interrupted)


@pytest.mark.parametrize("wait", ["spin_for", "wait_for"])
def test_ctrl_c_inside_a_message_is_raised_between_two_and_once(
    client: OperatorClient, wait: str, request: pytest.FixtureRequest
) -> None:
    received: list[str] = []
    publisher = client.node.create_publisher(String, "words", qos.LATCHED)
    publisher.publish(String(data="stopped"))
    client.listen(String, "words", qos.LATCHED, lambda message: received.append(message.data))
    request.getfixturevalue("signal_inside_a_message")
    with pytest.raises(KeyboardInterrupt):
        client.spin_for(PATIENCE_S) if wait == "spin_for" else client.wait_for(lambda: False, PATIENCE_S)
    assert received == ["stopped"]
    client.spin_for(0.2)  # the way out


def test_an_arm_call_that_was_refused_has_armed_nothing(
    client: OperatorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("molmoact2_ros.operation.client.REPLY_S", 0.1)
    assert client.ask_safety("arm") == (False, "no safety node answers in this domain")
    assert not client.may_have_armed
