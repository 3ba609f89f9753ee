# SPDX-License-Identifier: Apache-2.0
"""Who has fallen silent, and which of the causes it is that one silence can have.

    robot_state stops, bridge_state goes on         STALE_STATE: a driver died
    both stop                                       BRIDGE_SILENT
    commands stop                                   INTERPOLATOR_SILENT (old ones that still come are refused)
    perception_status stops                         PERCEPTION_SILENT
    perception_status is not ready                  the cause it gives: STALE_CAMERA, FROZEN_CAMERA, STALE_STATE...
    perception is ready, no new chunk is executed   POLICY_SILENT
    chunks come, the interpolator follows none      the cause it gives: WRONG_SHAPE, STALE_OBSERVATION...
    new chunks come, from old observations          STALE_OBSERVATION: the policy or perception is slow

Cameras and the policy matter once a chunk is executed, until an operator asks for a rest or a move home: these, holding
and ramps need neither. Silence is counted from arming at the earliest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.timing import Instant

from .chunk_rejections import ChunkRejections
from .reports import BridgeReport, PerceptionReport
from .settings import Settings

# A silent bridge stops two topics. When robot_state is found stale the bridge's last heartbeat is at least as old, less
# one message of robot_state; a living bridge's is at most half the time-out old (10 Hz, 0.2 s). Between the two:
SAME_SILENCE = 0.75

# A policy is silent, rather than slow, when no chunk has come for so many times as long as the one before took to come,
# or for half of what an observation may be old: a chunk is born with an age of its own. A busy machine doubles or
# trebles a gap.
SILENT_GAPS = 4

# Of these holds the bridge comes back only when safety arms again.
FINAL_HOLDS = (Cause.STALE_COMMAND, Cause.STALE_STATE, Cause.SECOND_PUBLISHER, Cause.OVERLOADED)
HOLD_SEEN_S = 0.15  # two frames of a slow simulator: a sentence of its own may still come


class Watchdog:
    """Remembers when each neighbour was last received."""

    def __init__(self, settings: Settings) -> None:
        """Take the time-outs."""
        self._settings = settings
        self.forget_state()
        self._bridge = BridgeReport()
        self._bridge_at: Instant | None = None
        self._holding_since: Instant | None = None
        self._perception = PerceptionReport(ready=False)
        self._perception_at: Instant | None = None
        self._unready_since: Instant | None = None
        self.forget_commands()

    def forget_state(self) -> None:
        """Ask for a new measurement."""
        self.state: RobotState | None = None  # the newest usable one
        self.state_defect = ""  # why the newest robot_state could not be used
        self._state_at: Instant | None = None

    def forget_commands(self) -> None:
        """Begin a new armed time."""
        self._proposed_at: Instant | None = None
        self._passed_at: Instant | None = None  # the first that passed
        self._chunk: JointCommand | None = None  # the newest passed one that follows a chunk
        self._chunk_at: Instant | None = None  # when that chunk's sequence was new
        self._chunk_gap_s = math.inf  # between it and the one before
        self._rejections = ChunkRejections()  # of chunks, by the interpolator

    # What is received.

    def on_state(self, state: RobotState, now: Instant) -> None:
        """Note a usable robot_state, in joint order."""
        self.state, self.state_defect, self._state_at = state, "", now

    def on_bridge(self, report: BridgeReport, now: Instant) -> None:
        """Note a bridge_state."""
        holding = report.cause is not Cause.NONE
        self._holding_since = (self._holding_since or now) if holding else None
        self._bridge, self._bridge_at = report, now

    def on_perception(self, report: PerceptionReport, now: Instant) -> None:
        """Note a perception_status."""
        self._unready_since = None if report.ready else (self._unready_since or now)
        self._perception, self._perception_at = report, now

    def on_command(self, now: Instant) -> None:
        """Note that any command was proposed."""
        self._proposed_at = now

    def passed(self, command: JointCommand, now: Instant) -> None:
        """Note a command that passed."""
        self._passed_at = self._passed_at or now
        self._rejections.note(command.rejection, now)
        if command.operator_requested:
            # A rest or a move that needs no policy, until a chunk is followed again.
            self._chunk = self._chunk_at = None
        if command.chunk_sequence == 0:
            return
        if self._chunk is None or command.chunk_sequence != self._chunk.chunk_sequence:
            self._chunk_gap_s = math.inf if self._chunk_at is None else now.since_s(self._chunk_at)
            self._chunk_at = now
        self._chunk = command

    # What follows from it.

    def check_state(self, now: Instant) -> Verdict | None:
        """Say why the robot is not measured, or None."""
        limit_s = self._settings.state_timeout_s
        if self.state is None or self._state_at is None:
            return self._state_missing(now, self.state_defect or "no robot_state has come")
        stamped_s = now.age_s(self.state.stamp_ns)
        lead_s, age_s = -stamped_s, max(stamped_s, now.since_s(self._state_at))
        if max(lead_s, age_s) <= limit_s:
            return None
        if lead_s > limit_s:
            why = f"robot_state is stamped {lead_s:.3f} s in the future, at most {limit_s} s is allowed"
            return self._state_missing(now, why, lead_s)
        why = f"the newest robot_state is {age_s:.3f} s old, at most {limit_s} s is allowed"
        return self._state_missing(now, self.state_defect or why, age_s)

    def check_bridge(self, now: Instant, since: Instant | None = None) -> Verdict | None:
        """Say why bridge_state is missing, or None; silence counts from `since` at the earliest."""
        limit_s = self._settings.bridge_timeout_s
        return _silence(Cause.BRIDGE_SILENT, "bridge_state", self._bridge_at, now, limit_s=limit_s, since=since)

    def check_bridge_receives(self, now: Instant, since: Instant | None = None) -> Verdict | None:
        """Say why it is not known that the bridge receives this safety process, and no other; `since` as above."""
        silence = self.check_bridge(now, since)
        if silence is not None or self._bridge.receives_us:
            return silence
        text = "the bridge does not receive this safety process: try again, and look for a second one if that lasts"
        return Verdict(Cause.BRIDGE_SILENT, text)

    def check_bridge_forwards(self) -> Verdict | None:
        """Say why the bridge has ceased to forward commands since the first one passed, or None."""
        since, passed_at = self._holding_since, self._passed_at
        if since is None or passed_at is None or since.steady_ns < passed_at.steady_ns:
            return None
        if self._bridge.cause not in FINAL_HOLDS:
            return None
        return Verdict(self._bridge.cause, f"the bridge does not forward commands any more: {self._bridge.text}")

    @property
    def dry_run(self) -> bool:
        """Return whether the bridge sends nothing to the controllers, by choice."""
        return self._bridge.dry_run

    def check_second_publishers(self) -> Verdict | None:
        """Say what the bridge says of a second publisher on a topic of the drivers, or None."""
        if self._bridge.cause is not Cause.SECOND_PUBLISHER:
            return None
        return Verdict(Cause.SECOND_PUBLISHER, f"the bridge says: {self._bridge.text}")

    def check_armed(self, now: Instant, armed_at: Instant) -> Verdict | None:
        """Return the first reason to stop that one silence or another gives while armed."""
        return (
            self.check_state(now)
            or self.check_bridge_receives(now, armed_at)
            or self._check_holding(now)
            or self._check_commands(now, armed_at)
            or self._check_perception(now, armed_at)
            or self._check_observation(now)
        )

    def still_wrong(self, cause: Cause, now: Instant) -> str:
        """Return what has not been mended since a stop with this cause; empty when nothing is known to be wrong."""
        if cause in (Cause.PERCEPTION_SILENT, Cause.STALE_CAMERA, Cause.FROZEN_CAMERA, Cause.WRONG_CAMERA):
            limit_s = self._settings.perception_timeout_s
            silence = _silence(Cause.PERCEPTION_SILENT, "perception_status", self._perception_at, now, limit_s=limit_s)
            if silence is not None:
                return silence.text
            return "" if self._perception.ready else f"perception is not ready: {self._perception.text}"
        if cause is Cause.BRIDGE_SILENT and (silence := self.check_bridge(now)):
            return silence.text
        return ""

    def _state_missing(self, now: Instant, why: str, value_s: float = math.nan) -> Verdict:
        limit_s = self._settings.state_timeout_s
        if self._bridge_at is None or now.since_s(self._bridge_at) > SAME_SILENCE * limit_s:
            text = f"the bridge is silent: {why}, and bridge_state is missing too; start or look at the bridge"
            return Verdict(Cause.BRIDGE_SILENT, text, value=value_s, limit=limit_s)
        said = f"; the bridge says: {self._bridge.text}" if self._bridge.text else ""
        return Verdict(Cause.STALE_STATE, f"{why}{said}", value=value_s, limit=limit_s)

    def _check_holding(self, now: Instant) -> Verdict | None:
        if self._holding_since is None or self._passed_at is None:
            return None
        # A bridge that held before safety armed needs a heartbeat to report that it goes on.
        limit_s = HOLD_SEEN_S if self.check_bridge_forwards() else self._settings.bridge_timeout_s
        held_s = min(now.since_s(self._holding_since), now.since_s(self._passed_at))
        if held_s <= limit_s:
            return None
        text = f"the bridge has not forwarded commands for {held_s:.2f} s; it says: {self._bridge.text}"
        return Verdict(self._bridge.cause, text, value=held_s, limit=limit_s)

    def _check_commands(self, now: Instant, armed_at: Instant) -> Verdict | None:
        settings = self._settings
        at = self._proposed_at
        limit_s = settings.first_command_timeout_s if at is None else settings.command_timeout_s
        return _silence(Cause.INTERPOLATOR_SILENT, "command/proposed", at, now, limit_s=limit_s, since=armed_at)

    def _check_perception(self, now: Instant, armed_at: Instant) -> Verdict | None:
        if self._chunk is None:
            return None
        settings, at = self._settings, self._perception_at
        limit_s = settings.perception_timeout_s
        silence = _silence(Cause.PERCEPTION_SILENT, "perception_status", at, now, limit_s=limit_s, since=armed_at)
        if silence is not None or self._unready_since is None:
            return silence
        if at is not None and now.since_s(at) > limit_s / 2:
            return None  # it may have fallen silent just when a frame was late: that is reported in a moment
        unready_s, limit_s = now.since_s(self._unready_since), settings.perception_not_ready_max_s
        return self._not_ready(unready_s, limit_s) if unready_s > limit_s else None

    def _check_observation(self, now: Instant) -> Verdict | None:
        limit_s = self._settings.observation_age_max_s
        if self._chunk is None or self._chunk_at is None:
            return self._rejections.lasting(limit_s)
        sequence = self._chunk.chunk_sequence
        age_s, without_s = now.age_s(self._chunk.observation_ns), now.since_s(self._chunk_at)
        if age_s <= limit_s:
            return None
        # A single late frame, of just now, is not why the observation is old.
        blame_s = self._settings.perception_not_ready_max_s / 2
        if self._unready_since is not None and now.since_s(self._unready_since) > min(blame_s, limit_s / 2):
            return self._not_ready(age_s, limit_s)
        if without_s > min(limit_s / 2, SILENT_GAPS * self._chunk_gap_s):
            return self._silent_policy(now, Verdict(Cause.POLICY_SILENT, "", value=age_s, limit=limit_s))
        text = f"the observation behind chunk {sequence} is {age_s:.2f} s old, at most {limit_s} s is allowed"
        return Verdict(Cause.STALE_OBSERVATION, text, value=age_s, limit=limit_s)

    def _silent_policy(self, now: Instant, verdict: Verdict) -> Verdict:
        """Word the silence of the policy; when chunks still come, say instead why the interpolator follows none."""
        assert self._chunk is not None
        assert self._chunk_at is not None
        sequence, rejected_at = self._chunk.chunk_sequence, self._rejections.at
        rejection = self._rejections.instead_of(sequence)
        if rejection is not None and rejected_at is not None and now.since_s(rejected_at) <= verdict.limit / 2:
            return replace(verdict, cause=rejection.cause, text=rejection.text)
        without_s = now.since_s(self._chunk_at)
        text = f"no chunk after {sequence} has come for {without_s:.2f} s, and perception is ready: look at the policy"
        return replace(verdict, text=text)

    def _not_ready(self, value_s: float, limit_s: float) -> Verdict:
        return Verdict(
            self._perception.cause, f"perception is not ready: {self._perception.text}", value=value_s, limit=limit_s
        )


def _silence(
    cause: Cause, topic: str, received: Instant | None, now: Instant, *, limit_s: float, since: Instant | None = None
) -> Verdict | None:
    """Return a verdict when neither `received` nor `since` is recent."""
    instants = [instant for instant in (received, since) if instant is not None]
    silent_s = min((now.since_s(instant) for instant in instants), default=math.inf)
    if silent_s <= limit_s:
        return None
    last = "has not come at all" if received is None else f"last came {now.since_s(received):.3f} s ago"
    return Verdict(cause, f"{topic} {last}, at most {limit_s} s is allowed", value=silent_s, limit=limit_s)


class SecondPublishers:
    """The publishers of each command topic; one is right."""

    def __init__(self) -> None:
        """Know of none."""
        self._verdicts: dict[str, Verdict | None] = {}

    def update(self, topic: str, names: Sequence[str]) -> None:
        """Note the names of the nodes that publish on a topic."""
        self._verdicts[topic] = _verdict(topic, sorted(names)) if len(names) > 1 else None

    def check(self) -> Verdict | None:
        """Say on which topic there is more than one."""
        return next((verdict for verdict in self._verdicts.values() if verdict is not None), None)


def _verdict(topic: str, names: list[str]) -> Verdict:
    text = (
        f"'{topic}' has {len(names)} publishers ({', '.join(names)}), expected one; stop the others (one that crashed "
        "is listed for some seconds)"
    )
    return Verdict(Cause.SECOND_PUBLISHER, text, value=float(len(names)), limit=1.0)
