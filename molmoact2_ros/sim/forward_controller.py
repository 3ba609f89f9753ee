# SPDX-License-Identifier: Apache-2.0
"""What a forward_command_controller and a gripper behind it do: take any number, go there at the gripper's speed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.timing import NS_PER_S

from .errors import CommandRefused

Vector = NDArray[np.float64]


class ForwardController:
    """Move to the newest command at constant speed. Units and names are the driver's."""

    def __init__(self, names: tuple[str, ...], positions: Vector, speed: Vector, low: Vector, high: Vector) -> None:
        """Hold `positions`.

        Args:
            names: joints.
            positions: [joints] where they are.
            speed: [joints] the hardware's own speed, positive, per second.
            low: [joints] mechanical stop; the hardware stops there whatever the command.
            high: [joints] the other stop.
        """
        self._names = names
        self._setpoint = positions.copy()
        self._target = positions.copy()
        self._speed, self._low, self._high = speed, low, high
        self._time_ns: int | None = None

    @property
    def target(self) -> Vector:
        """[joints] what was last commanded."""
        return self._target

    def accept(self, command: Vector) -> None:
        """Take a new command [joints].

        Raises:
            CommandRefused: wrong number of values, as the controller checks it, or a value that is not finite.
        """
        if command.shape != self._target.shape:
            raise CommandRefused(
                f"expected {len(self._target)} values for {', '.join(self._names)}, got {command.size}"
            )
        if not np.isfinite(command).all():
            raise CommandRefused("command with values that are not finite")
        self._target = command.copy()

    def sample(self, time_ns: int) -> tuple[Vector, Vector]:
        """Return the setpoint at a time that never goes back: positions and velocities [joints]."""
        elapsed_s = 0.0 if self._time_ns is None else (time_ns - self._time_ns) / NS_PER_S
        self._time_ns = time_ns
        reach = self._speed * elapsed_s
        goal = np.clip(self._target, self._low, self._high)
        step = np.clip(goal - self._setpoint, -reach, reach)
        self._setpoint = self._setpoint + step
        return self._setpoint, step / elapsed_s if elapsed_s else np.zeros_like(step)

    def delay(self, duration_ns: int) -> None:
        """Shift into the future, for a simulation that stood still."""
        if self._time_ns is not None:
            self._time_ns += duration_ns
