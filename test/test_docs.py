# SPDX-License-Identifier: Apache-2.0
"""The reference pages are those that `make docs` writes from the code, and links between pages lead somewhere.

The page of parameters needs ROS."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("doc/**/*.md")])


@pytest.fixture(scope="module")
def make_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "tools" / "make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["SAFETY.md", "doc/messages.md"])
def test_a_page_is_what_the_code_says(make_docs: ModuleType, page: str) -> None:
    assert (ROOT / page).read_text() == make_docs.PAGES[page](), "run `make docs`"


@pytest.mark.node
def test_the_page_of_parameters_is_what_the_nodes_declare(make_docs: ModuleType) -> None:
    pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")
    assert (ROOT / "doc/parameters.md").read_text() == make_docs.parameters_page(), "run `make docs`"


def test_a_safety_page_without_the_lines_around_its_table_is_refused(
    make_docs: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(make_docs, "ROOT", tmp_path)
    (tmp_path / "SAFETY.md").write_text(f"# Safety\n\n{make_docs.BEGIN}\n")
    with pytest.raises(ValueError, match=r"SAFETY\.md: expected the lines .* put them around the table"):
        make_docs.safety_page()


def test_a_comment_below_a_field_continues_its_meaning_and_constants_have_a_table_of_their_own(
    make_docs: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(make_docs, "ROOT", tmp_path)
    (tmp_path / "msg").mkdir()
    (tmp_path / "msg" / "Way.msg").write_text(
        "# Where to.\n\nuint8 UP=1  # away | up\nuint8 way  # one\n    # of all\n"
    )
    page = make_docs.messages_page()
    assert "## Way.msg\n\nWhere to.\n" in page
    assert "| `UP` | 1 | away \\| up |" in page
    assert "| `way` | `uint8` | one of all |" in page


def _anchors(page: Path) -> set[str]:
    """Return the names that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def _leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    return target.exists() and (not anchor or anchor in _anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in link]
    assert [link for link in links if not _leads_somewhere(page, link)] == []


def test_the_readme_lists_every_room() -> None:
    tree = (ROOT / "README.md").read_text().partition("\n## What is where\n")[2].partition("\n## ")[0]
    rooms = {path.parent.name for path in ROOT.glob("molmoact2_ros/*/__init__.py")}
    assert set(re.findall(r"^      (\w+)/ ", tree, flags=re.MULTILINE)) == rooms


def test_every_row_of_the_fault_table_has_a_measurement_or_says_that_there_is_none() -> None:
    table = (ROOT / "SAFETY.md").read_text().partition("\n## Fault injection\n")[2].partition("\n## ")[0]
    measured = re.findall(r"^\| `\w+` .*\| (.*?) ?\|$", table, flags=re.MULTILINE)
    assert measured
    assert [cell for cell in measured if not re.fullmatch(r"(?:(?:\d+|-), ){2}(?:\d+|-) ms|-|not measured", cell)] == []


def test_the_example_of_the_lockstep_page_is_a_test_that_runs() -> None:
    code = (ROOT / "doc/lockstep.md").read_text().partition("```python\n")[2].partition("```")[0]
    example = code[code.index("def test_") :]
    assert example in (ROOT / "test/graph/test_stops.py").read_text()
