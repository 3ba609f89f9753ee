# SPDX-License-Identifier: Apache-2.0
"""Turn messages into plain data and back; nodes never index a message's arrays themselves.

Arrays go into messages as array.array and come out as views on their buffers: element-wise conversion of a camera frame
costs tens of milliseconds in Python.
"""

from __future__ import annotations

import array
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from molmoact2_ros.interfaces.action_chunk import ActionChunk, ChunkRejection
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.joint_report import DriverReport
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.msg import ActionChunk as ActionChunkMsg
from molmoact2_ros.msg import JointCommand as JointCommandMsg
from molmoact2_ros.msg import RobotState as RobotStateMsg
from molmoact2_ros.timing import NS_PER_S


def stamp_ns(stamp: Time) -> int:
    """Return a message's time as nanoseconds."""
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def to_stamp(time_ns: int) -> Time:
    """Return nanoseconds as a message's time."""
    return Time(sec=time_ns // NS_PER_S, nanosec=time_ns % NS_PER_S)


def to_array(typecode: str, values: NDArray[np.generic]) -> array.array:
    """Return an array.array of the same bytes; `typecode` as in the array module and matching the dtype."""
    packed = array.array(typecode)
    packed.frombytes(np.ascontiguousarray(values).tobytes())
    return packed


def robot_state_from_msg(message: RobotStateMsg) -> RobotState:
    """Unpack a RobotState."""
    return RobotState(
        stamp_ns=stamp_ns(message.header.stamp),
        names=tuple(message.names),
        positions=np.frombuffer(message.positions, dtype=np.float64),
        velocities=np.frombuffer(message.velocities, dtype=np.float64),
        fault=message.fault,
        fault_text=message.fault_text,
    )


def robot_state_to_msg(state: RobotState, frame_id: str) -> RobotStateMsg:
    """Pack a RobotState."""
    message = RobotStateMsg(names=list(state.names), fault=state.fault, fault_text=state.fault_text)
    message.header.stamp = to_stamp(state.stamp_ns)
    message.header.frame_id = frame_id
    message.positions = to_array("d", state.positions.astype(np.float64, copy=False))
    message.velocities = to_array("d", state.velocities.astype(np.float64, copy=False))
    return message


def chunk_from_msg(message: ActionChunkMsg) -> ActionChunk:
    """Unpack the motion of an ActionChunk; sizes that do not agree leave `positions` one-dimensional.

    They are a view on the message: nothing is allocated for a chunk of any size before its size is checked.
    """
    return ActionChunk(
        stamp_ns=stamp_ns(message.header.stamp),
        sequence=message.sequence,
        step_s=message.step_s,
        names=tuple(message.names),
        positions=_matrix(np.frombuffer(message.positions, dtype=np.float64), message.horizon, len(message.names)),
        instruction_sequence=message.instruction_sequence,
        policy=message.policy_instance_id,
    )


def command_from_msg(message: JointCommandMsg) -> JointCommand:
    """Unpack a JointCommand; sizes that do not agree leave the arrays one-dimensional, for safety to refuse."""
    rows, columns = message.points, len(message.names)
    return JointCommand(
        start_ns=stamp_ns(message.header.stamp),
        sequence=message.sequence,
        step_s=message.step_s,
        names=tuple(message.names),
        motion_points=message.motion_points,
        positions=_matrix(np.frombuffer(message.positions, dtype=np.float64), rows, columns),
        velocities=_matrix(np.frombuffer(message.velocities, dtype=np.float64), rows, columns),
        observation_ns=stamp_ns(message.observation_stamp),
        chunk_sequence=message.chunk_sequence,
        operator_requested=message.operator_requested,
        chunk_velocities=np.frombuffer(message.chunk_velocities, dtype=np.float64),
        rejection=ChunkRejection(message.rejected_chunks, message.rejection_cause, message.rejection_text),
    )


def command_to_msg(command: JointCommand) -> JointCommandMsg:
    """Pack a JointCommand."""
    message = JointCommandMsg(
        sequence=command.sequence,
        step_s=command.step_s,
        names=list(command.names),
        points=len(command.positions),
        motion_points=command.motion_points,
        chunk_sequence=command.chunk_sequence,
        operator_requested=command.operator_requested,
        rejected_chunks=command.rejection.count,
        rejection_cause=int(command.rejection.cause),
        rejection_text=command.rejection.text,
    )
    message.header.stamp = to_stamp(command.start_ns)
    message.observation_stamp = to_stamp(command.observation_ns)
    message.positions = to_array("d", command.positions.astype(np.float64, copy=False))
    message.velocities = to_array("d", command.velocities.astype(np.float64, copy=False))
    message.chunk_velocities = to_array("d", command.chunk_velocities)
    return message


def _matrix(values: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    return values.reshape(rows, columns) if values.size == rows * columns else values


MessageInfo = dict[str, Any]  # as rclpy gives it


def report_from_msg(message: JointState, info: MessageInfo) -> DriverReport:
    """Unpack a JointState and what the middleware says of it."""
    return DriverReport(
        stamp_ns=stamp_ns(message.header.stamp),
        names=tuple(message.name),
        positions=np.frombuffer(message.position, dtype=np.float64),
        velocities=np.frombuffer(message.velocity, dtype=np.float64),
        sequence=info["publication_sequence_number"],
    )
