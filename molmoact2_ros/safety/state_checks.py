# SPDX-License-Identifier: Apache-2.0
"""What a measurement says by itself: whether it can be read, and what blocks arming a robot there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.joint_command import Names, same_names
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.schema import listed, quoted

from .collision_checker import CollisionChecker
from .limits import Limits


def defect(state: RobotState, names: Names) -> str:
    """Say why a robot_state cannot be read; empty when it can."""
    sizes = (len(state.positions), len(state.velocities))
    if not same_names(state.names, names):
        return f"robot_state has the joints {listed(state.names)}, expected {', '.join(names)}"
    if sizes != (len(names), len(names)):
        return f"robot_state has {sizes[0]} positions and {sizes[1]} velocities for {len(names)} joints"
    for kind, values in (("position", state.positions), ("velocity", state.velocities)):
        if not np.isfinite(values).all():
            joint = int(np.argmin(np.isfinite(values)))
            return f"robot_state gives {values[joint]} as the {kind} of {state.names[joint]}"
    return ""


# From here on states are in joint order.


def fault(state: RobotState | None) -> Verdict | None:
    """Return the robot's own fault."""
    if state is None or state.fault == 0:
        return None
    text = f"the robot reports a fault ({quoted(state.fault_text) or 'no text'}): clear it at the robot"
    return Verdict(Cause.ROBOT_FAULT, text, value=float(state.fault))


def unrest(state: RobotState | None, limits: Limits, bounds: NDArray[np.float64], still_time_s: float) -> str:
    """Say why a robot is not known to stand still; `bounds` [joints] are the speeds below which a joint does."""
    ratios = np.zeros(1) if state is None else np.abs(state.velocities) / bounds
    joint = int(np.argmax(ratios))
    if state is None or ratios[joint] < 1:
        return f"the robot has not been seen to stand still for {still_time_s} s yet: try again"
    speed = f"{abs(state.velocities[joint]):.3f}{limits.unit(joint, '/s')}"
    return f"the robot moves ({limits.names[joint]} at {speed}): wait until it stands still"


def outside(state: RobotState | None, limits: Limits, collision_checker: CollisionChecker | None) -> list[str]:
    """Say where the robot stands though no command may go there, one sentence for each reason."""
    if state is None:
        return []
    reasons = [
        f"{name} stands at {position:.4f}{limits.unit(joint)}, outside {low:.4f} to {high:.4f} where commands are "
        "allowed: move it inside by hand or with the robot's own tools"
        for joint, (name, position, low, high) in enumerate(
            zip(limits.names, state.positions, limits.low, limits.high, strict=True)
        )
        if not low <= position <= high
    ]
    verdict = (
        None if collision_checker is None else collision_checker.check(state.positions, np.zeros_like(state.positions))
    )
    if verdict is not None:
        reasons.append(
            f"where the robot stands no command may begin ({verdict.text}): move it away by hand or with the robot's "
            "own tools"
        )
    return reasons
