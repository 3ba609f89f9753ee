# SPDX-License-Identifier: Apache-2.0
"""The faults of one robot, each with its cause and its budget, which follows from the thresholds of the nodes.

One file per kind of culprit; `names` holds the words that those who bring a fault about share with these lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from molmoact2_ros.embodiment import STREAMS, Driver, Embodiment, default_driver
from molmoact2_ros.safety.settings import Settings

from ..fault import Fault
from .allowances import SLOWEST_RAD_S, brake
from .cameras import cameras
from .chunks import chunks
from .clocks import clocks
from .operators import enabling_devices, estop_devices, instructions, operators
from .others import others
from .processes import processes
from .states import states

__all__ = [
    "SLOWEST_RAD_S",
    "catalogue",
    "choose",
]


def catalogue(robot: Embodiment, driver: Driver | None = None, settings: Settings | None = None) -> tuple[Fault, ...]:
    """List every fault for a robot, in the order in which they are injected.

    Args:
        robot: simulated.
        driver: profile that it is driven by; None: the first one that common_interfaces suffices for.
        settings: thresholds of safety, of which budgets are made; None: the defaults.
    """
    settings = settings or Settings()
    driver = driver or robot.driver(default_driver(robot, sim=True))
    faults = [
        *estop_devices(),
        *operators(),
        *processes(settings),
        *chunks(settings),
        *cameras(robot, settings),
        *states(robot, driver, settings),
        *others(settings),
        *instructions(),
        *enabling_devices(settings),
        *clocks(settings),
    ]
    stops = brake(robot.command_rate_hz)
    streamed = any(group.interface in STREAMS for group in driver.groups)
    return tuple(fault if fault.carries_on else replace(fault, brake=stops, streamed=streamed) for fault in faults)


def choose(faults: Sequence[Fault], names: Sequence[str]) -> list[Fault]:
    """Return the faults that are named, in the order of the list; all when none is.

    Raises:
        ValueError: an unknown name; the sentence lists those known.
    """
    known = [fault.name for fault in faults]
    for name in names:
        if name not in known:
            raise ValueError(f"--only: expected one of {', '.join(known)}; got {name!r}")
    return [fault for fault in faults if not names or fault.name in names]
