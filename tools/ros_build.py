# SPDX-License-Identifier: Apache-2.0
"""Build this package with CMake against the ROS 2 wheels: shared by `make env` and `pip install .`.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

# The wheels' CMake exports name the include folders of the machine that built them, which CMake refuses elsewhere.
BUILDER_NUMPY = re.compile(r"/opt/python/cp\d+-cp\d+/lib/python[\d.]+/site-packages/numpy/_?core/include")
BUILDER_PYTHON = re.compile(r"/opt/python/cp\d+-cp\d+/include/python[\d.]+")
ASK_FOR_INCLUDES = (
    "import json, sysconfig, numpy; print(json.dumps([sysconfig.get_paths()['include'], numpy.get_include()]))"
)
LAST_LINES = 30  # of the log, shown when a command fails


class BuildError(RuntimeError):
    """A command failed, or something that it needs is missing; the text says what to do."""


def repair_cmake_exports(prefix: Path, python: Path) -> int:
    """Name this machine's include folders in the CMake exports of the ROS wheels.

    Args:
        prefix: where the wheels' share/ is.
        python: interpreter whose headers, and NumPy's, are to be named.

    Returns:
        How many files were changed; 0 the second time.
    """
    python_include, numpy_include = json.loads(subprocess.check_output([python, "-c", ASK_FOR_INCLUDES], text=True))
    changed = 0
    for path in prefix.glob("share/*/cmake/*.cmake"):
        if not path.is_file():  # a link of `make env` to a file that has gone
            continue
        content = path.read_text()
        repaired = BUILDER_NUMPY.sub(lambda _: numpy_include, content)
        repaired = BUILDER_PYTHON.sub(lambda _: python_include, repaired)
        if repaired != content:
            path.write_text(repaired)
            changed += 1
    return changed


def cmake_install(source: Path, build: Path, install: Path, *, ros: Path, python: Path, options: Sequence[str]) -> None:
    """Generate the messages and install them, the Python package, programs and data files.

    Args:
        source: the folder of CMakeLists.txt.
        build: folder for what CMake writes; kept between calls, it makes the next one quick.
        install: prefix to install to.
        ros: prefix of the ROS installation to build against.
        python: interpreter to generate the messages with, and for.
        options: further options for CMake, such as `-DNAME=value`.

    Raises:
        BuildError: a step failed; the text holds the end of the log.
    """
    environment = os.environ | {"AMENT_PREFIX_PATH": str(ros), "CMAKE_PREFIX_PATH": str(ros)}
    build.mkdir(parents=True, exist_ok=True)
    configure: list[str | Path] = [
        *("cmake", "-S", source, "-B", build, "-G", "Ninja"),
        *(f"-DCMAKE_INSTALL_PREFIX={install}", f"-DPython3_EXECUTABLE={python}"),
        *("-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Release", *options),
    ]
    log = build / "build.log"
    log.write_text("")
    steps: list[list[str | Path]] = [configure, ["cmake", "--build", build], ["cmake", "--install", build]]
    for command in steps:
        run_logged(command, log, cwd=build, environment=environment)


def run_logged(command: Sequence[str | Path], log: Path, cwd: Path, environment: dict[str, str]) -> None:
    """Run a command with its output appended to a log.

    Raises:
        BuildError: the program is missing or its exit status is not 0.
    """
    try:
        with log.open("a") as output:
            subprocess.run(command, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT, check=True)
    except FileNotFoundError as error:
        raise BuildError(f"the program {command[0]} is missing: install it and run this again") from error
    except subprocess.CalledProcessError as error:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
        words = " ".join(map(str, command[:2]))
        raise BuildError(f"{tail}\n\n`{words} ...` failed with {error.returncode}; all of its output: {log}") from error
