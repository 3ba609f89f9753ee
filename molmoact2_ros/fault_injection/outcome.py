# SPDX-License-Identifier: Apache-2.0
"""What came of one fault, and whether that is as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .fault import NONE, Fault
from .measurement import Measurement


@dataclass(frozen=True)
class Outcome:
    """One injection: `cause` in words, `none` when nothing stopped; `objections` of those who tried what is refused."""

    fault: Fault
    cause: str
    measurement: Measurement
    objections: tuple[str, ...] = ()

    @property
    def carried_on(self) -> bool:
        """Return whether nothing stopped, rightly, or nothing was to stop."""
        return self.fault.carries_on or (self.fault.may_carry_on and self.cause == NONE)

    @property
    def misses(self) -> list[str]:
        """Say what is not as it should be, one sentence each; empty when all is well."""
        fault, measured = self.fault, self.measurement
        misses = list(self.objections)
        if self.cause not in (fault.expected or (NONE,)):
            misses.append(f"cause: expected {fault.expectation}, got {self.cause}")
        if measured.acceleration_ratio > 1.0:
            misses.append(f"acceleration: {measured.acceleration_ratio:.2f} of the limit")
        return misses if self.carried_on else misses + self._stop_misses()

    def _stop_misses(self) -> list[str]:
        fault, measured, misses = self.fault, self.measurement, []
        if measured.last_command_s is not None and measured.last_command_s > fault.last_command_s:
            misses.append(f"a command came after {_ms(measured.last_command_s)}, budget {_ms(fault.last_command_s)}")
        if measured.standstill_s is None and fault.measurable:
            misses.append("the arm was not seen to stand still")
        if measured.standstill_s is not None and measured.standstill_s > fault.budget_s:
            misses.append(f"standstill after {_ms(measured.standstill_s)}, budget {_ms(fault.budget_s)}")
        if measured.moved_after_stop:
            misses.append(f"the arm moved after it had stopped, by {measured.moved_rad * 1e3:.1f} mrad once settled")
        return misses

    @property
    def ok(self) -> bool:
        """Return whether all is as it should be."""
        return not self.misses


def worst(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return one entry of the report for all injections of the same fault: maxima, and ok only if all are."""
    fault, measured = outcomes[0].fault, [outcome.measurement for outcome in outcomes]
    causes = list(dict.fromkeys(outcome.cause for outcome in outcomes))
    stops = [outcome.measurement for outcome in outcomes if not outcome.carried_on]
    return {
        "name": fault.name,
        "expected": fault.expectation,
        "cause": ", ".join(causes),
        "last_command_ms": _largest([each.last_command_s or 0.0 for each in stops]),
        "standstill_ms": _largest([each.standstill_s for each in stops]),
        "budget_ms": None if fault.carries_on else round(fault.budget_s * 1e3),
        "max_acceleration_ratio": round(max(each.acceleration_ratio for each in measured), 3),
        "moved_after_stop": any(each.moved_after_stop for each in stops),
        "moved_mrad": round(max((each.moved_rad * 1e3 for each in stops), default=0.0), 2),
        "misses": [miss for outcome in outcomes for miss in outcome.misses],
        "ok": all(outcome.ok for outcome in outcomes),
    }


def skipped(fault: Fault, reason: str) -> dict[str, Any]:
    """Return the entry of a fault that this computer does not allow to be injected."""
    return {"name": fault.name, "expected": fault.expectation, "skipped": reason, "ok": True}


def conclude(embodiment: str, driver: str, entries: Sequence[dict[str, Any]], problem: str = "") -> dict[str, Any]:
    """Return the report of one driver profile; `problem` says why not every fault was injected, empty when all were."""
    ok = not problem and all(entry["ok"] for entry in entries)
    report = {"embodiment": embodiment, "driver": driver, "faults": list(entries), "ok": ok}
    return report | ({"problem": problem} if problem else {})


def combine(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the report of one run: that of its only driver profile, or all under `runs`."""
    if len(reports) == 1:
        return dict(reports[0])
    return {"runs": list(reports), "ok": all(report["ok"] for report in reports)}


def _largest(seconds: list[float | None]) -> int | None:
    known = [each for each in seconds if each is not None]
    return round(max(known) * 1e3) if known else None


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms"
