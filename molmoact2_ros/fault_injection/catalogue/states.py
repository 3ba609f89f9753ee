# SPDX-License-Identifier: Apache-2.0
"""Drivers that report what is not so, controllers that do not obey, robots that report a fault."""

from __future__ import annotations

from molmoact2_ros.embodiment import Driver, Embodiment
from molmoact2_ros.embodiment.driver import REPORTED
from molmoact2_ros.safety.settings import Settings

from ..fault import Action, Allowance, Fault, Means
from .allowances import FAULT_PERIOD_S, MISMATCH_S, UNRESPONSIVE_LOOK_S, state_aged

DEGREES = 57.3
OFFSET_RAD = 0.5
FOUND_S = 0.2  # some periods of the check of the difference between command and measurement


def states(robot: Embodiment, driver: Driver, settings: Settings) -> list[Fault]:
    """List the faults of one driver profile."""
    aged = (state_aged(settings),)
    in_vain = (
        Allowance(settings.unresponsive_time_s, "for so long motion may be asked for in vain"),
        Allowance(UNRESPONSIVE_LOOK_S, "between looks at that"),
    )
    ignoring = ("tracking error", "jump", "frozen state")

    def fault(name: str, does: str, what: str, expected: tuple[str, ...], notice: tuple[Allowance, ...]) -> Fault:
        return Fault(name, does, Action(Means.HARDWARE, what), expected, notice)

    return [
        fault("state_nan", "joint states hold NaN", "state_nan", ("stale state",), aged),
        fault("state_dead", "joint states end", "state_dead", ("stale state",), aged),
        fault(
            "state_frozen", "joint states repeat their values, in motion", "state_frozen", ("frozen state",), in_vain
        ),
        fault("state_reordered", "joint states list the joints in another order", "state_reordered", (), ()),
        fault("state_missing", "joint states lack a joint", "state_missing", ("stale state",), aged),
        fault("state_duplicate", "joint states name a joint twice", "state_duplicate", ("stale state",), aged),
        fault("state_extra", "joint states hold two unknown joints, one of them NaN", "state_extra", (), ()),
        *_velocities(robot, driver),
        fault("controller_ignores", "controllers swallow commands", "controller_ignores", ignoring, in_vain),
        *_reported(driver),
    ]


def _velocities(robot: Embodiment, driver: Driver) -> list[Fault]:
    """List wrong velocities; they do no harm where the bridge takes differences of positions anyway."""
    arm = next(group for group in driver.groups if not _is_gripper(robot, group.joints))
    joint = next(iter(arm.joints.values()))
    believed = arm.velocity == REPORTED
    mismatch = ("velocity mismatch",) if believed else ()
    second = (Allowance(MISMATCH_S, "of motion in which velocities and positions disagree"),)
    found = (Allowance(FOUND_S, "some periods of the comparison with commands"),)
    astray, degrees = (*mismatch, "jump"), f"state_offset {joint} {OFFSET_RAD} {DEGREES}"

    def fault(name: str, does: str, what: str, expected: tuple[str, ...], notice: tuple[Allowance, ...]) -> Fault:
        return Fault(name, does, Action(Means.HARDWARE, what), expected, notice if expected else ())

    return [
        fault("state_without_velocities", "joint states hold no velocities", "state_without_velocities", (), ()),
        fault(
            "velocities_degrees",
            "drivers report velocities in degrees",
            f"state_velocities {DEGREES}",
            mismatch,
            second,
        ),
        fault("velocities_zero", "drivers report velocities of 0 in motion", "state_velocities 0", mismatch, second),
        fault(
            "state_offset",
            f"the first joint is measured {OFFSET_RAD} rad off",
            f"state_offset {joint} {OFFSET_RAD} 1",
            astray,  # a step of the position is no motion that the velocity reports
            found,
        ),
        fault(
            "state_offset_degrees",
            f"the first joint is measured {OFFSET_RAD} rad off, and velocities are reported in degrees",
            degrees,
            astray,
            found,
        ),
    ]


def _reported(driver: Driver) -> list[Fault]:
    """List faults that a driver reports, if the profile says where."""
    if not driver.faults:
        return []
    period = (Allowance(FAULT_PERIOD_S, "a period of the driver's diagnostics"),)
    reflex, pressed = Action(Means.HARDWARE, "robot_fault reflex"), Action(Means.HARDWARE, "robot_fault user_stop")
    return [
        Fault("robot_fault", "the robot's driver reports a reflex", reflex, ("robot fault",), period),
        Fault("robot_user_stop", "its own stop is pressed", pressed, ("robot fault",), period),
    ]


def _is_gripper(robot: Embodiment, joints: dict[str, str]) -> bool:
    return all(joint.is_gripper for joint in robot.joints if joint.name in joints)
