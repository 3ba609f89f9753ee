# SPDX-License-Identifier: Apache-2.0
"""Let `pip install .` do what `colcon build` does: CMake generates the messages, the wheel ships what it installs.

Everything else about the package is in pyproject.toml.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from setuptools.errors import SetupError

SOURCE = Path(__file__).resolve().parent
sys.path.insert(0, str(SOURCE / "tools"))

from ros_build import BuildError, cmake_install, repair_cmake_exports  # noqa: E402

PACKAGE = "molmoact2_ros"
STAGED_PREFIX = Path("build") / "wheel" / "prefix"
# The interpreter of an isolated build is gone afterwards; the one on the PATH is that of the sourced environment.
PROGRAM_INTERPRETER = "/usr/bin/env python3"


class BuildWithMessages(build_py):
    """Add the generated messages to the package, and all the rest that CMake installs to the wheel's data."""

    def run(self) -> None:
        """Build; raise SetupError with the end of the log when CMake fails."""
        if self.editable_mode:
            raise SetupError("an editable install cannot hold generated messages: run `make env`, or colcon build")
        super().run()
        # Not kept for next time: CMake's cache names the isolated environment, which is another one each time.
        shutil.rmtree(STAGED_PREFIX.parent, ignore_errors=True)
        try:
            stage()
        except BuildError as error:
            raise SetupError(str(error)) from error
        package = next(STAGED_PREFIX.glob(f"**/{PACKAGE}/msg/__init__.py")).parents[1]
        shutil.copytree(package, Path(self.build_lib) / PACKAGE, dirs_exist_ok=True)
        # bin/ is left out: pip writes that program itself, for the interpreter that it installs to.
        self.distribution.data_files = data_files(STAGED_PREFIX, without=[package.parent, STAGED_PREFIX / "bin"])


class PlatformDistribution(Distribution):
    """Mark the wheel as made for one platform: the messages are compiled."""

    def has_ext_modules(self) -> bool:
        """Return True."""
        return True


def stage() -> None:
    """Install with CMake to STAGED_PREFIX."""
    ros, python = ros_prefix(), Path(sys.executable)
    repair_cmake_exports(ros, python)
    options = [f"-DPROGRAM_INTERPRETER={PROGRAM_INTERPRETER}"]
    prefix = STAGED_PREFIX.absolute()
    cmake_install(SOURCE, prefix.parent, prefix, ros=ros, python=python, options=options)


def ros_prefix() -> Path:
    """Return the prefix that holds the message generators: of the build environment, or of a sourced ROS."""
    import ament_package

    for folder in Path(ament_package.__file__).parents:
        if (folder / "share" / "ament_cmake").is_dir():
            return folder
    raise BuildError("no share/ament_cmake was found next to ament_package: install ROS 2, or build with isolation")


def data_files(prefix: Path, without: list[Path]) -> list[tuple[str, list[str]]]:
    """Return (folder in the prefix, files) for all that lies in `prefix` but not in the folders of `without`."""
    found: list[tuple[str, list[str]]] = []
    for folder, subfolders, files in os.walk(prefix):
        subfolders[:] = [name for name in subfolders if Path(folder, name) not in without]
        if files:
            found.append((str(Path(folder).relative_to(prefix)), [str(Path(folder, name)) for name in files]))
    return found


setup(cmdclass={"build_py": BuildWithMessages}, distclass=PlatformDistribution)
