# SPDX-License-Identifier: Apache-2.0
"""When a status is published: on change and at a heartbeat. The node's clock is turned by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from molmoact2_ros.ros.status_publisher import StatusPublisher

HEARTBEAT_HZ, WATCH_HZ = 5.0, 20.0  # a watch every 50 ms


class FakeNode:
    """A node whose clock is turned by hand."""

    def __init__(self) -> None:
        self.now_ns, self.sent = 1_000_000_000, []

    def publisher(self, kind, topic, _profile):
        return SimpleNamespace(publish=self.sent.append)

    def steady_now_ns(self):
        return self.now_ns


@pytest.fixture
def node():
    return FakeNode()


@pytest.fixture
def status(node):
    return StatusPublisher(node, object, "status", None, heartbeat_hz=HEARTBEAT_HZ, watch_hz=WATCH_HZ)


def test_the_first_status_is_due_at_once(status):
    assert status.changed("ready")
    assert status.overdue()


def test_a_status_is_due_again_when_its_key_changes(status, node):
    status.publish("ready", "message 1")
    assert not status.changed("ready")
    assert status.changed("waiting")
    assert node.sent == ["message 1"]


@pytest.mark.parametrize(("silence_ms", "overdue"), [(150, False), (174, False), (176, True), (200, True)])
def test_a_heartbeat_is_due_half_a_watch_period_early(status, node, silence_ms, overdue):
    status.publish("ready", "message 1")
    node.now_ns += silence_ms * 1_000_000
    assert status.overdue() == overdue
