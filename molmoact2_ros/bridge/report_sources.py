# SPDX-License-Identifier: Apache-2.0
"""Whether the reports on the same joints come from one publisher.

Several drivers may share joint_states as long as each reports joints of its own. Two that report the same joints make a
robot that stands in two places at once. The middleware numbers the messages of each publisher, so that of two the
numbers go back again and again; those of one that was restarted go back once.
"""

from __future__ import annotations

from collections import deque

_REMEMBERED = 200  # reports: a source of 10 Hz is found beside one of 500 Hz
_SETBACKS = 3  # more than restarts explain


class ReportSources:
    """The publishers of one group's joints, as far as their numbers tell."""

    def __init__(self) -> None:
        """Know of none."""
        self._newest: int | None = None
        self._setbacks: deque[bool] = deque(maxlen=_REMEMBERED)

    @property
    def are_several(self) -> bool:
        """Tell whether more than one publisher reports the joints."""
        return sum(self._setbacks) >= _SETBACKS

    def hear(self, sequence: int | None) -> None:
        """Take the number that a report has among its publisher's; None says nothing."""
        if sequence is None:
            return
        self._setbacks.append(self._newest is not None and sequence <= self._newest)
        self._newest = sequence
