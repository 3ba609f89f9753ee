# SPDX-License-Identifier: Apache-2.0
"""Which robots and driver profiles a command line means."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

from molmoact2_ros.embodiment import Driver, Embodiment, default_driver

ALL = "all"
ROBOTS = ("droid", "yam", "so101")


@dataclass(frozen=True)
class Target:
    """A robot, as it is named or the path of its file, and one of its driver profiles."""

    embodiment: str
    robot: Embodiment
    driver: Driver

    @property
    def label(self) -> str:
        """Name both."""
        return f"{self.robot.name}, {self.driver.name}"


def targets(embodiments: Sequence[str], drivers: Sequence[str]) -> list[Target]:
    """Return what is meant, in the order of the shipped files.

    Args:
        embodiments: names or paths; `all` for every shipped robot.
        drivers: names of profiles, of any of the robots; `all` for every one that common_interfaces suffices for; none
            for the first of these.

    Raises:
        ValueError: no robot has such a profile, or it needs messages that are not installed.
    """
    names = [name for given in embodiments for name in (ROBOTS if given == ALL else (given,))]
    robots = [(name, Embodiment.load(name)) for name in dict.fromkeys(names)]
    known = {driver.name: driver for _, robot in robots for driver in robot.drivers.values()}
    for name in drivers:
        if name != ALL:
            _require(name, known)
    chosen = [
        Target(name, robot, driver)
        for name, robot in robots
        for driver in robot.drivers.values()
        if _is_meant(robot, driver, drivers)
    ]
    return chosen


def _is_meant(robot: Embodiment, driver: Driver, drivers: Sequence[str]) -> bool:
    if not drivers:
        return driver.name == default_driver(robot, sim=True)
    return driver.name in drivers or (ALL in drivers and not driver.extra_messages)


def _require(name: str, known: dict[str, Driver]) -> None:
    """Raise ValueError unless a profile of that name can run here."""
    if name not in known:
        listed = ", ".join(_described(driver) for driver in known.values())
        raise ValueError(f"--driver: expected {ALL} or one of {listed}; got {name!r}")
    if missing := _missing(known[name]):
        raise ValueError(
            f"--driver: {name} needs messages of {', '.join(missing)}, which is not installed here; install it, or "
            f"choose a profile without: {', '.join(each.name for each in known.values() if not each.extra_messages)}"
        )


def _described(driver: Driver) -> str:
    missing = _missing(driver)
    return f"{driver.name} (needs {', '.join(missing)}, not installed here)" if missing else driver.name


def _missing(driver: Driver) -> list[str]:
    return [package for package in driver.extra_messages if importlib.util.find_spec(package) is None]
