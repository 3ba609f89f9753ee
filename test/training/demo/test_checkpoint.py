# SPDX-License-Identifier: Apache-2.0
"""The shipped checkpoint moves every robot of its norm tags within its limits: chunk by chunk, and for a minute.

Nothing is smoothed or cut off here: what the network gives is held against the limits of the embodiment file.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from molmoact2_ros.embodiment import Embodiment, shipped_embodiments
from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.molmoact2 import MolmoAct2
from molmoact2_ros.policy.checkpoint_choice import demo_checkpoint
from molmoact2_ros.policy.handshake import check_handshake
from molmoact2_ros.policy.native import NativePolicy
from molmoact2_ros.policy.policy import PolicyObservation
from molmoact2_ros.processing.norm_stats import NormStats
from molmoact2_ros.processing.processor import Processor
from molmoact2_ros.sim import DemoMotion

pytestmark = pytest.mark.slow

ROBOTS = shipped_embodiments()
INSTRUCTIONS = (
    "wave",
    "pick up the cube",
    "Task: put the red cube into the bowl.",
    "zxqv 12 ways, of $$ nothing",
    "open the drawer, take the blue cup out, close it again and place the cup on the table to the left",
)
STATES = 1000
IMAGES = 64
START_RAD, START_GRIPPER = 0.03, 0.05
# The rest is the interpolator's.
VELOCITY_SHARE, ACCELERATION_SHARE = 0.6, 0.7


@cache
def _network(folder: Path) -> tuple[MolmoAct2, Processor]:
    torch.set_num_threads(1)
    return load_model(folder), Processor.load(folder)


@cache
@torch.inference_mode()
def _images(folder: Path) -> torch.Tensor:
    """[images, windows, width]: encoded once, for a rollout asks for thousands."""
    model, processor = _network(folder)
    generator = np.random.default_rng(7)
    encoded = [processor.encode_images([_image(generator)]) for _ in range(IMAGES)]
    return torch.stack([model.encode_images(torch.from_numpy(p), torch.from_numpy(w)) for p, w in encoded])


def _image(generator: np.random.Generator) -> np.ndarray:
    """Noise, or a shaded scene with a box and sensor noise, at a camera's size."""
    if generator.random() < 0.3:
        return generator.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    scene = np.linspace(200, 60, 90)[:, None, None] + generator.normal(0, 5, (90, 120, 3)) + [10, 0, -10]
    row, column = generator.integers(0, 60, 2)
    scene[row : row + 20, column : column + 20] = generator.integers(0, 256, 3)
    return np.clip(scene, 0, 255).astype(np.uint8)


@torch.inference_mode()
def _chunks(robot: Embodiment, states: np.ndarray, instruction: str, seed: int) -> np.ndarray:
    """[N, D] measured states -> [N, T, D] chunks, all in the package's units; one instruction, images of their own."""
    folder, tag, cameras = demo_checkpoint(robot), robot.policy.norm_tag, len(robot.cameras)
    model, processor = _network(folder)
    generator = torch.Generator().manual_seed(seed)
    prompts = [processor.encode_text(instruction, state, tag, cameras)[0] for state in robot.to_policy(states)]
    chosen = torch.randint(0, IMAGES, (len(states) * cameras,), generator=generator)
    prefill = model.prefill(torch.from_numpy(np.stack(prompts)), _images(folder)[chosen].flatten(0, 1))
    noise = model.draw_noise(len(states), robot.policy.horizon, generator)
    actions = model.integrate_flow(noise, model.project_context(prefill), len(robot.joints)).numpy()
    return robot.from_policy(np.stack([processor.decode(chunk, tag) for chunk in actions]).astype(np.float64))


@cache
def _many(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Chunks from 1,000 states where the demo can be, with every instruction."""
    robot = Embodiment.load(name)
    states = DemoMotion.of(robot).draw_states(STATES, np.random.default_rng(99))
    parts = np.array_split(states, 4 * len(INSTRUCTIONS))
    texts = INSTRUCTIONS * 4
    return states, np.concatenate([_chunks(robot, part, texts[i], i) for i, part in enumerate(parts)])


@cache
def _minute(name: str) -> np.ndarray:
    """[T, robots, D]: a minute of executing one to three rows of each chunk, with lag and measuring noise."""
    robot = Embodiment.load(name)
    generator = np.random.default_rng(5)
    states = np.tile(robot.pose("home"), (4, 1))
    path = np.empty((0, *states.shape))
    while len(path) < 60 * robot.policy.rate_hz:
        chunk = _chunks(robot, states, INSTRUCTIONS[len(path) % len(INSTRUCTIONS)], len(path))
        rows = generator.integers(1, 4)
        path = np.concatenate((path, chunk[:, 1 : rows + 1].swapaxes(0, 1)))
        reached = 0.8 * chunk[:, rows] + 0.2 * chunk[:, rows - 1]
        states = np.clip(reached + generator.normal(0, 0.002, states.shape), robot.limits("low"), robot.limits("high"))
    return path


@pytest.mark.parametrize("name", ROBOTS)
def test_checkpoint_fits_the_robot(name):
    robot = Embodiment.load(name)
    check_handshake(robot, NormStats.load(demo_checkpoint(robot)).tag(robot.policy.norm_tag))


@pytest.mark.parametrize("name", ROBOTS)
def test_chunks_start_at_the_measured_state(name):
    states, chunks = _many(name)
    gripper = Embodiment.load(name).is_gripper
    error = np.abs(chunks[:, 0] - states)
    assert error[:, ~gripper].max() <= START_RAD
    assert error[:, gripper].max() <= START_GRIPPER


@pytest.mark.parametrize("name", ROBOTS)
def test_chunks_stay_within_position_limits(name):
    limits = Embodiment.load(name).limits
    chunks = _many(name)[1]
    assert (chunks >= limits("low") + limits("margin")).all()
    assert (chunks <= limits("high") - limits("margin")).all()


@pytest.mark.parametrize("name", ROBOTS)
def test_chunks_keep_well_below_velocity_and_acceleration_limits(name):
    robot = Embodiment.load(name)
    chunks = _many(name)[1]
    velocity = np.abs(np.diff(chunks, axis=1)).max((0, 1)) * robot.policy.rate_hz
    acceleration = np.abs(np.diff(chunks, 2, axis=1)).max((0, 1)) * robot.policy.rate_hz**2
    assert (velocity <= VELOCITY_SHARE * robot.limits("velocity")).all(), velocity
    assert (acceleration <= ACCELERATION_SHARE * robot.limits("acceleration")).all(), acceleration


@pytest.mark.parametrize("name", ROBOTS)
def test_chunks_follow_the_motion_they_were_fitted_to(name):
    robot = Embodiment.load(name)
    states, chunks = _many(name)
    taught = DemoMotion.of(robot).rows(states, robot.policy.horizon, robot.policy.rate_hz)
    assert np.sqrt(np.mean((chunks - taught) ** 2)) < 0.01


@pytest.mark.parametrize("name", ROBOTS)
def test_a_minute_of_receding_horizon_stays_within_limits(name):
    limits = Embodiment.load(name).limits
    path = _minute(name)
    assert (path >= limits("low") + limits("margin")).all()
    assert (path <= limits("high") - limits("margin")).all()


@pytest.mark.parametrize("name", ROBOTS)
def test_a_minute_of_receding_horizon_keeps_moving(name):
    robot = Embodiment.load(name)
    amplitude = DemoMotion.of(robot).amplitude
    window = round(10 * robot.policy.rate_hz)
    path = _minute(name)
    for start in range(0, len(path) - window, window):
        swing = np.ptp(path[start : start + window], axis=0)  # [robots, D]
        assert (swing >= 1.5 * amplitude).all(), f"at {start / robot.policy.rate_hz:.0f} s: {swing.min(0)}"


@pytest.mark.parametrize("name", ROBOTS)
def test_policy_gives_the_same_kind_of_chunk(name):
    robot = Embodiment.load(name)
    policy = NativePolicy.load(demo_checkpoint(robot), robot.policy.norm_tag, num_cameras=len(robot.cameras), seed=0)
    images = tuple(_image(np.random.default_rng(1)) for _ in robot.cameras)
    home = robot.pose("home")
    chunk = policy.infer(PolicyObservation(images, robot.to_policy(home), "pick up the cube"))
    taught = DemoMotion.of(robot).rows(home[None], robot.policy.horizon, robot.policy.rate_hz)[0]
    np.testing.assert_allclose(robot.from_policy(chunk.actions), taught, atol=0.04)
