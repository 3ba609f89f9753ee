#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the virtual environment in which this package is developed, tested and demonstrated; `make env` calls this.

A virtual environment with the ROS 2 wheels is a complete ROS prefix: it takes this package as a lab's ROS installation
would, with links instead of copies, so that an edited file is in effect at once. Each step is skipped when nothing
has changed since it last succeeded. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ros_build import BuildError, cmake_install, repair_cmake_exports

PACKAGE = "molmoact2_ros"
SOURCE = Path(__file__).resolve().parents[1]
CONSTRAINTS = SOURCE / "constraints.txt"
OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)
RENDERING_PACKAGES = ("libegl1", "libegl-mesa0", "libgl1-mesa-dri")  # the simulator's cameras, without a display
COMPILER_PACKAGES = ("g++",)
ACTIVATION = """
# Added by `make env`: this environment is also a ROS 2 prefix.
export AMENT_PREFIX_PATH="$VIRTUAL_ENV${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}"
"""


def main() -> int:
    """Run every step; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=SOURCE / ".venv", help="folder (default: %(default)s)")
    venv = parser.parse_args().venv.absolute()
    started_s = time.monotonic()
    try:
        check_python()
        check_path(venv)
        install_debian_packages()
        make_venv(venv)
        install_pins(venv)
        build_package(venv)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"make env: {venv} is ready ({time.monotonic() - started_s:.0f} s)", flush=True)
    return 0


def check_python() -> None:
    """Raise BuildError unless the ROS wheels exist for this interpreter."""
    if not OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
        oldest, newest = (".".join(map(str, version)) for version in (OLDEST_PYTHON, NEWEST_PYTHON))
        raise BuildError(
            f"this is Python {sys.version.split()[0]}, expected {oldest} to {newest}: "
            f"name another one, as in `make env PYTHON=python{newest}`"
        )


def check_path(venv: Path) -> None:
    """Raise BuildError if lists of paths, in the environment or in CMake, would be cut inside this one."""
    if cut := sorted({":", ";"} & set(str(venv))):
        raise BuildError(f"{venv} holds {' and '.join(map(repr, cut))}, which divide lists of paths: use another one")


def install_debian_packages() -> None:
    """Install what pip cannot, or say how to.

    Raises:
        BuildError: there is no C++ compiler and none can be installed from here.
    """
    without_compiler = shutil.which("c++") is None
    missing = [*(COMPILER_PACKAGES if without_compiler else ()), *filter(is_missing, RENDERING_PACKAGES)]
    if not missing:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        with step(f"installing {' '.join(missing)}"):
            run(["apt-get", "update", "-qq"])
            run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing])
        return
    advice = f"as root: apt-get install {' '.join(missing)}"
    if without_compiler:
        raise BuildError(f"no C++ compiler was found, which the ROS messages need; {advice}")
    print(f"make env: the simulator will not render before these libraries are installed; {advice}", flush=True)


def is_missing(package: str) -> bool:
    """Tell whether a Debian package is known to be absent; elsewhere than on Debian nothing is known."""
    if not shutil.which("dpkg-query"):
        return False
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout != "installed"


def make_venv(venv: Path) -> None:
    """Create the virtual environment; let its activation name it as a ROS prefix."""
    if not venv_python(venv).exists():
        with step(f"creating {venv} with Python {sys.version.split()[0]}"):
            run([sys.executable, "-m", "venv", venv])
    activate = venv / "bin" / "activate"
    if ACTIVATION not in activate.read_text():
        with activate.open("a") as script:
            script.write(ACTIVATION)


def install_pins(venv: Path) -> None:
    """Install what constraints.txt names, unless these very lines were installed before."""
    stamp = venv / "share" / "molmoact2_ros_constraints.sha256"
    wanted = hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    with step("installing the packages of constraints.txt (some minutes the first time)"):
        pip_install: list[str | Path] = [venv_python(venv), "-m", "pip", "install", "--disable-pip-version-check"]
        run([*pip_install, "--quiet", "--constraint", CONSTRAINTS, "--upgrade", "pip"])
        run([*pip_install, "--requirement", CONSTRAINTS])
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(wanted)


def build_package(venv: Path) -> None:
    """Generate the messages and install this package with links to the checkout."""
    os.environ["PATH"] = f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
    python = venv_python(venv)
    repair_cmake_exports(venv, python)
    with step("building the messages and installing the package (a minute the first time)"):
        options = ["-DAMENT_CMAKE_SYMLINK_INSTALL=ON"]
        # Inside the environment, for its links lead there: `make clean` must not break it.
        cmake_install(SOURCE, venv / "build" / PACKAGE, venv, ros=venv, python=python, options=options)
        remove_dead_links(venv)


def remove_dead_links(venv: Path) -> None:
    """Remove what the install of an earlier state of the checkout left behind: links to files that have gone."""
    folders = [*venv.glob(f"lib/python*/site-packages/{PACKAGE}*"), venv / "share" / PACKAGE]
    for link in (path for folder in folders for path in folder.rglob("*") if path.is_symlink()):
        if not link.exists():
            link.unlink()


def venv_python(venv: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return venv / "bin" / "python"


def run(command: list[str | Path]) -> None:
    """Run a command that shows its own progress; raise BuildError if it fails."""
    status = subprocess.run(command, check=False).returncode
    if status:
        raise BuildError(f"`{' '.join(map(str, command))}` failed with {status}; its own message stands above")


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what begins, and how long it took."""
    print(f"make env: {title}", flush=True)
    started_s = time.monotonic()
    yield
    print(f"make env: done in {time.monotonic() - started_s:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
