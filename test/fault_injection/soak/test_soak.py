# SPDX-License-Identifier: Apache-2.0
"""What a long run counts: growth of processes, stops and who is named for them. No ROS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from molmoact2_ros.cli.main import main
from molmoact2_ros.fault_injection.soak.figures import Sample, growth, write_csv
from molmoact2_ros.fault_injection.soak.stops import Stop, Stops

LATE = Stop(30.0, "stale state", "the newest robot_state is 0.21 s old")
LOADED = Stop(60.0, "overloaded", "this process did not run for 0.25 s; reduce the load on this computer")


def test_a_process_is_looked_at_and_one_that_has_ended_is_not(tmp_path: Path) -> None:
    sample = Sample.take(os.getpid(), 3.0)
    assert sample is not None
    assert sample.at_s == 3.0
    assert min(sample.rss_mib, sample.threads, sample.files) >= 1
    assert Sample.take(os.getpid(), 3.0, proc=tmp_path) is None


def test_growth_is_that_after_the_warm_up() -> None:
    samples = [Sample(at_s, 50.0 + min(at_s, 60.0) + 0.5 * at_s / 60.0, 8, 30) for at_s in range(0, 600, 5)]
    grown = growth(samples, warm_up_s=60.0)
    assert grown["rss_slope_mib_per_min"] == pytest.approx(0.5)
    assert (grown["threads_first"], grown["threads_last"], grown["files_last"]) == (8, 8, 30)


def test_growth_of_too_few_samples_is_unknown() -> None:
    assert growth([Sample(1.0, 50.0, 8, 30)], warm_up_s=0.0)["rss_slope_mib_per_min"] is None


def test_a_stop_passes_on_a_busy_computer_only_and_only_if_the_load_is_named() -> None:
    assert Stops().ok(busy=False)
    assert not Stops([LOADED]).ok(busy=False)
    assert Stops([LOADED]).ok(busy=True)
    assert not Stops([LOADED, LATE]).ok(busy=True)
    said = Stop(90.0, LATE.cause, f"{LATE.text}; this computer is overloaded: reduce its load")
    assert Stops([LOADED, said]).ok(busy=True)


def test_stops_are_counted_by_cause_with_their_sentences() -> None:
    report = Stops([LATE, LOADED, LATE]).report()
    assert report["stops"] == {"stale state": 2, "overloaded": 1}
    assert report["stop_texts"][0] == {"at_s": 30.0, "cause": "stale state", "text": LATE.text}


def test_samples_are_written_one_row_each(tmp_path: Path) -> None:
    write_csv(tmp_path / "samples.csv", {"safety": [Sample(5.0, 103.456, 9, 40)]})
    assert (tmp_path / "samples.csv").read_text() == "node,at_s,rss_mib,threads,files\nsafety,5.0,103.46,9,40\n"


def test_an_unknown_profile_is_refused_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soak", "--embodiment", "so101", "--driver", "so102"]) == 2
    assert "got 'so102'" in capsys.readouterr().err
