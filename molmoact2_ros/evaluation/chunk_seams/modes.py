# SPDX-License-Identifier: Apache-2.0
"""The modes of this package on the seam benchmark: the interpolator itself on a hand-turned clock."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.action_chunk import ActionChunk
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interpolation import InterpolationSettings, Interpolator
from molmoact2_ros.model.flow import follow
from molmoact2_ros.model.rtc import RtcGuidance, prefix_weights

from .baselines import raw
from .chunks import REPLAN_TICKS, Rows
from .metrics import Executed

START_NS = 1_700_000_000_000_000_000
FLOW_STEPS = 10  # of the released checkpoints
ARM_JOINT = 0  # of the DROID embodiment: what the benchmark's joints are made of
FAR = 1e6  # a limit that is none: what a seam does must not depend on one robot


def limitless_robot(rows: int, joints: int, tick_s: float) -> Embodiment:
    """Return a robot with one command per tick, chunks of so many rows, and no limit in reach."""
    droid = Embodiment.load("droid")
    joint = replace(droid.joints[ARM_JOINT], low=-FAR, high=FAR, velocity=FAR, acceleration=FAR, jerk=FAR)
    return replace(
        droid,
        command_rate_hz=1.0 / tick_s,
        joints=tuple(replace(joint, name=f"joint{index}") for index in range(joints)),
        policy=replace(droid.policy, rate_hz=1.0 / tick_s, horizon=rows),
    )


def mode_run(
    settings: InterpolationSettings, rows: Rows, delay: int, tick_s: float, replan: int = REPLAN_TICKS
) -> Executed:
    """Let the interpolator execute chunks [chunks, rows, joints] that arrive `delay` ticks after their observation."""
    robot = limitless_robot(rows.shape[1], rows.shape[2], tick_s)
    interpolator, period_ns = Interpolator(robot, settings), round(tick_s * 1e9)
    interpolator.measure(RobotState(START_NS, robot.joint_names, rows[0, delay], np.zeros(rows.shape[2])))
    interpolator.arm(START_NS - 1)
    positions, chunks = [], []
    for tick in range(delay, (len(rows) - 1) * replan + delay):
        now_ns = START_NS + tick * period_ns
        index, is_new = divmod(tick - delay, replan)
        if not is_new:
            stamp_ns = START_NS + index * replan * period_ns
            chunk = ActionChunk(stamp_ns, index + 1, period_ns * 1e-9, robot.joint_names, rows[index])
            interpolator.offer(chunk, now_ns)
        command = interpolator.tick(now_ns)
        assert command is not None  # armed, measured, and a period later than the one before
        positions.append(command.positions[0])
        chunks.append(command.chunk_sequence - 1)
    newest = np.array(chunks)
    return Executed(np.array(positions), raw(rows, delay, replan), newest, newest * replan - delay)


def guided(rows: Rows, delay: int) -> Rows:
    """Return what a guided policy would have sent instead of [chunks, rows, joints].

    There is no network here. Its place takes the exact flow to the sampled chunk, velocity (chunk - x) / (1 - t), which
    arrives there from any noise; it runs through the loop and under the guidance that the network runs through.
    """
    horizon, joints = rows.shape[1:]
    end = horizon - REPLAN_TICKS
    weights = prefix_weights(horizon, min(delay, end), end, "smooth")
    generator = torch.Generator().manual_seed(0)
    chunks = torch.from_numpy(rows)
    sent = [chunks[0]]
    for chunk in chunks[1:]:
        before = torch.cat([sent[-1][REPLAN_TICKS:], sent[-1][-1:].expand(REPLAN_TICKS, -1)])
        noise = torch.randn((1, horizon, joints), generator=generator, dtype=torch.float64)
        guidance = RtcGuidance(before[None], weights)
        sent.append(_flow_to(chunk[None], noise, guidance)[0])
    return torch.stack(sent).numpy()


def _flow_to(chunk: torch.Tensor, noise: torch.Tensor, guidance: RtcGuidance) -> torch.Tensor:
    def field(x: torch.Tensor, step: int) -> torch.Tensor:
        return (chunk - x) / (1 - step / FLOW_STEPS)

    return follow(field, noise, FLOW_STEPS, torch.ones(chunk.shape[-1], dtype=chunk.dtype), guidance)
