# SPDX-License-Identifier: Apache-2.0
"""What an inference takes in simulated time: a number, or a draw from measured ones."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from molmoact2_ros.schema import brief

DEFAULT_MS = "80"
NS_PER_MS = 1_000_000


class SimulatedLatency:
    """Latencies in the order of a seed: the same in every run."""

    def __init__(self, text: str, seed: int = 0) -> None:
        """Read them.

        Args:
            text: milliseconds, such as 80; or the path of a JSON file with a list of them, or with one under
                `latencies_ms`, as report.json of `molmoact2 demo` has.
            seed: of the draws.

        Raises:
            ValueError: neither; or a latency that is not above 0.
        """
        self._choices_ms = _numbers(text)
        if not self._choices_ms or not all(0.0 < each < math.inf for each in self._choices_ms):
            raise ValueError(f"latency: expected numbers of milliseconds above 0, got {brief(self._choices_ms)}")
        self._random = np.random.default_rng(seed)

    def next_ns(self) -> int:
        """Return what the next inference takes, ns."""
        return round(self._choices_ms[int(self._random.integers(len(self._choices_ms)))] * NS_PER_MS)


def _numbers(text: str) -> list[float]:
    try:
        return [float(text)]
    except ValueError:
        path = Path(text).expanduser()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content["latencies_ms"] if isinstance(content, dict) else content
        return [float(each) for each in found]
    except OSError as error:
        raise ValueError(f"latency: expected milliseconds, or the path of a JSON file, got {brief(text)}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"latency: expected a list of milliseconds in {path}, or one under latencies_ms") from error
