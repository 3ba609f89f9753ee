# SPDX-License-Identifier: Apache-2.0
"""The figures of one run, computed from what travelled over the topics. No ROS: fed with plain data, so testable."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState

Vector = NDArray[np.float64]

KEPT_COMMANDS = 20  # a measured state may come this many command periods late and still be compared


@dataclass
class Trace:
    """Joint positions over time: `times_s` and rows of `positions` [joints]."""

    times_s: list[float] = field(default_factory=list)
    positions: list[Vector] = field(default_factory=list)

    def add(self, time_ns: int, positions: Vector) -> None:
        """Append one row."""
        self.times_s.append(time_ns * 1e-9)
        self.positions.append(positions)


class RunMetrics:
    """Count, compare and time what happens while the robot is armed."""

    def __init__(self, arm_joints: tuple[str, ...]) -> None:
        """Start at zero; `arm_joints` are the names whose tracking error counts (rad)."""
        self._arm = arm_joints
        self._recent: deque[JointCommand] = deque(maxlen=KEPT_COMMANDS)
        self._armed_since_ns = 0
        self.is_frozen = False
        self.armed = False
        self.armed_ns = 0
        self.observations = 0
        self.chunks = 0
        self.commands = 0
        self.starved_ticks = 0
        self.first_chunk_executed = False
        self.latencies_s: list[float] = []
        self.inferences_s: list[float] = []
        self.max_tracking_error_rad = 0.0
        self.max_seam_velocity_step_rad_s = 0.0
        self.stop_causes: list[str] = []
        self.commanded = Trace()
        self.measured = Trace()

    def on_safety(self, *, armed: bool, cause: str, now_ns: int) -> None:
        """Note the mode, and a stop's cause once; `cause` is empty when there is none."""
        if self.is_frozen:
            return
        if armed and not self.armed:
            self._armed_since_ns = now_ns
        if self.armed and not armed:
            self.armed_ns += now_ns - self._armed_since_ns
            self._recent.clear()
        if cause and cause not in self.stop_causes:
            self.stop_causes.append(cause)
        self.armed = armed

    def freeze(self, now_ns: int) -> None:
        """End the run: what follows (an ordered stop) no longer counts."""
        self.on_safety(armed=False, cause="", now_ns=now_ns)
        self.is_frozen = True

    def armed_seconds(self, now_ns: int) -> float:
        """Return the armed time so far."""
        running = now_ns - self._armed_since_ns if self.armed else 0
        return (self.armed_ns + running) * 1e-9

    def on_observation(self) -> None:
        """Count an observation, while armed."""
        self.observations += self.armed

    def on_chunk(self, latency_s: float, inference_s: float = 0.0) -> None:
        """Count a chunk, while armed; `latency_s` from its newest camera stamp to its publication."""
        if self.armed:
            self.chunks += 1
            self.latencies_s.append(latency_s)
            self.inferences_s.append(inference_s)

    def on_command(self, command: JointCommand) -> None:
        """Note a command that passed safety."""
        if not self.armed:
            return
        self.commands += 1
        self.commanded.add(command.start_ns, command.positions[0])
        self.first_chunk_executed |= command.chunk_sequence > 0
        # After the first chunk, a tick that neither follows one nor ramps onto one has no valid row to follow.
        self.starved_ticks += self.first_chunk_executed and command.chunk_sequence == 0
        before = self._recent[-1] if self._recent else None
        if before is not None and command.chunk_sequence != before.chunk_sequence and command.names == before.names:
            step = np.abs(command.velocities[0] - before.velocities[0])[self._arm_index(command.names)]
            self.max_seam_velocity_step_rad_s = max(self.max_seam_velocity_step_rad_s, float(step.max()))
        self._recent.append(command)

    def on_robot_state(self, state: RobotState) -> None:
        """Compare the measured pose with the command it should follow at that time."""
        self.measured.add(state.stamp_ns, state.positions)
        command = self._command_at(state.stamp_ns)
        if command is None or command.names != state.names or not self.armed:
            return
        index = self._arm_index(state.names)
        error = np.abs(position_at(command, state.stamp_ns) - state.positions)[index]
        self.max_tracking_error_rad = max(self.max_tracking_error_rad, float(error.max()))

    def latency_ms(self, percent: float) -> float | None:
        """Return a percentile of observation to chunk, ms; None before the first chunk."""
        return float(np.percentile(self.latencies_s, percent) * 1e3) if self.latencies_s else None

    def _command_at(self, time_ns: int) -> JointCommand | None:
        """Return the command in force at a time: the newest one that had begun."""
        begun = (command for command in reversed(self._recent) if command.start_ns <= time_ns)
        return next(begun, None)

    def _arm_index(self, names: tuple[str, ...]) -> list[int]:
        return [names.index(name) for name in self._arm]


def position_at(command: JointCommand, time_ns: int) -> Vector:
    """Evaluate a command as a controller does: cubic Hermite between its points, held outside.

    Returns:
        [joints] in this package's units.
    """
    steps = (time_ns - command.start_ns) * 1e-9 / command.step_s
    last = len(command.positions) - 1
    if not 0 <= steps < last:
        return command.positions[0 if steps < 0 else last]
    row = int(steps)
    u = steps - row
    p0, p1 = command.positions[row], command.positions[row + 1]
    v0, v1 = command.velocities[row] * command.step_s, command.velocities[row + 1] * command.step_s
    rise = u * u * (3 - 2 * u)
    return np.asarray((1 - rise) * p0 + rise * p1 + u * (1 - u) ** 2 * v0 + u * u * (u - 1) * v1)
