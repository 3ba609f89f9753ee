# SPDX-License-Identifier: Apache-2.0
"""Frames, observations and depth maps from messages and into them."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.camera_frame import COMPRESSED, CameraFrame
from molmoact2_ros.msg import DepthMap as DepthMapMsg
from molmoact2_ros.msg import Observation as ObservationMsg
from molmoact2_ros.msg import PerceptionStatus as PerceptionStatusMsg
from molmoact2_ros.perception import Decision, Observation
from molmoact2_ros.policy.policy import CellFacts, DepthResult, PolicySpec

from .conversions import stamp_ns, to_array, to_stamp

RAW_TRANSPORT, COMPRESSED_TRANSPORT = "raw", "compressed"


def frame_from_image(message: Image, received_ns: int) -> CameraFrame:
    """Wrap an Image; the frame keeps the message's buffer."""
    return CameraFrame(
        stamp_ns=stamp_ns(message.header.stamp),
        received_ns=received_ns,
        data=np.frombuffer(message.data, dtype=np.uint8),
        encoding=message.encoding,
        height=message.height,
        width=message.width,
        step=message.step,
        frame_id=message.header.frame_id,
    )


def frame_from_compressed(message: CompressedImage, received_ns: int) -> CameraFrame:
    """Wrap a CompressedImage; its `format` is free text, so the data decides whether it is a JPEG or a PNG."""
    data = np.frombuffer(message.data, dtype=np.uint8)
    return CameraFrame(stamp_ns(message.header.stamp), received_ns, data, COMPRESSED, frame_id=message.header.frame_id)


def observation_to_msg(observation: Observation, robot: Embodiment, now_ns: int) -> ObservationMsg:
    """Pack an observation.

    Args:
        observation: the input of the policy.
        robot: whose it is.
        now_ns: ROS time, the moment that its ages refer to.
    """
    message = ObservationMsg(
        sequence=observation.sequence,
        embodiment=robot.name,
        camera_roles=list(robot.camera_roles),
        camera_stamps=[to_stamp(stamp) for stamp in observation.camera_stamps_ns],
        camera_ages_s=observation.camera_ages_s(now_ns),
        skew_s=observation.skew_s,
        height=observation.images.shape[1],
        width=observation.images.shape[2],
        state_names=list(robot.joint_names),
        state_stamp=to_stamp(observation.state_stamp_ns),
        state_age_s=observation.state_age_s(now_ns),
    )
    message.header.stamp = to_stamp(observation.stamp_ns)
    message.images = to_array("B", observation.images)
    message.state = to_array("f", observation.state)
    message.perception_instance_id = observation.instance_id
    if observation.changes is not None:
        message.cells_unchanged_since = to_array("Q", observation.changes.unchanged_since)
    return message


def status_to_msg(decision: Decision, last_sequence: int, now_ns: int) -> PerceptionStatusMsg:
    """Pack a decision, stamped `now_ns` (ROS time)."""
    message = PerceptionStatusMsg(
        ready=decision.ready,
        inputs=[status.name for status in decision.statuses],
        states=[getattr(PerceptionStatusMsg, status.state.name) for status in decision.statuses],
        ages_s=[status.age_s for status in decision.statuses],
        skew_s=decision.skew_s,
        text=decision.text,
        observation_sequence=last_sequence,
    )
    message.header.stamp = to_stamp(now_ns)
    return message


def cell_facts(message: ObservationMsg) -> CellFacts | None:
    """Unpack what perception saw of the depth grid; None from a perception that does not say which one it is."""
    if message.perception_instance_id == 0 or message.sequence == 0:
        return None
    return CellFacts(
        message.perception_instance_id, message.sequence, np.array(message.cells_unchanged_since, np.uint64)
    )


def depth_to_msg(depth: DepthResult, observation: ObservationMsg, spec: PolicySpec) -> DepthMapMsg:
    """Pack a depth map that a policy made of an observation; its frame is the first camera's role."""
    message = DepthMapMsg(
        observation_sequence=observation.sequence, forwards=depth.forwards, decoding_s=depth.decoding_ms * 1e-3
    )
    message.header.stamp = observation.header.stamp
    message.header.frame_id = observation.camera_roles[0]
    message.rows, message.columns = depth.codes.shape
    message.codes = to_array("H", depth.codes)
    message.decoded = depth.decoded.ravel().tolist()
    message.levels, message.codec, message.model_id = spec.depth_levels, spec.depth_codec, spec.model_id
    return message
