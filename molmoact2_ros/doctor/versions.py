# SPDX-License-Identifier: Apache-2.0
"""What the graph runs on, and whether that has been tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .check import Check, failed, ok, warning

PYTHON = ((3, 10), (3, 13))
TESTED_DISTRO = "jazzy"
NEEDED = ("numpy", "torch", "ruckig")
FOR_SIMULATION = "mujoco"
_DISTRO_OF_RCLPY = {"3": "humble", "7": "jazzy", "9": "kilted"}  # by major version


def distro_of(ros_distro: str, rclpy: str) -> str:
    """Return the ROS distribution: the variable ROS_DISTRO if it is set, else by the version of rclpy."""
    return ros_distro or _DISTRO_OF_RCLPY.get(rclpy.partition(".")[0], "unknown")


def check_versions(python: tuple[int, ...], distro: str, packages: Mapping[str, str]) -> Iterator[Check]:
    """Judge the versions.

    Args:
        python: of the interpreter.
        distro: the ROS distribution.
        packages: version by name; empty where it is not installed.
    """
    found = ".".join(map(str, python))
    expected = f"{'.'.join(map(str, PYTHON[0]))} to {'.'.join(map(str, PYTHON[1]))}"
    tried = PYTHON[0] <= python[:2] <= PYTHON[1]
    yield ok("python", found, expected) if tried else warning("python", found, expected, "use a tested interpreter")
    found = f"{distro}, rclpy {packages['rclpy'] or 'of unknown version'}"
    remedy = f"run the tests of the package on it first, or use {TESTED_DISTRO}"
    yield (
        ok("ROS 2", found, TESTED_DISTRO) if distro == TESTED_DISTRO else warning("ROS 2", found, TESTED_DISTRO, remedy)
    )
    yield _check_packages(packages)


def _check_packages(packages: Mapping[str, str]) -> Check:
    wanted = (*NEEDED, FOR_SIMULATION)
    absent = [name for name in wanted if not packages[name]]
    found = ", ".join(f"{name} {packages[name] or 'absent'}" for name in wanted)
    remedy = f"pip install {' '.join(absent)}"
    if not set(absent).isdisjoint(NEEDED):
        return failed("packages", found, "all of them", remedy)
    if absent:
        return warning("packages", found, "all of them", f"{remedy} (for the simulation alone)")
    return ok("packages", found, "all of them")
