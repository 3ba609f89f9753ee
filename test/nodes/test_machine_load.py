# SPDX-License-Identifier: Apache-2.0
"""The kernel's count of waiting processes becomes a sentence, and nothing where it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from molmoact2_ros.nodes.machine_load import LoadMeter

MS = 1_000_000


def _sentence(file: Path, share: float, seconds: float = 2.0) -> str:
    """Sample a machine on which processes wait for a share of the time."""
    meter, text = LoadMeter(file), ""
    for tick in range(round(seconds / 0.02)):
        file.write_text(
            f"some avg10=1.00 avg60=1.00 avg300=1.00 total={5000 + round(share * tick * 20_000)}\n"
            "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
        )
        text = meter.sample(tick * 20 * MS)
    return text


@pytest.mark.parametrize(("share", "named"), [(0.0, False), (0.7, False), (0.9, True), (1.0, True)])
def test_a_machine_is_called_overloaded_when_processes_waited_most_of_the_last_second(
    tmp_path: Path, share: float, named: bool
) -> None:
    text = _sentence(tmp_path / "cpu", share)
    assert ("overloaded" in text) is named
    assert (f"{share:.0%} of the last second" in text) is named


def test_nothing_is_said_of_a_machine_that_was_not_observed_for_half_a_second(tmp_path: Path) -> None:
    assert _sentence(tmp_path / "cpu", 1.0, seconds=0.4) == ""


@pytest.mark.parametrize("content", [None, "", "some avg10=?\n"])
def test_a_kernel_without_the_count_is_no_error(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "cpu"
    if content is not None:
        file.write_text(content)
    meter = LoadMeter(file)
    assert [meter.sample(tick * 100 * MS) for tick in range(20)] == [""] * 20
