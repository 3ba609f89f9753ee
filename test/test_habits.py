# SPDX-License-Identifier: Apache-2.0
"""What a hosting site and a contributor read: workflow, hooks, templates, citation, guide. They name what make runs.

Needs neither ROS nor a build.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import molmoact2_ros

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
PARTS_OF_A_SAFETY_REPORT = {"mode", "cause", "text", "bag", "versions"}


def _read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def _jobs() -> dict[str, Any]:
    jobs: dict[str, Any] = _read(".github/workflows/ci.yml")["jobs"]
    return jobs


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE))


def _recipe(target: str) -> list[str]:
    """Return the commands of a target, as they are typed in a checkout."""
    _, _, rest = MAKEFILE.partition(f"\n{target}:")
    lines = re.match(r".*\n((?:\t.+\n)+)", rest)
    assert lines, f"{target}: no recipe"
    return [re.sub(r'@?"\$\(VENV\)/(.+?)"', r".venv/\1", line.strip()) for line in lines[1].splitlines()]


def _run_steps(job: str) -> list[str]:
    return [step["run"].strip() for step in _jobs()[job]["steps"] if "run" in step]


def test_hooks_before_a_commit_run_what_make_lint_runs_and_nothing_else() -> None:
    (repository,) = _read(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"  # the versions of constraints.txt, not others
    assert [hook["entry"] for hook in repository["hooks"]] == _recipe("lint")


def test_hooks_check_the_whole_checkout_as_make_lint_does() -> None:
    (repository,) = _read(".pre-commit-config.yaml")["repos"]
    assert [hook["pass_filenames"] for hook in repository["hooks"]] == [False] * len(repository["hooks"])


def test_every_make_target_that_the_workflow_runs_exists() -> None:
    used = {target for job in _jobs() for run in _run_steps(job) for target in re.findall(r"\bmake ([a-z-]+)", run)}
    assert used
    assert used <= _targets()


def test_the_workflow_lints_and_runs_every_test() -> None:
    assert _run_steps("lint") == ["make lint"]
    assert _run_steps("test")[-1] == "make test"


def test_unit_tests_run_on_the_oldest_and_the_newest_python_without_ros() -> None:
    tools = (ROOT / "tools" / "make_env.py").read_text()
    bounds = re.search(r"OLDEST_PYTHON, NEWEST_PYTHON = \((\d+), (\d+)\), \((\d+), (\d+)\)", tools)
    assert bounds
    versions = [f"{bounds[1]}.{bounds[2]}", f"{bounds[3]}.{bounds[4]}"]
    assert _jobs()["unit"]["strategy"]["matrix"]["python"] == versions
    install, _ = _run_steps("unit")
    assert "--invert-match --extended-regexp '^ros-' constraints.txt" in install


def test_every_marker_that_the_workflow_leaves_out_is_declared() -> None:
    declared = set(re.findall(r'^  "(\w+)[:(]', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE))
    selection = re.fullmatch(r'python -m pytest -m "not \((.+)\)"', _run_steps("unit")[-1])
    assert selection
    assert set(selection[1].split(" or ")) <= declared


def test_one_job_fails_unless_every_other_job_succeeded() -> None:
    jobs = _jobs()
    last = jobs["ci-ok"]
    assert sorted(last["needs"]) == sorted(set(jobs) - {"ci-ok"})
    assert last["if"] == "always()"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_issue_template_is_a_form_whose_fields_have_labels_and_ids(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form)
    fields = [part for part in form["body"] if part["type"] != "markdown"]
    assert all(part["attributes"]["label"] for part in fields)
    ids = [part["id"] for part in fields]
    assert len(ids) == len(set(ids))


def test_a_safety_report_asks_for_mode_cause_text_bag_and_versions() -> None:
    fields = {part.get("id"): part for part in _read(".github/ISSUE_TEMPLATE/safety_report.yml")["body"]}
    assert set(fields) >= PARTS_OF_A_SAFETY_REPORT
    assert all(fields[name]["validations"]["required"] for name in PARTS_OF_A_SAFETY_REPORT)


def test_a_safety_report_offers_the_modes_of_the_message() -> None:
    (offered,) = [
        part["attributes"]["options"]
        for part in _read(".github/ISSUE_TEMPLATE/safety_report.yml")["body"]
        if part.get("id") == "mode"
    ]
    message = (ROOT / "msg" / "SafetyState.msg").read_text()
    assert offered == [*re.findall(r"^uint8 (?!ESTOP)([A-Z]+)=\d", message, flags=re.MULTILINE), "unknown"]


def test_the_citation_has_the_version_and_licence_of_the_package() -> None:
    citation = _read("CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == molmoact2_ros.__version__
    assert f'license = "{citation["license"]}"' in (ROOT / "pyproject.toml").read_text()


def test_the_changelog_has_a_section_for_the_version_and_its_date_is_that_of_the_citation() -> None:
    sections = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    released = f"[{molmoact2_ros.__version__}] - {_read('CITATION.cff')['date-released']}"
    assert sections[:2] == ["[Unreleased]", released]


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "molmoact2_ros" / "py.typed").is_file()
    assert 'package-data.molmoact2_ros = ["py.typed"]' in (ROOT / "pyproject.toml").read_text()


def test_a_source_distribution_holds_every_folder_of_interfaces_that_cmake_reads() -> None:
    cmake = (ROOT / "CMakeLists.txt").read_text()
    folders = set(re.findall(r"^  (\w+)/\w+\.(?:msg|srv|action)$", cmake, flags=re.MULTILINE))
    grafted = set(re.findall(r"^graft (\w+)$", (ROOT / "MANIFEST.in").read_text(), flags=re.MULTILINE))
    assert folders
    assert folders <= grafted


def test_every_path_that_the_guide_names_exists() -> None:
    paths = re.findall(r"`((?:molmoact2_ros|test|tools|config|msg|doc|urdf|launch)/[\w./-]*)`", GUIDE)
    planned = {"config/recipes/", "config/mixtures/"}
    assert [path for path in paths if path not in planned and "NAME" not in path and not (ROOT / path).exists()] == []


def test_the_guide_lists_every_room_and_marks_those_that_are_planned() -> None:
    table = GUIDE.partition("\n## The rooms\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", table, flags=re.MULTILINE)
    listed = {name for row in rows if not row.endswith("*") for name in re.findall(r"`(\w+)`", row)}
    rooms = {path.parent.name for path in ROOT.glob("molmoact2_ros/*/__init__.py")}
    assert listed == rooms - {"interfaces"}  # in the text above the table


def test_every_make_target_that_the_guide_names_exists() -> None:
    assert set(re.findall(r"`make ([a-z-]+)`", GUIDE)) <= _targets()
