# SPDX-License-Identifier: Apache-2.0
"""The commands of the checkout and the installed programs, in a folder whose name holds a space. No ROS, no build."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIRST_LINES = ROOT / "cmake" / "program_first_lines.cmake"


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_runs_the_programs_of_a_checkout_whose_path_holds_a_space(tmp_path: Path) -> None:
    checkout = tmp_path / "my robot"
    (checkout / "tools").mkdir(parents=True)
    (checkout / "tools" / "make_env.py").write_text("")
    shutil.copy(ROOT / "Makefile", checkout)
    program = checkout / ".venv" / "bin" / "molmoact2"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho ran $1\n")
    program.chmod(0o755)
    ended = subprocess.run(
        ["make", "--no-print-directory", "demo", f"PYTHON={sys.executable}"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "ran demo\n"), ended.stderr


def test_every_path_in_a_recipe_of_make_is_quoted() -> None:
    recipes = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("\t")]
    assert [line for line in recipes if re.search(r'(?<!")\$\((VENV|PYTHON|CURDIR)\)', line)] == []


@pytest.mark.skipif(shutil.which("cmake") is None, reason="needs cmake")
@pytest.mark.parametrize("folder", ["plain", "my robot", "l" * 130])
def test_an_installed_program_starts_whatever_the_path_of_its_interpreter(folder: str, tmp_path: Path) -> None:
    python = tmp_path / folder / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    script = tmp_path / "lines.cmake"
    script.write_text(
        f'set(PROGRAM_INTERPRETER "{python}")\ninclude("{FIRST_LINES}")\n'
        f'file(WRITE "{tmp_path}/program" "${{PROGRAM_FIRST_LINES}}\nimport sys\nprint(sys.argv[1:])\n")\n'
    )
    subprocess.run(["cmake", "-P", str(script)], check=True)
    (tmp_path / "program").chmod(0o755)
    ended = subprocess.run([tmp_path / "program", "a b"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "['a b']\n"), ended.stderr
