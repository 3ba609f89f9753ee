# SPDX-License-Identifier: Apache-2.0
"""What came of one fault, and whether that is as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .fault import Fault
from .measurement import Measurement

CAUSE_NONE = "none"


@dataclass(frozen=True)
class Outcome:
    """One injection: `cause` in words, `none` when nothing stopped; `objections` of those who tried what is refused."""

    fault: Fault
    cause: str
    measurement: Measurement
    objections: tuple[str, ...] = ()

    @property
    def misses(self) -> list[str]:
        """Say what is not as it should be, one sentence each; empty when all is well."""
        fault, measured = self.fault, self.measurement
        misses = list(self.objections)
        if self.cause not in (fault.expected or (CAUSE_NONE,)):
            misses.append(f"cause: expected {fault.expectation}, got {self.cause}")
        if measured.acceleration_ratio > 1.0:
            misses.append(f"acceleration: {measured.acceleration_ratio:.2f} of the limit")
        return misses if fault.carries_on else misses + self._stop_misses()

    def _stop_misses(self) -> list[str]:
        fault, measured, misses = self.fault, self.measurement, []
        if measured.last_command_s is not None and measured.last_command_s > fault.notice_s:
            misses.append(f"a command came after {_ms(measured.last_command_s)}, budget {_ms(fault.notice_s)}")
        if measured.standstill_s is None and fault.measurable:
            misses.append("the arm was not seen to stand still")
        if measured.standstill_s is not None and measured.standstill_s > fault.budget_s:
            misses.append(f"standstill after {_ms(measured.standstill_s)}, budget {_ms(fault.budget_s)}")
        if measured.moved_after_stop:
            misses.append("the arm moved after it had stopped")
        return misses

    @property
    def ok(self) -> bool:
        """Tell whether all is as it should be."""
        return not self.misses


def worst(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return one entry of the report for all injections of the same fault: maxima, and ok only if all are."""
    fault, measured = outcomes[0].fault, [outcome.measurement for outcome in outcomes]
    causes = list(dict.fromkeys(outcome.cause for outcome in outcomes))
    return {
        "name": fault.name,
        "expected": fault.expectation,
        "cause": ", ".join(causes),
        "last_command_ms": None if fault.carries_on else _largest([each.last_command_s or 0.0 for each in measured]),
        "standstill_ms": None if fault.carries_on else _largest([each.standstill_s for each in measured]),
        "budget_ms": None if fault.carries_on else round(fault.budget_s * 1e3),
        "max_acceleration_ratio": round(max(each.acceleration_ratio for each in measured), 3),
        "moved_after_stop": any(each.moved_after_stop for each in measured),
        "ok": all(outcome.ok for outcome in outcomes),
    }


def conclude(embodiment: str, entries: Sequence[dict[str, Any]], problem: str = "") -> tuple[dict[str, Any], int]:
    """Return the report and the exit status; `problem` says why not every fault was injected, empty when all were."""
    ok = not problem and all(entry["ok"] for entry in entries)
    return {"embodiment": embodiment, "faults": list(entries), "ok": ok}, int(not ok)


def _largest(seconds: list[float | None]) -> int | None:
    known = [each for each in seconds if each is not None]
    return round(max(known) * 1e3) if known else None


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms"
