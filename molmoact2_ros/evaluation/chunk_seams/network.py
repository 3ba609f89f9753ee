# SPDX-License-Identifier: Apache-2.0
"""Seams between the chunks of a real network: plain and guided flow, on a checkpoint that knows DROID."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interpolation import InterpolationSettings
from molmoact2_ros.policy.native import NativePolicy
from molmoact2_ros.policy.policy import PolicyObservation
from molmoact2_ros.policy.rtc import RealTimeChunking

from .baselines import executed, raw
from .bench import without_start
from .chunks import Rows
from .metrics import chunk_jerk, seam_metrics
from .modes import START_NS, mode_run

REPLAN_STEPS = 4
INSTRUCTION = "move"


class ModelSeams:
    """One network, asked every REPLAN_STEPS rows; the robot stands where the chunk before says it is by then."""

    def __init__(self, checkpoint: Path, count: int, seed: int, blend_s: float) -> None:
        """Prepare `count` chunks for each run, with noise and images drawn from `seed`.

        Raises:
            ValueError: the checkpoint cannot be used, or does not know DROID.
        """
        self._robot = Embodiment.load("droid")
        self._checkpoint, self._count, self._seed = checkpoint, count, seed
        self._settings = InterpolationSettings(blend_s=blend_s)

    def figures(self, delay: int) -> dict[str, dict[str, float]]:
        """Return the figures of plain chunks as they come, of plain and of guided ones behind the interpolator.

        Next to the seam metrics there is `prefix_rad`: how far a chunk is at most from the one before, in the rows that
        pass until it arrives.
        """
        step_s = self._robot.policy.step_s
        plain, guided = (self._chunks(delay, is_guided) for is_guided in (False, True))
        raw_jerk = chunk_jerk(plain, step_s)
        runs = {
            "none": (executed(raw(plain, delay, REPLAN_STEPS), plain, delay, REPLAN_STEPS), plain),
            "receding": (mode_run(self._settings, plain, delay, step_s, REPLAN_STEPS), plain),
            "rtc": (mode_run(self._settings, guided, delay, step_s, REPLAN_STEPS), guided),
        }
        return {
            name: asdict(seam_metrics(without_start(run, replan=REPLAN_STEPS), step_s, raw_jerk))
            | {"prefix_rad": _prefix_rad(rows, delay)}
            for name, (run, rows) in runs.items()
        }

    def _chunks(self, delay: int, is_guided: bool) -> Rows:
        """Return [count, rows, arm joints] rad."""
        robot, policy_contract = self._robot, self._robot.policy
        step_ns = round(policy_contract.step_s * 1e9)
        stamp_ns = START_NS
        rtc = RealTimeChunking(policy_contract.step_s, clock=lambda: stamp_ns + delay * step_ns)
        policy = NativePolicy.load(
            self._checkpoint,
            policy_contract.norm_tag,
            num_cameras=len(robot.cameras),
            seed=self._seed,
            rtc=rtc if is_guided else None,
        )
        shape = (len(robot.cameras), *policy.spec.image_size, 3)
        images = tuple(np.random.default_rng(self._seed).integers(0, 256, shape, np.uint8))
        state, chunks = robot.to_policy(robot.pose("home")), []
        for _ in range(self._count):
            observation = PolicyObservation(images, state.astype(np.float32), INSTRUCTION, stamp_ns)
            chunks.append(policy.infer(observation).actions.astype(np.float64))
            state, stamp_ns = chunks[-1][REPLAN_STEPS], stamp_ns + REPLAN_STEPS * step_ns
        return robot.from_policy(np.stack(chunks))[..., ~robot.is_gripper]


def _prefix_rad(rows: Rows, delay: int) -> float:
    """Return the mean over chunks of the largest deviation in the rows before arrival; the first two warm up."""
    if delay == 0:
        return 0.0
    deviation = np.abs(rows[3:, :delay] - rows[2:-1, REPLAN_STEPS : REPLAN_STEPS + delay])
    return float(deviation.max(axis=(1, 2)).mean())
