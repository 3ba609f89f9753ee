# SPDX-License-Identifier: Apache-2.0
"""Turn what drivers and cameras exchange into the simulation's plain data and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image, JointState
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg

from molmoact2_ros.sim import CommandRefused, JointTrajectory, RenderedFrame, SimulatedGroupState
from molmoact2_ros.timing import NS_PER_S

from .conversions import stamp_ns, to_array, to_stamp

Vector = NDArray[np.float64]


def trajectory_from_msg(message: JointTrajectoryMsg) -> JointTrajectory:
    """Unpack a trajectory.

    Raises:
        CommandRefused: points differ in size, or carry what the controller does not take.
    """
    points = message.points
    if any(point.effort for point in points):
        raise CommandRefused("efforts in trajectory points are not supported")
    try:
        positions = np.array([point.positions for point in points], dtype=np.float64)
        velocities = np.array([point.velocities for point in points], dtype=np.float64)
    except ValueError as error:
        raise CommandRefused("points of different sizes") from error
    return JointTrajectory(
        start_ns=stamp_ns(message.header.stamp),
        names=tuple(message.joint_names),
        times_s=np.array([stamp_ns(point.time_from_start) / NS_PER_S for point in points]),
        positions=positions,
        velocities=velocities if velocities.size else None,
    )


def joint_state_to_msg(states: list[SimulatedGroupState], time_ns: int) -> JointState:
    """Pack the groups that share a topic, last joint first: no reader may rely on an order."""
    message = JointState(name=[name for state in states for name in state.names][::-1])
    message.header.stamp = to_stamp(time_ns)
    message.position = to_array("d", np.concatenate([state.positions for state in states])[::-1])
    message.velocity = to_array("d", np.concatenate([state.velocities for state in states])[::-1])
    message.effort = to_array("d", np.concatenate([state.efforts for state in states])[::-1])
    return message


def truth_to_msg(names: tuple[str, ...], positions: Vector, velocities: Vector, time_ns: int) -> JointState:
    """Pack where the robot really is: arrays [joints], this package's names and units."""
    message = JointState(name=list(names), position=to_array("d", positions), velocity=to_array("d", velocities))
    message.header.stamp = to_stamp(time_ns)
    return message


def image_to_msg(frame: RenderedFrame) -> Image:
    """Pack a camera image as rgb8, stamped with its exposure."""
    height, width, channels = frame.pixels.shape
    message = Image(height=height, width=width, encoding="rgb8", is_bigendian=0, step=width * channels)
    message.header.stamp = to_stamp(frame.stamp_ns)
    message.header.frame_id = f"{frame.role}_camera"
    message.data = to_array("B", frame.pixels)
    return message


def camera_info_to_msg(image: Image, focal_px: float) -> CameraInfo:
    """Pack the calibration that belongs to an image: an undistorted pinhole, square pixels, axis in the middle."""
    centre = (image.width - 1) / 2, (image.height - 1) / 2
    message = CameraInfo(header=image.header, height=image.height, width=image.width, distortion_model="plumb_bob")
    message.d = [0.0] * 5
    message.k = [focal_px, 0.0, centre[0], 0.0, focal_px, centre[1], 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [focal_px, 0.0, centre[0], 0.0, 0.0, focal_px, centre[1], 0.0, 0.0, 0.0, 1.0, 0.0]
    return message
