# SPDX-License-Identifier: Apache-2.0
"""What safety receives in messages, and what it publishes in them."""

from __future__ import annotations

import math
from collections import defaultdict

from molmoact2_ros.interfaces.safety_state import Cause, Estop, Snapshot, Verdict
from molmoact2_ros.msg import BridgeState, PerceptionStatus
from molmoact2_ros.msg import SafetyState as SafetyStateMsg
from molmoact2_ros.safety import BridgeReport, PerceptionReport
from molmoact2_ros.schema import quoted

from .conversions import to_stamp

ROBOT_STATE_INPUT = "robot_state"  # among the inputs of PerceptionStatus; the others are cameras

# Not OK, frozen or wrong is missing, late, skewed or unreadable: for motion they are the same.
_CAMERA_CAUSES = defaultdict(
    lambda: Cause.STALE_CAMERA,
    {PerceptionStatus.FROZEN: Cause.FROZEN_CAMERA, PerceptionStatus.WRONG: Cause.WRONG_CAMERA},
)
_STATE_CAUSES = defaultdict(lambda: Cause.STALE_STATE, {PerceptionStatus.FROZEN: Cause.FROZEN_STATE})

# The others say that the bridge was not under this safety's supervision for a time: to the robot it is silent.
_BRIDGE_CAUSES = {
    BridgeState.CAUSE_COMMAND_OLD: Cause.STALE_COMMAND,
    BridgeState.CAUSE_DRIVER_STATE: Cause.STALE_STATE,
    BridgeState.CAUSE_SECOND_PUBLISHER: Cause.SECOND_PUBLISHER,
    BridgeState.CAUSE_OVERLOADED: Cause.OVERLOADED,
}
_NOTHING = Verdict(Cause.NONE, "")


def perception_report_from_msg(message: PerceptionStatus) -> PerceptionReport:
    """Unpack a PerceptionStatus; the first input that is not OK gives the cause."""
    failing = [
        (_STATE_CAUSES if name == ROBOT_STATE_INPUT else _CAMERA_CAUSES)[state]
        for name, state in zip(message.inputs, message.states, strict=False)
        if state != PerceptionStatus.OK
    ]
    # Not ready with every input OK: observations are missing for a reason that only the text knows.
    cause = failing[0] if failing else Cause.STALE_OBSERVATION
    return PerceptionReport(message.ready, Cause.NONE if message.ready else cause, quoted(message.text))


def bridge_report_from_msg(message: BridgeState, instance_id: int = 0) -> BridgeReport:
    """Unpack a BridgeState; `instance_id` is this safety's own."""
    holds, cause = message.mode == BridgeState.HOLDING, _former_cause(message.former_cause)
    return BridgeReport(
        cause=_BRIDGE_CAUSES.get(message.cause, Cause.BRIDGE_SILENT) if holds else Cause.NONE,
        text=quoted(message.text),
        receives_us=message.safety_instance_id == instance_id,
        former=None if cause is Cause.NONE else Verdict(cause, quoted(message.former_text)),
        former_pressed=Estop(message.former_pressed_estops),
        dry_run=message.dry_run,
    )


def _former_cause(number: int) -> Cause:
    """Return the cause of a stop that was left behind; one that this version does not know is a stop all the same."""
    return Cause(number) if number in Cause.__members__.values() else Cause.SAFETY_RESTARTED


def snapshot_to_msg(snapshot: Snapshot, now_ns: int, instance_id: int = 0) -> SafetyStateMsg:
    """Pack a SafetyState stamped `now_ns` (ROS time), of the safety process `instance_id`."""
    stop, refusal = snapshot.stop or _NOTHING, snapshot.last_refusal or _NOTHING
    message = SafetyStateMsg(
        mode=int(snapshot.mode),
        cause=int(stop.cause),
        text=snapshot.text,
        joint=stop.joint,
        value=stop.value if math.isfinite(stop.value) else math.nan,
        limit=stop.limit,
        passed_sequence=snapshot.passed_sequence,
        refused=snapshot.refused,
        refused_in_a_row=snapshot.refused_in_a_row,
        last_refusal_cause=int(refusal.cause),
        last_refusal_text=refusal.text,
        pressed_estops=int(snapshot.pressed),
        instance_id=instance_id,
    )
    message.header.stamp = to_stamp(now_ns)
    return message
