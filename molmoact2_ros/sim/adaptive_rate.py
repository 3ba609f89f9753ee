# SPDX-License-Identifier: Apache-2.0
"""Decide how often the cameras may expose, so that rendering never starves the physics."""

from __future__ import annotations

from collections import deque

BUSY_SHARE = 0.7  # of real time that rendering may take before the rate goes down
CALM_SHARE = 0.4  # below it the rate goes up again
WINDOW_S = 2.0
STEP_UP = 1.25
LATE_S = 0.1  # physics this far behind the clock, this often in a window, means that the machine is too busy
LATE_TIMES = 3
STEP_DOWN = 0.7


class AdaptiveRate:
    """Hold the camera rate between `lowest_hz` and `asked_hz`, from the time that rendering takes."""

    def __init__(self, asked_hz: float, lowest_hz: float = 1.0) -> None:
        """Start at the rate asked for."""
        self.asked_hz, self._lowest_hz = asked_hz, min(lowest_hz, asked_hz)
        self.rate_hz = asked_hz
        self._renders: deque[tuple[float, float]] = deque()
        self._adapted_s: float | None = None
        self._late_times = 0

    @property
    def lowered(self) -> bool:
        """Return whether the cameras run slower than asked."""
        return self.rate_hz < self.asked_hz

    def rendered(self, now_s: float, duration_s: float) -> None:
        """Note that one image took `duration_s` until `now_s`."""
        self._renders.append((now_s, duration_s))

    def late(self, lateness_s: float) -> None:
        """Note how far the physics was behind the clock before it caught up."""
        self._late_times += lateness_s > LATE_S

    def adapt(self, now_s: float) -> bool:
        """Adapt the rate once per window.

        Args:
            now_s: steady clock.

        Returns:
            Whether the rate has just fallen below the one asked for.
        """
        if self._adapted_s is None:
            self._adapted_s = now_s
        if now_s - self._adapted_s < WINDOW_S:
            return False
        share = self.render_share(now_s)
        before, self._adapted_s = self.rate_hz, now_s
        if share > BUSY_SHARE:
            self._set(before * BUSY_SHARE / share)
        elif self._late_times >= LATE_TIMES:
            self._set(before * STEP_DOWN)
        elif share < CALM_SHARE:
            self._set(before * STEP_UP)
        self._late_times = 0
        return before == self.asked_hz and self.lowered

    def render_share(self, now_s: float) -> float:
        """Return the share of the last window that rendering took."""
        while self._renders and self._renders[0][0] < now_s - WINDOW_S:
            self._renders.popleft()
        return sum(duration for _, duration in self._renders) / WINDOW_S

    def _set(self, rate_hz: float) -> None:
        self.rate_hz = min(max(rate_hz, self._lowest_hz), self.asked_hz)
