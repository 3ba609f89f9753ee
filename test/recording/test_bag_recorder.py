# SPDX-License-Identifier: Apache-2.0
"""A recorded bag can be read with only the bag. Needs the generated messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability
from std_msgs.msg import String

from molmoact2_ros.msg import SafetyState
from molmoact2_ros.recording.bag_recorder import BagRecorder, Topic
from molmoact2_ros.ros import qos

pytestmark = pytest.mark.node


def _recorded(folder: Path) -> Path:
    """Record one message on each of two topics, without a middleware."""
    callbacks: dict[str, Any] = {}
    recorder = BagRecorder(folder / "bag", lambda: 1_234_567_890)

    def listen(_kind: Any, topic: str, _profile: Any, callback: Any, *, raw: bool) -> None:
        assert raw
        callbacks[topic] = callback

    recorder.record(
        listen,
        [Topic("safety_state", SafetyState, qos.LATCHED), Topic("instruction", String, qos.STATUS)],
    )
    callbacks["safety_state"](serialize_message(SafetyState(mode=SafetyState.ARMED, text="fine", value=0.5)))
    callbacks["instruction"](serialize_message(String(data="wave")))
    recorder.close()
    return folder / "bag"


def test_a_bag_carries_its_own_definitions(tmp_path: Path) -> None:
    with AnyReader([_recorded(tmp_path)]) as reader:  # no type store given: only what the bag says
        read = {c.topic: (time, reader.deserialize(raw, c.msgtype)) for c, time, raw in reader.messages()}
    time, state = read["/safety_state"]
    assert (time, state.mode, state.text, state.value) == (1_234_567_890, SafetyState.ARMED, "fine", 0.5)
    assert read["/instruction"][1].data == "wave"


def test_a_bag_keeps_the_quality_of_service_so_that_latched_topics_play_back_latched(tmp_path: Path) -> None:
    with AnyReader([_recorded(tmp_path)]) as reader:
        durability = {c.topic: c.ext.offered_qos_profiles[0].durability for c in reader.connections}
    assert durability["/safety_state"] == QosDurability.TRANSIENT_LOCAL
    assert durability["/instruction"] == QosDurability.VOLATILE


def test_a_bag_is_one_mcap_file_with_its_metadata(tmp_path: Path) -> None:
    names = sorted(path.suffix for path in _recorded(tmp_path).iterdir())
    assert names == [".mcap", ".yaml"]
