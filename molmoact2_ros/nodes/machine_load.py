# SPDX-License-Identifier: Apache-2.0
"""Whether this computer has a processor for every process that wants to run.

Linux counts the time in which at least one process waits for a processor (pressure stall information, "some"). It says
why several processes come late at once, though each of them is well.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from molmoact2_ros.timing import NS_PER_S

PRESSURE = Path("/proc/pressure/cpu")  # absent from kernels without CONFIG_PSI
SAMPLE_NS = NS_PER_S // 10
WINDOW_NS = NS_PER_S
OVERLOADED = 0.8  # share of the window


class LoadMeter:
    """The share of the last second in which a process waited, from samples that are asked for at any rate."""

    def __init__(self, pressure: Path = PRESSURE) -> None:
        """Read from a file of the kernel's format."""
        self._pressure = pressure
        self._samples: deque[tuple[int, int]] = deque()  # steady ns, waited us since the system started
        self._text = ""

    def sample(self, steady_ns: int) -> str:
        """Return a sentence if the computer is overloaded; empty if it is not, or if nothing is known."""
        if self._samples and steady_ns - self._samples[-1][0] < SAMPLE_NS:
            return self._text
        waited_us = self._waited_us()
        if waited_us is None:
            return ""
        self._samples.append((steady_ns, waited_us))
        while len(self._samples) > 2 and steady_ns - self._samples[1][0] >= WINDOW_NS:
            self._samples.popleft()
        then_ns, then_us = self._samples[0]
        if steady_ns - then_ns < WINDOW_NS // 2:
            return ""
        share = 1e3 * (waited_us - then_us) / (steady_ns - then_ns)
        self._text = self._sentence(share) if share > OVERLOADED else ""
        return self._text

    def _waited_us(self) -> int | None:
        try:
            some = self._pressure.read_text().splitlines()[0]
            return int(some.rpartition("total=")[2])
        except (OSError, ValueError, IndexError):
            return None

    @staticmethod
    def _sentence(share: float) -> str:
        return (
            f"this computer is overloaded, processes waited for one of its {os.cpu_count()} processors in "
            f"{min(share, 1.0):.0%} of the last second (load average {os.getloadavg()[0]:.1f}): reduce its load"
        )
