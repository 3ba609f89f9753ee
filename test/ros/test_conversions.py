# SPDX-License-Identifier: Apache-2.0
"""Plain data survives its way through a serialised message. Needs the generated messages."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from rclpy.serialization import deserialize_message, serialize_message

from molmoact2_ros.interfaces.action_chunk import ChunkRejection, RejectionCause
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_fault import RobotFault
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.msg import ActionChunk as ActionChunkMsg
from molmoact2_ros.msg import JointCommand as JointCommandMsg
from molmoact2_ros.msg import RobotState as RobotStateMsg
from molmoact2_ros.msg import SafetyState as SafetyStateMsg
from molmoact2_ros.ros.conversions import (
    chunk_from_msg,
    command_from_msg,
    command_to_msg,
    robot_state_from_msg,
    robot_state_to_msg,
    stamp_ns,
    to_array,
    to_stamp,
)

pytestmark = pytest.mark.node

NOW_NS = 1_795_216_132_848_166_805  # does not fit a float64 to the nanosecond


def test_a_stamp_keeps_its_nanoseconds() -> None:
    assert stamp_ns(to_stamp(NOW_NS)) == NOW_NS


def test_a_robot_state_survives_the_wire() -> None:
    state = RobotState(NOW_NS, ("a", "b"), np.array([0.1, -2.0]), np.array([np.pi, 0.0]), fault=2, fault_text="stop")
    wire = serialize_message(robot_state_to_msg(state, "base"))
    back = robot_state_from_msg(deserialize_message(wire, RobotStateMsg))
    assert (back.stamp_ns, back.names, back.fault, back.fault_text) == (NOW_NS, ("a", "b"), 2, "stop")
    np.testing.assert_array_equal(back.positions, state.positions)
    np.testing.assert_array_equal(back.velocities, state.velocities)


def test_the_faults_are_those_of_the_message() -> None:
    names = [name for name in dir(RobotStateMsg) if name.startswith("FAULT_")]
    assert {f"FAULT_{fault.name}": int(fault) for fault in RobotFault} == {n: getattr(RobotStateMsg, n) for n in names}


def test_a_command_survives_the_wire_in_row_major_order() -> None:
    positions = np.arange(6.0).reshape(3, 2)
    command = JointCommand(NOW_NS, 7, 0.02, ("a", "b"), 2, positions, positions[::-1], NOW_NS - 5, 3)
    back = command_from_msg(deserialize_message(serialize_message(command_to_msg(command)), JointCommandMsg))
    assert (back.start_ns, back.sequence, back.motion_points, back.observation_ns) == (NOW_NS, 7, 2, NOW_NS - 5)
    np.testing.assert_array_equal(back.positions, positions)
    np.testing.assert_array_equal(back.velocities, positions[::-1])


def test_a_command_whose_sizes_disagree_is_unpacked_flat_so_that_safety_can_refuse_it() -> None:
    message = JointCommandMsg(names=["a", "b"], points=3)
    message.positions = to_array("d", np.zeros(5))
    assert command_from_msg(message).positions.shape == (5,)


def test_a_chunk_becomes_rows_without_a_copy() -> None:
    message = ActionChunkMsg(names=["a", "b"], horizon=2, step_s=0.1)
    message.positions = to_array("d", np.array([1.0, 2, 3, 4]))
    positions = chunk_from_msg(message).positions
    assert positions.tolist() == [[1, 2], [3, 4]]
    assert np.shares_memory(positions, np.frombuffer(message.positions, np.float64))


def test_why_chunks_were_not_followed_survives_the_wire() -> None:
    rejection = ChunkRejection(3, RejectionCause.WRONG_SHAPE, "chunk 7 has 2 rows")
    command = JointCommand(NOW_NS, 7, 0.02, ("a",), 0, np.empty((0, 1)), np.empty((0, 1)), 0, 0, rejection=rejection)
    back = command_from_msg(deserialize_message(serialize_message(command_to_msg(command)), JointCommandMsg))
    assert back.rejection == rejection
    assert back.positions.shape == (0, 1)


def test_the_causes_of_rejections_are_those_of_safety() -> None:
    causes = {cause.name: getattr(SafetyStateMsg, f"CAUSE_{cause.name}") for cause in RejectionCause}
    assert causes == {cause.name: int(cause) for cause in RejectionCause}
