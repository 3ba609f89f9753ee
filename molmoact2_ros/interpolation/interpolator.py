# SPDX-License-Identifier: Apache-2.0
"""From chunks to commands: where each row belongs in time, how motion begins, goes from chunk to chunk, and ends.

Every command is a few periods of the timeline and then a brake. The next command begins on the last one that may be
executing, point for point, so a lost command leaves no gap and a refused one costs only the motion it asked for.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
from ruckig import RuckigError

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.action_chunk import ActionChunk, ChunkRejection, RejectionCause
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.timing import S_PER_NS

from .bounds import Bounds
from .brake import SHORTEST_BRAKE_S, Brake
from .chunk_form import ChunkForm
from .correction import SMOOTHING, Correction
from .curve import Curve
from .ensemble import Ensemble
from .fade import Fade
from .home import Home
from .motion import Motion, Vector
from .ramp import Ramp
from .seam import Seam, Timeline
from .settings import InterpolationSettings
from .statistics import Statistics
from .trajectory import Trajectory

MOTION_PERIODS = 3  # what the robot goes on doing when everything upstream dies, before it brakes
REMEMBERED = 64  # commands; safety acknowledges within a few
STRETCHES = (1.0, 2.0, 3.0)  # of the blend, tried in turn when the robot fell behind a timeline that is not at fault


class Interpolator:
    """The chunk timeline of one robot. Time is handed in; nothing here looks at a clock.

    Call `arm` and `disarm` as safety says, `measure` and `offer` as messages come, `acknowledge` with what safety
    passed and refused, and `tick` once per command period. `hold` and `home` are an operator's: no chunk is followed
    then until one of a new instruction comes. Call `instruct` with what the task executive gives and withdraws, where
    there is one: then chunks of its newest instruction alone are followed.
    """

    def __init__(self, embodiment: Embodiment, settings: InterpolationSettings) -> None:
        """Bind to a robot and a tuning."""
        self.statistics = Statistics()
        self._settings = settings
        self._blend_s = settings.blend_s / settings.speed_scale
        self._smooth_s = self._blend_s / SMOOTHING if settings.seam == "correction" else 0.0
        self._ramp_s = settings.ramp_s / settings.speed_scale
        self._names = embodiment.joint_names
        self._form = ChunkForm(embodiment)
        self._is_arm = ~embodiment.is_gripper
        self._period_ns = round(1e9 / embodiment.command_rate_hz)
        acceleration = embodiment.limits("acceleration")
        limits = Bounds(embodiment.limits("velocity"), acceleration, acceleration / settings.ramp_jerk_s)
        limits = limits.scaled(settings.speed_scale)
        self._full_bounds = limits.scaled(settings.ramp_full_ratio)
        self._home_bounds = limits.scaled(settings.home_ratio)
        self._home_pose = embodiment.pose("home")
        deceleration = settings.brake_acceleration_ratio * acceleration
        self._brake = Brake(deceleration, deceleration / settings.brake_jerk_s, self._period_ns * S_PER_NS)
        self._sequence = 0
        self._measured: Vector | None = None
        self._instruction = 0  # of the newest chunk that came, whether or not it is followed
        self._given: int | None = None  # the executive's newest instruction; None: there is no executive
        self._withdrawn = False
        self.disarm()

    @property
    def armed(self) -> bool:
        """Return whether commands are proposed."""
        return self._armed

    def disarm(self) -> None:
        """Forget everything but the measured pose."""
        self._armed = False
        self._armed_ns = self._last_stamp_ns = 0  # of arming; of the newest chunk, or of arming
        self._waiting: ActionChunk | None = None  # takes over with the next command
        self._policy = 0  # the process whose chunks are followed, until an operator asks for a rest; 0: none yet
        self._chunk_came = False
        self._timeline: Timeline | None = None
        self._in_force: list[Curve] = []  # oldest first; what an ensemble is made of
        self._unusable = False  # there is a chunk newer than the timeline that cannot be laid on it
        self._rejection = ChunkRejection()  # of the chunks since one was followed last
        self._plan: Seam | Ramp | None = None  # the way along it; None while there is nothing to follow
        self._operator_requested = False  # an operator asked for a rest or a move home
        self._barred_instruction = 0  # chunks of this one are not followed while that lasts
        self._home: Home | None = None
        self._home_wanted = False
        self._ramp_since_ns = 0
        self._start_ns = 0  # of the newest command
        self._executing: Trajectory | None = None  # the newest that safety may have passed
        self._sent: deque[tuple[int, Trajectory]] = deque(maxlen=REMEMBERED)
        self._refused = 0
        self._off_plan = False  # a refusal: the robot may execute something else than the plan
        self._chunk_rejected = False  # and what was refused was the motion itself

    def arm(self, now_ns: int) -> None:
        """Begin to propose commands, from the measured pose; a chunk observed before `now_ns` is not executed."""
        self.disarm()
        self.statistics = Statistics()
        self._armed, self._armed_ns, self._last_stamp_ns = True, now_ns, now_ns

    def measure(self, state: RobotState) -> None:
        """Note the measured pose; a state of other joints is ignored."""
        if not len(state.names) == len(state.positions) == len(self._names):
            return
        if sorted(state.names) == sorted(self._names):
            self._measured = state.positions[[state.names.index(name) for name in self._names]]

    def offer(self, chunk: ActionChunk, now_ns: int) -> None:
        """Take a chunk; it takes over with the next command if it was observed after the last one.

        Stamps give the order: a policy that restarts begins its sequence again. A stamp from the future would lock out
        every later chunk, so it is not taken. `rejection` says of a chunk that is not followed why, except where the
        end of its instruction, or an operator's rest or move is the reason.
        """
        is_new_task = chunk.instruction_sequence != self._instruction
        self._instruction = chunk.instruction_sequence
        if not self._armed:
            return
        if self._is_barred(chunk):
            self.statistics.ignored_chunks += 1
            return
        if self._policy not in (0, chunk.policy):
            self._ignore(RejectionCause.SECOND_PUBLISHER, "it is of another policy process: stop one of the two")
            return
        if untimely := self._untimely(chunk, now_ns):
            self._ignore(RejectionCause.STALE_OBSERVATION, untimely)
            return
        if is_new_task:
            self._in_force = []
        self._operator_requested, self._home, self._policy = False, None, chunk.policy
        self._waiting, self._last_stamp_ns, self._chunk_came = chunk, chunk.stamp_ns, True

    def instruct(self, sequence: int, *, withdrawn: bool = False) -> None:
        """Note the newest instruction: from now on chunks of no other are followed.

        Args:
            sequence: of the instruction.
            withdrawn: there is none any longer; the robot comes to rest, unless it moves home.
        """
        self._given, self._withdrawn = sequence, withdrawn
        if withdrawn and self._armed and not self._operator_requested:
            self.hold()

    def hold(self) -> None:
        """Come to rest by the brake of the last command, and stay there until a chunk of a new instruction comes."""
        # The instruction that was given may be newer than any chunk that came.
        self._operator_requested, self._barred_instruction = (
            True,
            self._instruction if self._given is None else self._given,
        )
        self._waiting = self._timeline = self._plan = self._home = None
        self._unusable, self._rejection, self._policy = False, ChunkRejection(), 0
        self._in_force, self._chunk_came, self._home_wanted = [], False, False

    def home(self) -> float:
        """Move to the embodiment's home pose and hold there; return about how long that takes, seconds.

        Raises:
            ValueError: not armed, or no pose has been measured.
            RuckigError: no way leads there; only a pose far beyond any robot does that.
        """
        if not self._armed or self._measured is None:
            raise ValueError("not armed: a move home goes through safety like any other motion; arm first")
        duration_s = Home(self._home_pose, 0, Motion.resting(self._measured), self._home_bounds).duration_s
        self.hold()
        self._home_wanted = True
        return duration_s

    @property
    def is_homing(self) -> bool:
        """Return whether the robot is on its way home, by the command that was proposed last."""
        return self._home_wanted or (self._home is not None and self._start_ns < self._home.end_ns)

    @property
    def is_held(self) -> bool:
        """Return whether an operator's rest or move is in force."""
        return self._operator_requested

    @property
    def rejection(self) -> ChunkRejection:
        """The chunks that came since one was followed last."""
        return self._rejection

    def _untimely(self, chunk: ActionChunk, now_ns: int) -> str:
        """Say why the stamp of a chunk keeps it from being followed; empty when nothing does."""
        lead_s, limit_s = (chunk.stamp_ns - now_ns) * S_PER_NS, self._period_ns * S_PER_NS
        if lead_s > limit_s:
            return (
                f"the observation of chunk {chunk.sequence} is stamped {lead_s:.3f} s in the future, at most "
                f"{limit_s:.3f} s is allowed: the clocks of two computers differ; set them by the same source"
            )
        behind_s = (self._last_stamp_ns - chunk.stamp_ns) * S_PER_NS
        if behind_s < 0:
            return ""
        if self._last_stamp_ns == self._armed_ns:
            return f"the observation of chunk {chunk.sequence} was made {behind_s:.3f} s before arming"
        how = f"{behind_s:.3f} s older than" if behind_s else "the same as"
        return (
            f"the observation of chunk {chunk.sequence} is {how} that of the chunk before it, expected a newer one: "
            "look at the stamps of perception and the policy, and for a second policy"
        )

    def _ignore(self, cause: RejectionCause, text: str) -> None:
        """Go on as if a chunk had not come, but say so."""
        self.statistics.ignored_chunks += 1
        self._rejection = ChunkRejection(self._rejection.count + 1, cause, text)

    def _is_barred(self, chunk: ActionChunk) -> bool:
        """Return whether the end of its instruction, or an operator's rest or move, stands before a chunk."""
        if self._given is not None and (self._withdrawn or chunk.instruction_sequence != self._given):
            return True
        if not self._operator_requested:
            return False
        return self.is_homing or chunk.instruction_sequence == self._barred_instruction

    def acknowledge(self, passed_sequence: int, refused: int, discontinuous: bool = False) -> None:
        """Learn from safety what the robot executes.

        Args:
            passed_sequence: newest command that passed.
            refused: commands refused since arming. When it grows, the next command begins on the one that passed.
            discontinuous: the newest refusal was for that cause: commands got lost on the way, no chunk is to blame.
        """
        if self._armed and refused > self._refused:
            passed = (trajectory for sequence, trajectory in self._sent if sequence == passed_sequence)
            self._executing = next(passed, None)  # none has passed since arming: begin at the measured pose
            self._off_plan, self._chunk_rejected = True, not discontinuous
            self.statistics.resyncs += 1
        self._refused = refused

    def tick(self, now_ns: int) -> JointCommand | None:
        """Propose the command that starts about now.

        Commands start on a grid of whole periods, whatever the jitter of the calls. For a chunk that cannot be laid on
        the timeline the command has no points but its cause, for which safety refuses it; meanwhile the robot plays out
        the last command that passed.

        Args:
            now_ns: ROS time.

        Returns:
            None while not armed, before a pose was measured, and when no command is due.
        """
        if not self._armed or self._measured is None:
            return None
        if self._executing is None:
            self._start_ns = self._start_ns or now_ns - self._period_ns
            self._executing = Trajectory.hold(self._start_ns, self._period_ns, self._measured)
        periods = round((now_ns - self._start_ns) / self._period_ns)
        if periods < 1:
            return None
        self._start_ns += periods * self._period_ns
        self._sequence += 1
        self.statistics.commands += 1
        return replace(self._propose(self._executing, self._start_ns), rejection=self._rejection)

    def _propose(self, executing: Trajectory, start_ns: int) -> JointCommand:
        is_new = self._take_over(start_ns)
        if self._unusable:
            return self._nothing(start_ns)
        if self._operator_requested:
            trajectory = self._follow_operator(executing, start_ns)
        elif self._timeline is None or start_ns > self._timeline.end_ns:
            trajectory = self._hold_without_chunk(executing, start_ns)
        else:
            if is_new or self._off_plan or self._plan is None or executing.brakes_at(start_ns):
                self._plan = self._entered(self._timeline, executing, start_ns)
            trajectory = self._follow(self._plan, self._timeline, start_ns)
        self._executing, self._off_plan, self._chunk_rejected = trajectory, False, False
        self._sent.append((self._sequence, trajectory))
        return trajectory.command(self._sequence, self._names)

    def _take_over(self, start_ns: int) -> bool:
        """Put the waiting chunk in force; return whether the timeline changed."""
        chunk, self._waiting = self._waiting, None
        if chunk is None:
            return False
        if defect := self._form.defect(chunk):
            self.statistics.unusable_chunks += 1
            self._unusable, self._rejection = True, ChunkRejection(self._rejection.count + 1, *defect)
            return False
        slowed = replace(chunk, step_s=chunk.step_s / self._settings.speed_scale)
        curve = Curve.through(slowed, self._names, self._settings.executed_steps, self._smooth_s)
        if curve.end_ns < start_ns:
            self._ignore(*self._passed_by(chunk, curve, start_ns))
            return False
        self.statistics.chunks += 1
        self._timeline, self._unusable, self._rejection = self._joined_by(curve, start_ns), False, ChunkRejection()
        return True

    def _passed_by(self, chunk: ActionChunk, curve: Curve, start_ns: int) -> tuple[RejectionCause, str]:
        """Say why all rows of a chunk lie in the past: it is short, or old."""
        age_s, over_s = ((start_ns - time_ns) * S_PER_NS for time_ns in (curve.start_ns, curve.end_ns))
        text = f"chunk {chunk.sequence} comes {age_s:.3f} s after its observation, {over_s:.3f} s after its last row"
        if not self._form.is_whole(chunk) and age_s <= self._form.reach_s / self._settings.speed_scale:
            rows = f"it has {len(chunk.positions)} rows, a whole chunk would reach {self._form.reach_s:.3g} s ahead"
            return RejectionCause.WRONG_SHAPE, f"{text}: {rows}"
        return RejectionCause.STALE_OBSERVATION, f"{text}: look at the rates of perception and the policy"

    def _joined_by(self, curve: Curve, start_ns: int) -> Timeline:
        """Return the timeline that a new chunk makes."""
        if self._settings.mode != "ensemble":
            return curve
        self._in_force = [*(older for older in self._in_force if older.end_ns > start_ns), curve]
        return Ensemble(self._in_force, self._settings.ensemble_decay, self._blend_s)

    def _follow_operator(self, executing: Trajectory, start_ns: int) -> Trajectory:
        """Go home if that was asked for; else play out the last command and stay where it ends."""
        if self._home_wanted or (self._home is not None and self._off_plan):
            self._home = Home(self._home_pose, start_ns, executing.at(start_ns), self._home_bounds)
            self._home_wanted = False
        if self._home is None:
            return replace(self._rest(executing, start_ns), operator_requested=True)
        times_ns = start_ns + self._period_ns * np.arange(MOTION_PERIODS + 1)
        motion = self._home.at(times_ns)
        brake = self._brake.from_state(motion[-1])
        return Trajectory(
            start_ns, self._period_ns, len(motion), Motion.joined([motion, brake]), operator_requested=True
        )

    def _hold_without_chunk(self, executing: Trajectory, start_ns: int) -> Trajectory:
        """Play out the last command and stay where it ends."""
        self._plan = None
        self.statistics.starved_ticks += self._chunk_came
        return self._rest(executing, start_ns)

    def _entered(self, timeline: Timeline, executing: Trajectory, start_ns: int) -> Seam | Ramp:
        """Plan the way onto a timeline: by a seam, or, where motion begins and that would be too brisk, a ramp."""
        state = executing.at(start_ns)
        fell_behind = executing.brakes_at(start_ns) and not self._chunk_rejected
        on_plan = not (self._off_plan or executing.brakes_at(start_ns))
        seam = self._seam(timeline, state, start_ns, STRETCHES if fell_behind else STRETCHES[:1], on_plan)
        if self._is_beginning(start_ns):
            bounds = self._bounds(start_ns)
            if not seam.within(bounds, self._period_ns):
                return self._ramp(timeline, state, start_ns, bounds) or seam
        self._note_seam(seam, executing, start_ns)
        return seam

    def _seam(
        self, timeline: Timeline, state: Motion, start_ns: int, stretches: tuple[float, ...], on_plan: bool
    ) -> Seam:
        """Return the briskest seam within bounds, else the last one tried. A stretched blend keeps its end."""
        before = self._plan if isinstance(self._plan, Seam) else None
        fading_s = (before.faded_ns - start_ns) * S_PER_NS if before else 0.0
        for stretch in stretches:
            blend_s = max(stretch * self._blend_s, fading_s)
            seam: Seam
            if self._settings.seam == "correction":
                seam = Correction(timeline, start_ns, state, blend_s, before if on_plan else None)
            else:
                seam = Fade(timeline, start_ns, state, blend_s)
            if seam.within(self._full_bounds, self._period_ns):
                break
        return seam

    def _is_beginning(self, start_ns: int) -> bool:
        """Return whether motion has not yet reached the timeline since it last stood still for want of rows."""
        if self._plan is None:
            self._ramp_since_ns = start_ns
            self.statistics.ramps += 1
            return True
        return self._plan.joined_ns > start_ns and start_ns < self._ramp_since_ns + self._ramp_s / S_PER_NS

    def _ramp(self, timeline: Timeline, state: Motion, start_ns: int, bounds: Bounds) -> Ramp | None:
        try:
            return Ramp(timeline, start_ns, state, bounds, self._period_ns)
        except RuckigError:
            return None  # rows far beyond any robot: safety rejects the fade

    def _bounds(self, time_ns: int) -> Bounds:
        settings = self._settings
        part = min(1.0, (time_ns - self._ramp_since_ns) * S_PER_NS / self._ramp_s)
        ratio = settings.ramp_start_ratio / settings.ramp_full_ratio
        return self._full_bounds.scaled(ratio + part * (1.0 - ratio))

    def _follow(self, plan: Seam | Ramp, timeline: Timeline, start_ns: int) -> Trajectory:
        times_ns = start_ns + self._period_ns * np.arange(MOTION_PERIODS + 1)
        motion = plan.at(times_ns[times_ns <= plan.end_ns])
        brake = self._brake.from_state(motion[-1])
        return Trajectory(
            start_ns=start_ns,
            period_ns=self._period_ns,
            motion_points=len(motion),
            motion=Motion.joined([motion, brake]),
            observation_ns=timeline.start_ns,
            chunk_sequence=timeline.sequence,
            chunk_velocities=timeline.at(times_ns[:1])[0].velocities,
        )

    @staticmethod
    def _rest(executing: Trajectory, start_ns: int) -> Trajectory:
        """Return what is left of a command, which follows no chunk any longer."""
        left = executing.since(start_ns).lasting(SHORTEST_BRAKE_S)
        return replace(left, observation_ns=0, chunk_sequence=0, chunk_velocities=np.empty(0))

    def _note_seam(self, seam: Seam, executing: Trajectory, start_ns: int) -> None:
        """Keep the distance bridged, and the velocity steps of the ticks on both sides of the seam."""
        times_ns = np.array([start_ns, min(start_ns + self._period_ns, seam.end_ns)])
        at_seam, after = seam.at(times_ns).velocities
        before = executing.at(start_ns - self._period_ns).velocities
        step = max(np.abs(at_seam - before)[self._is_arm].max(), np.abs(after - at_seam)[self._is_arm].max())
        offset = np.abs(seam.offset.positions)[self._is_arm].max()
        self.statistics.add_seam(float(offset), float(step))

    def _nothing(self, start_ns: int) -> JointCommand:
        """Return a command without points, for safety to refuse by the cause that comes with it."""
        nothing = np.empty((0, len(self._names)))
        return JointCommand(
            start_ns=start_ns,
            sequence=self._sequence,
            step_s=self._period_ns * S_PER_NS,
            names=self._names,
            motion_points=0,
            positions=nothing,
            velocities=nothing,
            observation_ns=0,
            chunk_sequence=0,
        )
