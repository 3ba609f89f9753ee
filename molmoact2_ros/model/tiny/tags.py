# SPDX-License-Identifier: Apache-2.0
"""The norm tags of a tiny checkpoint: who the robots are, and the range of every number.

YAM and SO-100/101 quantiles are the published ones of the released checkpoints. Those of DROID and LIBERO are not
published; stand-ins around the robot's reset pose take their place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = "molmoact2_norm_stats.v1"
MODE = "q01_q99"
ACTION_WIDTH = 32


@dataclass(frozen=True)
class TagText:
    """What one tag says in words.

    Attributes:
        norm_tag: its name.
        setup: setup text of the prompt.
        control: control mode of the prompt.
        cameras: dataset keys in training order; empty where training shuffled them.
        horizon: rows in a chunk.
        normalize_gripper: whether grippers are scaled like other joints, because their unit goes beyond 0..1.
    """

    norm_tag: str
    setup: str
    control: str
    cameras: tuple[str, ...]
    horizon: int
    normalize_gripper: bool = False


def tag_metadata(
    text: TagText, action: dict[str, tuple[float, float]], state: dict[str, tuple[float, float]] | None = None
) -> dict[str, Any]:
    """Build one entry of `metadata_by_tag`.

    Args:
        text: the words.
        action: name -> (q01, q99) of every action number, in policy units.
        state: the same of the state; that of the action when not given.
    """
    return {
        "action_key": "action",
        "state_keys": ["observation.state"],
        "camera_keys": [f"observation.images.{camera}" for camera in text.cameras],
        "normalize_gripper": text.normalize_gripper,
        "action_dim": ACTION_WIDTH,
        "action_horizon": text.horizon,
        "n_action_steps": text.horizon,
        "setup_type": text.setup,
        "control_mode": text.control,
        "action_stats": _stats(action, text.normalize_gripper),
        "state_stats": _stats(state or action, text.normalize_gripper),
    }


def norm_stats(metadata_by_tag: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Build the content of `norm_stats.json`."""
    return {"format": FORMAT, "norm_mode": MODE, "metadata_by_tag": metadata_by_tag}


def released_tags() -> dict[str, dict[str, Any]]:
    """Build the entries of the three robots and of LIBERO."""
    libero_text = TagText(
        "libero", "single franka robotic arm in libero", "delta end-effector pose", ("image", "wrist_image"), 10
    )
    entries = [
        (libero_text, _LIBERO_ACTION, _LIBERO_STATE),
        (_absolute("franka_droid", "single franka robotic arm in droid", _DROID_CAMERAS, 15), _DROID, None),
        (_absolute("yam_dual_molmoact2", "bimanual yam robotic arms in molmoact2", _YAM_CAMERAS, 30), _YAM, None),
        (_absolute("so100_so101_molmoact2", "single so100/so101 robotic arm in molmoact2", (), 30, True), _SO101, None),
    ]
    return {text.norm_tag: tag_metadata(text, action, state) for text, action, state in entries}


def _absolute(tag: str, setup: str, cameras: tuple[str, ...], horizon: int, normalize_gripper: bool = False) -> TagText:
    return TagText(tag, setup, "absolute joint pose", cameras, horizon, normalize_gripper)


def _stats(ranges: dict[str, tuple[float, float]], normalize_gripper: bool) -> dict[str, list[Any]]:
    """Spread the two quantiles over all the statistics that a released file holds."""
    low, high = np.array(list(ranges.values())).T
    span = high - low
    is_gripper = np.array(["gripper" in name for name in ranges])
    tails = np.where(is_gripper, 0.0, 0.1) * span
    columns: dict[str, NDArray[np.float64]] = {
        "min": low - tails,
        "max": high + tails,
        "mean": low + span / 2,
        "std": span / 4,
        "q01": low,
        "q10": low + span / 10,
        "q50": low + span / 2,
        "q90": high - span / 10,
        "q99": high,
    }
    return {
        **{key: [round(float(value), 9) for value in column] for key, column in columns.items()},
        "count": [1000.0],
        "names": list(ranges),
        "mask": [bool(normalize_gripper or not gripper) for gripper in is_gripper],
    }


_DROID_CAMERAS = ("exterior_1_left", "wrist_left")
_YAM_CAMERAS = ("top", "left", "right")

_LIBERO_ACTION = {
    "x": (-0.8, 0.8),
    "y": (-0.7, 0.7),
    "z": (-0.9, 0.9),
    "roll": (-0.1, 0.1),
    "pitch": (-0.2, 0.2),
    "yaw": (-0.3, 0.3),
    "gripper": (0.0, 1.0),
}
_LIBERO_STATE = {
    "x": (-0.4, 0.2),
    "y": (-0.3, 0.3),
    "z": (0.0, 1.3),
    "roll": (2.5, 3.7),
    "pitch": (-1.5, 1.5),
    "yaw": (-1.8, 1.8),
    "gripper_left": (0.0, 0.04),
    "gripper_right": (-0.04, 0.0),
}
# rad; DROID counts 0 open, 1 closed.
_DROID = {
    "joint_0": (-0.9, 0.9),
    "joint_1": (-1.0, 0.9),
    "joint_2": (-0.8, 0.8),
    "joint_3": (-2.9, -1.0),
    "joint_4": (-0.8, 0.8),
    "joint_5": (0.9, 3.2),
    "joint_6": (-1.2, 1.2),
    "gripper": (0.0, 1.0),
}
# rad; 0 closed, 1 open.
_YAM = {
    "left_joint_1": (-0.66, 0.47),
    "left_joint_2": (0.004, 2.244),
    "left_joint_3": (0.014, 2.008),
    "left_joint_4": (-1.374, 0.134),
    "left_joint_5": (-0.359, 0.883),
    "left_joint_6": (-0.93, 0.334),
    "left_gripper": (0.051, 0.987),
    "right_joint_1": (-0.494, 0.738),
    "right_joint_2": (0.005, 2.285),
    "right_joint_3": (0.017, 2.061),
    "right_joint_4": (-1.424, 0.24),
    "right_joint_5": (-0.974, 0.53),
    "right_joint_6": (-0.472, 0.962),
    "right_gripper": (0.033, 0.995),
}
# degrees in the older calibration; the gripper from 0 closed to 100 open.
_SO101 = {
    "shoulder_pan": (-41.91, 48.29),
    "shoulder_lift": (43.67, 185.26),
    "elbow_flex": (38.39, 173.14),
    "wrist_flex": (5.71, 91.78),
    "wrist_roll": (-63.45, 42.94),
    "gripper": (0.94, 44.14),
}
