# SPDX-License-Identifier: Apache-2.0
"""The records in doc/decisions: numbered without gaps, of one form, listed. Needs neither ROS nor a build."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "doc" / "decisions"
RECORDS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
SECTIONS = ["Context", "Decision", "Consequences", "Alternatives considered"]


def test_numbers_of_decisions_are_unique_and_have_no_gaps() -> None:
    assert [int(path.name.partition("-")[0]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_decision_has_its_number_in_the_title_and_the_four_sections(path: Path) -> None:
    assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+", path.stem)
    text = path.read_text()
    assert text.startswith(f"# {path.stem[:4]}: ")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == SECTIONS


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_decision_leaves_no_section_empty(path: Path) -> None:
    bodies = re.split(r"^## .+$", path.read_text(), flags=re.MULTILINE)[1:]
    assert all(body.strip() for body in bodies)


def test_the_list_of_decisions_names_each_once_by_number_title_and_file() -> None:
    rows = re.findall(r"^\| (\d{4}) \| \[(.+)\]\((.+)\) \|$", (FOLDER / "README.md").read_text(), flags=re.MULTILINE)
    expected = [(path.stem[:4], path.read_text().splitlines()[0].partition(": ")[2], path.name) for path in RECORDS]
    assert rows == expected
