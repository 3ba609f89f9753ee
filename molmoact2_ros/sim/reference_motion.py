# SPDX-License-Identifier: Apache-2.0
"""The motion that the demo's checkpoint is fitted to: an endless, gentle loop through the home pose.

A vector field in joint space with one attracting orbit. Each joint swings as a sine of one common phase, so the orbit
is a plane ellipse; whatever is off the ellipse decays. The field depends on the positions alone, so a chunk computed
from any measured state starts there, and executing chunks in a receding horizon goes round for ever.

All positions are in the package's units (rad; grippers 0 closed to 1 open).

Axes: N states, T rows, D joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Embodiment

Array = NDArray[np.float64]

PERIOD_S = 6.0
# Distance from the orbit falls to 1/e in this time.
RETURN_S = 1.0
# The base turns most: what sweeps sideways stays over the table, and the cameras keep seeing it.
BASE_AMPLITUDE_RAD, ARM_AMPLITUDE_RAD = 0.3, 0.15
# That is for rows at this rate. A network errs by a part of its range, and what it errs by between rows becomes
# acceleration with the square of the rate: a faster policy swings less.
FULL_SWING_HZ = 15.0
# A gripper follows the phase as a first-order lag of RETURN_S would follow a swing of 1.45 times this amplitude, the
# square root of 1 + (2 pi RETURN_S / PERIOD_S)^2. That swing stays within the gripper's range, so the gripper does too.
GRIPPER_AMPLITUDE, GRIPPER_CENTRE = 0.33, 0.5
# The golden angle spreads the joints over the phase, so that no two of them swing alike.
PHASE_STEP_RAD = np.pi * (3 - np.sqrt(5))
GRIPPER_PHASE_RAD = np.pi / 2
# Rows stay this far inside a gripper's range, because the range is the limit and the fitted network errs a little.
GRIPPER_ROOM = 0.02
# What the checkpoint knows beyond the orbit, in amplitudes: a robot lags, and does not start on the orbit.
ROOM = 0.4


@dataclass(frozen=True)
class DemoMotion:
    """The loop of one robot; vectors are in the order of its joints.

    Attributes:
        centre: [D] middle of the orbit.
        amplitude: [D] swing to either side, positive.
        phase_rad: [D] where in its swing a joint is when the orbit's phase is 0.
        is_gripper: [D]; grippers follow the phase, but do not set it.
    """

    centre: Array
    amplitude: Array
    phase_rad: Array
    is_gripper: NDArray[np.bool_]

    @classmethod
    def of(cls, robot: Embodiment) -> DemoMotion:
        """Lay an orbit through the robot's home pose, moved aside where it would come close to a limit."""
        home, is_gripper = robot.pose("home"), robot.is_gripper
        low = robot.limits("low") + robot.limits("margin")
        high = robot.limits("high") - robot.limits("margin")
        is_base = ~is_gripper & np.concatenate(([True], is_gripper[:-1]))  # the first joint of each arm
        swing = np.where(is_base, BASE_AMPLITUDE_RAD, ARM_AMPLITUDE_RAD)
        swing *= min(1.0, FULL_SWING_HZ / robot.policy.rate_hz)
        amplitude = np.minimum(swing, (high - low) / 2 / (1 + ROOM))
        phase = PHASE_STEP_RAD * np.arange(len(home))
        reach = amplitude * (1 + ROOM)
        # Two orbits pass through the home pose, one on either side of it: take the one that limits push less.
        sides = [home - amplitude * np.sin(phase), home + amplitude * np.sin(phase)]
        inside = [np.clip(side, low + reach, high - reach) for side in sides]
        mirrored = np.abs(inside[1] - sides[1]) < np.abs(inside[0] - sides[0])
        return cls(
            centre=np.where(is_gripper, GRIPPER_CENTRE, np.where(mirrored, inside[1], inside[0])),
            amplitude=np.where(is_gripper, GRIPPER_AMPLITUDE, amplitude),
            phase_rad=np.where(is_gripper, GRIPPER_PHASE_RAD, np.where(mirrored, -phase, phase)),
            is_gripper=is_gripper,
        )

    @property
    def low(self) -> Array:
        """[D] lower end of what the checkpoint knows."""
        return np.where(self.is_gripper, 0.0, self.centre - (1 + ROOM) * self.amplitude)

    @property
    def high(self) -> Array:
        """[D] upper end of what the checkpoint knows."""
        return np.where(self.is_gripper, 1.0, self.centre + (1 + ROOM) * self.amplitude)

    def rows(self, states: Array, count: int, rate_hz: float) -> Array:
        """Follow the field.

        Args:
            states: [N, D] where to start.
            count: T, rows to return; the first is the start itself, but for grippers at the end of their range.
            rate_hz: rows per second.

        Returns:
            [N, T, D].
        """
        times_s = np.arange(count) / rate_hz  # [T]
        decay = np.exp(-times_s / RETURN_S)
        states = np.where(self.is_gripper, np.clip(states, GRIPPER_ROOM, 1 - GRIPPER_ROOM), states)
        swing = (states - self.centre) / self.amplitude  # [N, D]
        plane = swing @ self._to_plane()  # [N, 2]
        radius = np.linalg.norm(plane, axis=1, keepdims=True)  # [N, 1]
        phase = np.arctan2(plane[:, :1], plane[:, 1:]) + 2 * np.pi / PERIOD_S * times_s  # [N, T]
        circle = np.stack((np.sin(phase), np.cos(phase)), axis=-1) @ self._from_plane()  # [N, T, D]
        off_circle = swing - np.where(self.is_gripper, 1, radius) * circle[:, 0]  # [N, D]
        reach = 1 + (radius - 1) * decay  # [N, T]
        swings = np.where(self.is_gripper, 1, reach[..., None]) * circle + off_circle[:, None] * decay[:, None]
        return self.centre + self.amplitude * swings

    def draw_states(self, count: int, generator: np.random.Generator) -> Array:
        """Draw [count, D] states where the robot can be: near the orbit, and grippers sometimes anywhere."""
        phase = generator.uniform(0, 2 * np.pi, (count, 1))
        swing = (1 + 0.1 * generator.standard_normal((count, 1))) * np.sin(phase + self.phase_rad)
        swing += generator.choice([0.03, 0.1, 0.2], (count, 1)) * generator.standard_normal(swing.shape)
        states = self.centre + self.amplitude * swing
        strays = self.is_gripper & (generator.random((count, 1)) < 0.3)
        states = np.where(strays, generator.random(states.shape), states)
        return np.clip(states, self.low, self.high)

    def _from_plane(self) -> Array:
        """[2, D]: swings of all joints at (sine, cosine) of the phase."""
        return np.stack((np.cos(self.phase_rad), np.sin(self.phase_rad)))

    def _to_plane(self) -> Array:
        """[D, 2]: the nearest point of the ellipse's plane, as the arm joints see it."""
        arm = self._from_plane() * ~self.is_gripper
        return np.asarray(np.linalg.pinv(arm), dtype=np.float64)
