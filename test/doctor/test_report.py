# SPDX-License-Identifier: Apache-2.0
"""One line for each check, however long, and a JSON object that says the same."""

from __future__ import annotations

import io

from rich.console import Console

from molmoact2_ros.doctor.check import failed, ok, warning
from molmoact2_ros.doctor.report import as_json, print_check, summary

FINE = ok("python", "3.12.3", "3.10 to 3.13")
DOUBTFUL = warning("GPU", "none", "a CUDA device", "use another machine")
WRONG = failed("gripper unit", "finger = [0.6]", "0 to 1", "correct the driver")


def _printed(*checks) -> list[str]:
    file = io.StringIO()
    for check in checks:
        print_check(Console(file=file, width=40), check)
    return file.getvalue().splitlines()


def test_a_check_that_passed_reports_what_was_found_alone() -> None:
    assert _printed(FINE) == ["ok       python                       3.12.3"]


def test_a_check_that_failed_reports_what_was_expected_and_what_to_do_on_one_line() -> None:
    (line,) = _printed(WRONG)
    assert line == "FAILED   gripper unit                 finger = [0.6]; expected 0 to 1: correct the driver"


def test_the_summary_counts_and_forbids_to_arm_after_a_failure() -> None:
    assert summary("droid", "d", [FINE, DOUBTFUL, DOUBTFUL]) == "droid, driver d: 1 ok, 2 warnings; ready"
    assert summary("droid", "d", [FINE, WRONG]) == "droid, driver d: 1 ok, 1 FAILED; do not arm yet"


def test_the_json_is_ok_with_warnings_and_not_with_a_failure() -> None:
    assert as_json("droid", "d", [FINE, DOUBTFUL])["ok"] is True
    report = as_json("droid", "d", [WRONG])
    assert (report["embodiment"], report["driver"], report["ok"]) == ("droid", "d", False)
    assert list(report["checks"][0]) == ["name", "status", "found", "expected", "remedy"]
