# SPDX-License-Identifier: Apache-2.0
"""The shipped checkpoint that reasons in depth: its maps end, and its chunks keep to the limits."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from molmoact2_ros.embodiment import Embodiment, share_folder
from molmoact2_ros.model.depth_vae import DepthCodec
from molmoact2_ros.policy.checkpoint_choice import DEPTH_CODEC, demo_checkpoint
from molmoact2_ros.policy.native import NativePolicy
from molmoact2_ros.policy.policy import PolicyObservation
from molmoact2_ros.sim import DemoMotion

pytestmark = pytest.mark.slow

ROBOT = Embodiment.load("droid")
STATES = 40
START_RAD, START_GRIPPER = 0.03, 0.05
# The rest is the interpolator's.
VELOCITY_SHARE, ACCELERATION_SHARE = 0.6, 0.7
MOST_BYTES = 2_200_000


def _policy() -> NativePolicy:
    folder = demo_checkpoint(ROBOT, think=True)
    return NativePolicy.load(folder, ROBOT.policy.norm_tag, num_cameras=len(ROBOT.cameras), seed=0, depth_every=1)


@cache
def _inferred() -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """[N, D] states where the demo can be, [N, T, D] chunks, the codes; every map decoded in full."""
    torch.set_num_threads(1)
    cameras = len(ROBOT.cameras)
    policy = _policy()
    generator = np.random.default_rng(99)
    states = DemoMotion.of(ROBOT).draw_states(STATES, generator)
    chunks, codes = [], []
    for state in states:
        images = tuple(_image(generator) for _ in range(cameras))
        chunk = policy.infer(PolicyObservation(images, ROBOT.to_policy(state), "pick up the cube"))
        chunks.append(ROBOT.from_policy(chunk.actions))
        assert chunk.depth is not None
        codes.append(chunk.depth.codes)
    return states, np.stack(chunks), codes


def _image(generator: np.random.Generator) -> np.ndarray:
    """Shade a scene with sensor noise."""
    scene = np.linspace(200, 60, 90)[:, None, None] + generator.normal(0, 5, (90, 120, 3)) + [10, 0, -10]
    return np.clip(scene, 0, 255).astype(np.uint8)


def test_checkpoint_is_small() -> None:
    assert sum(path.stat().st_size for path in demo_checkpoint(ROBOT, think=True).iterdir()) < MOST_BYTES


def test_every_depth_map_ends_with_a_code_for_each_cell() -> None:
    codes = _inferred()[2]
    assert {one.size for one in codes} == {100}


@pytest.mark.sim
def test_what_the_codes_stand_for_is_what_the_camera_saw() -> None:
    """On scenes that it was not fitted to."""
    pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")
    from molmoact2_ros.sim import SimulationError
    from molmoact2_ros.training.demo.render import render_depth_scenes

    codec = DepthCodec.load(share_folder() / "checkpoints" / DEPTH_CODEC)
    try:
        scenes = render_depth_scenes(ROBOT, 8, codec, seed=1_000)
    except SimulationError as error:
        pytest.skip(str(error))
    policy = _policy()
    for state, images, codes in zip(scenes.states, scenes.images, scenes.codes, strict=True):
        depth = policy.infer(PolicyObservation(tuple(images), ROBOT.to_policy(state), "pick up the cube")).depth
        assert depth is not None
        error_m = np.abs(codec.decode(depth.codes.astype(np.int64)) - codec.decode(codes.reshape(10, 10)))
        assert error_m.mean() < 0.15


def test_it_names_the_codec_that_comes_along() -> None:
    assert DepthCodec.load(share_folder() / "checkpoints" / DEPTH_CODEC).is_named(_policy().spec.depth_codec)


def test_chunks_start_at_the_measured_state() -> None:
    states, chunks, _ = _inferred()
    error = np.abs(chunks[:, 0] - states)
    assert error[:, ~ROBOT.is_gripper].max() <= START_RAD
    assert error[:, ROBOT.is_gripper].max() <= START_GRIPPER


def test_chunks_stay_within_position_limits() -> None:
    chunks = _inferred()[1]
    assert (chunks >= ROBOT.limits("low") + ROBOT.limits("margin")).all()
    assert (chunks <= ROBOT.limits("high") - ROBOT.limits("margin")).all()


@pytest.mark.parametrize(
    ("quantity", "order", "share"), [("velocity", 1, VELOCITY_SHARE), ("acceleration", 2, ACCELERATION_SHARE)]
)
def test_chunks_keep_well_below_velocity_and_acceleration_limits(quantity: str, order: int, share: float) -> None:
    reached = np.abs(np.diff(_inferred()[1], order, axis=1)).max((0, 1)) * ROBOT.policy.rate_hz**order
    assert (reached <= share * ROBOT.limits(quantity)).all(), reached / ROBOT.limits(quantity)
