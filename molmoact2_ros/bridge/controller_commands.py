# SPDX-License-Identifier: Apache-2.0
"""Turn checked commands into what each kind of controller takes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import DriverGroup
from molmoact2_ros.interfaces.joint_command import JointCommand, sample
from molmoact2_ros.timing import RateLimiter

Vector = NDArray[np.float64]

# Commands that can lie ahead at once: the guard admits starts 0.15 s ahead (at most 0.5 s), at 100 Hz.
_AHEAD = 64
# Periods of a stream that may be missed. The robot stands at the last setpoint meanwhile: what the plan did in the
# time would come as one step.
MISSED_MAX = 2


class Setpoints:
    """The setpoints of one group: the running command's, until it ends at rest or the next one begins.

    A command whose start is still ahead waits for it, and the one before it plays on. When none follows, the brake at
    the end of the last one is played out, as a joint trajectory controller would.

    All times are of the steady clock: a clock that is set must not move the robot along its plan.
    """

    def __init__(self, group: DriverGroup, joint_names: tuple[str, ...], period_ns: int) -> None:
        """Have no setpoint.

        Args:
            group: joints and unit of the controller.
            joint_names: the order of a command's columns.
            period_ns: between setpoints.
        """
        self.names = list(group.joints.values())
        self._columns = [joint_names.index(joint) for joint in group.joints]
        self._unit = group.command_unit
        self.period_ns = period_ns
        self._commands: deque[JointCommand] = deque(maxlen=_AHEAD)
        self._sent_ns: int | None = None  # the newest setpoint of the motion that runs; None: none runs

    def take(self, command: JointCommand, ros_ns: int, steady_ns: int) -> None:
        """Take a command that was admitted at a time of both clocks; it replaces the running one when it starts."""
        self._commands.append(replace(command, start_ns=command.start_ns + steady_ns - ros_ns))

    def at(self, steady_ns: int) -> Vector | None:
        """Return the setpoint [joints] at a time, in the driver's unit; None where no command moves or holds.

        The last point of a command, the one at rest, is returned once: the controller stays there.
        """
        begun = [index for index, command in enumerate(self._commands) if command.start_ns <= steady_ns]
        if not begun:
            return None
        for _ in range(begun[-1]):
            self._commands.popleft()
        command = self._commands[0]
        positions, _ = sample(command, steady_ns)
        self._sent_ns = steady_ns
        if steady_ns >= command.start_ns + round((len(command.positions) - 1) * command.step_s * 1e9):
            self._commands.popleft()
            self._sent_ns = None
        return self._unit.outside(positions[self._columns])

    def interrupted_s(self, steady_ns: int) -> float:
        """Return how long a running motion has been without a setpoint, s; 0 while no more than two were missed."""
        if self._sent_ns is None:
            return 0.0
        # Half a period of jitter belongs to the period.
        gap_ns = steady_ns - self._sent_ns
        return gap_ns * 1e-9 if gap_ns > (MISSED_MAX + 1.5) * self.period_ns else 0.0

    def end(self) -> None:
        """Forget every command: the robot stays at the last setpoint."""
        self._commands.clear()
        self._sent_ns = None


# After a pause this long the gripper may have been moved by hand or by another program: send its goal in any case.
_PAUSE_NS = 1_000_000_000


class GripperGoal:
    """Take the goal of one gripper group out of commands: a gripper controller takes positions without time.

    The goal is the command's last motion point, not its end: the brake behind it belongs to a stop that never comes
    while commands flow. It is sent when it has changed by a step, at a bounded rate: an action server starts again on
    every goal.
    """

    def __init__(self, group: DriverGroup, joint_names: tuple[str, ...], min_step: float, rate_hz: float) -> None:
        """Prepare.

        Args:
            group: joints and unit of the controller.
            joint_names: the order of a command's columns.
            min_step: smallest change that is sent, as part of the gripper's stroke.
            rate_hz: goals a second, at most.
        """
        self.names = list(group.joints.values())
        self._columns = [joint_names.index(joint) for joint in group.joints]
        self._unit = group.command_unit
        self._min_step = min_step
        self._limiter = RateLimiter(rate_hz)
        self._sent: Vector | None = None
        self._seen_ns = 0

    def goal(self, command: JointCommand, steady_ns: int) -> Vector | None:
        """Return the goal [joints] in the driver's unit if it is to be sent now."""
        target = command.positions[command.motion_points - 1, self._columns]
        paused = steady_ns - self._seen_ns > _PAUSE_NS
        self._seen_ns = steady_ns
        changed = self._sent is None or paused or bool(np.abs(target - self._sent).max() >= self._min_step)
        if not changed or not self._limiter.allows(steady_ns):
            return None
        self._sent = target.copy()
        return self._unit.outside(target)


@dataclass(frozen=True, eq=False)
class TrajectoryPoints:
    """Points for a joint trajectory controller: `times_ns` [points] since the start, the others [points, joints]."""

    times_ns: NDArray[np.int64]
    positions: Vector
    velocities: Vector


class TrajectoryCommand:
    """Take the columns of one group out of a command, for a joint trajectory controller."""

    def __init__(self, group: DriverGroup, joint_names: tuple[str, ...], point_stride: int = 1) -> None:
        """Prepare.

        Args:
            group: joints and unit of the controller.
            joint_names: the order of a command's columns.
            point_stride: send every n-th point, and always the last, which is the one at rest.
        """
        self.names = list(group.joints.values())
        self._columns = [joint_names.index(joint) for joint in group.joints]
        self._unit = group.command_unit
        self._stride = point_stride

    def points(self, command: JointCommand) -> TrajectoryPoints:
        """Convert a command that the guard admitted."""
        last = len(command.positions) - 1
        rows = np.append(np.arange(0, last, self._stride), last)
        return TrajectoryPoints(
            times_ns=np.rint(rows * command.step_s * 1e9).astype(np.int64),
            positions=self._unit.outside(command.positions[rows][:, self._columns]),
            velocities=self._unit.rate_outside(command.velocities[rows][:, self._columns]),
        )
