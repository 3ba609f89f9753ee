# SPDX-License-Identifier: Apache-2.0
"""Parts of budgets that several faults have in common, each with its reason."""

from __future__ import annotations

from molmoact2_ros.perception.synchroniser import Budgets
from molmoact2_ros.safety.settings import Settings

from ..fault import Allowance

MOTION_POINTS = 3  # periods of motion in a command, then it brakes
BRAKE_S = 0.4  # of the demo's gentle motion, and until measured speeds have been small for long enough
PERCEPTION_HEARTBEAT_S = 0.2  # parameter heartbeat_rate_hz of perception
SAFETY_TIMEOUT_S = 0.3  # parameter safety_timeout_s of the bridge
PUBLISHERS_PERIOD_S = 0.5  # between looks at who publishes, and as long again for discovery
FAULT_PERIOD_S = 1.0  # drivers publish their diagnostics once a second
UNRESPONSIVE_LOOK_S = 0.1  # and asked for long enough: see safety/unresponsive.py
BRIDGE_LOOK_S = 0.1  # two periods in which the bridge looks at the clock
SLOWEST_RAD_S = 0.05  # the slowest motion in which a fault is injected
CHUNK_WAIT_S = 0.3  # until the policy's next chunk, on a busy machine
LAG_S = 1.2  # stamps fall behind by 0.7 s a second, and begin with the age of an honest chunk
WAY_S = 6.0  # a smooth way to the forbidden pose, at a third of the speed limits
MISMATCH_S = 1.0  # of motion in which velocities and differences of positions disagree
PAUSE_GAP_S = 0.4  # between the pauses of a process

AT_ONCE = Allowance(0.0, "the stop itself takes no time")


def brake(command_rate_hz: float) -> tuple[Allowance, ...]:
    """Return what every stop takes from the last command to standstill."""
    return (
        Allowance(MOTION_POINTS / command_rate_hz, "motion of the last command, three periods"),
        Allowance(BRAKE_S, "its brake, which was checked with it"),
    )


def silence(settings: Settings) -> dict[str, Allowance]:
    """Return until when the silence of each node is noticed."""
    return {
        "perception": Allowance(settings.perception_timeout_s, "silence of perception"),
        "policy": Allowance(settings.observation_age_max_s, "age of the last chunk's observation"),
        "interpolator": Allowance(settings.command_timeout_s, "silence of the interpolator"),
        "safety": Allowance(SAFETY_TIMEOUT_S, "silence of safety, noticed by the bridge"),
        "bridge": state_aged(settings),
    }


def state_aged(settings: Settings) -> Allowance:
    """Return until when missing states are noticed."""
    return Allowance(settings.state_timeout_s, "age of robot_state")


def camera_aged(settings: Settings) -> tuple[Allowance, ...]:
    """Return until when a missing frame is noticed."""
    return (
        Allowance(Budgets().camera_max_age_s, "age of the newest frame"),
        Allowance(PERCEPTION_HEARTBEAT_S, "a heartbeat of perception"),
        Allowance(settings.perception_not_ready_max_s, "perception may be unready for so long"),
    )


def second_publisher_found() -> tuple[Allowance, ...]:
    """Return until when a second publisher is noticed."""
    return (
        Allowance(PUBLISHERS_PERIOD_S, "between looks at who publishes"),
        Allowance(PUBLISHERS_PERIOD_S, "until the other is discovered"),
    )
