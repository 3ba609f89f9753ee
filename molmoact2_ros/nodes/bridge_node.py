# SPDX-License-Identifier: Apache-2.0
"""Stand between this package and the robot's drivers: their states in, checked commands out.

Topics (relative; those of the drivers as the embodiment file names them):
    in   <state_topic of each driver group>    sensor_msgs/JointState    best effort 5
    in   <topic of each fault source>          diagnostic_msgs/DiagnosticArray, reliable 20; or
                                               franka_msgs/FrankaRobotState, best effort 5
    in   safety_state                          SafetyState               reliable, transient local 1
    in   command/safe                          JointCommand              reliable 1, lifespan of two periods
    out  robot_state                           RobotState                reliable 1; at most state_rate_hz
    out  bridge_state                          BridgeState               reliable, transient local 1; on change and at
                                                                         heartbeat_rate_hz
    out  <command_topic of each driver group>  by the group's interface: trajectory_msgs/JointTrajectory,
                                               std_msgs/Float64MultiArray, i2rt_msgs/GripperCommand, or the
                                               actions ParallelGripperCommand and GripperCommand of control_msgs;
                                               reliable 1

The logic is in `bridge.DriverState` and `bridge.RobotFaults` (inward), `bridge.CommandGuard` (outward) and
`bridge.SafetyMemory`.

Run: ros2 run molmoact2_ros bridge --ros-args -p embodiment:=droid
"""

from __future__ import annotations

from molmoact2_ros.ros import one_blas_thread  # noqa: F401 before anything that imports NumPy

# isort: split

import sys
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from rclpy.action import ActionClient
from sensor_msgs.msg import JointState

from molmoact2_ros.bridge import (
    AGAIN,
    MISSED_MAX,
    CommandGuard,
    DriverState,
    FaultReport,
    GripperGoal,
    SafetyMemory,
    Setpoints,
    TrajectoryCommand,
)
from molmoact2_ros.embodiment import (
    GRIPPER_ACTIONS,
    JOINT_TRAJECTORY,
    STREAMS,
    DriverGroup,
    Embodiment,
    validate_driver,
)
from molmoact2_ros.interfaces import joint_command
from molmoact2_ros.interfaces.bridge_state import HoldCause
from molmoact2_ros.msg import BridgeState, JointCommand, RobotState, SafetyState
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import (
    MessageInfo,
    command_from_msg,
    report_from_msg,
    robot_state_to_msg,
    to_stamp,
)
from molmoact2_ros.ros.latency_budget import LatencyBudget
from molmoact2_ros.ros.lifecycle import ERROR, OK, WARN, Molmoact2Node, Report, run
from molmoact2_ros.ros.lockstep import PHASE_TOPIC
from molmoact2_ros.ros.status_log import StatusLog
from molmoact2_ros.ros.status_publisher import StatusPublisher
from molmoact2_ros.schema import param
from molmoact2_ros.timing import NS_PER_S, RateLimiter, SetBackDetector

from .controller_outputs import (
    ControllerOutput,
    GripperActionOutput,
    GripperTopicOutput,
    StreamOutput,
    TrajectoryOutput,
    gripper_action,
    gripper_topic,
)
from .fault_listeners import FaultListeners

WATCH_RATE_HZ = 20.0
COMPLAINT_PERIOD_S = 2.0
UNKNOWN_NODE = "_NODE_NAME_UNKNOWN_"  # as rcl names the owner of a publisher whose node it has not found yet
KEPT = 500  # ten seconds of commands
PUBLISHERS_PERIOD_NS = NS_PER_S // 2  # between looks at who else publishes
HELD_UP_NS = NS_PER_S // 10  # a command goes to all controllers within a millisecond
LULL_NS = NS_PER_S // 5  # a command that only holds ends within a period: between two of them execution goes on
Status = tuple[int, HoldCause, str]  # BridgeState mode, cause, sentence


@dataclass(frozen=True)
class BridgeParams:
    """Parameters of the bridge node."""

    embodiment: str = param("droid", "Robot: name of a shipped embodiment, or path of an embodiment file")
    driver: str = param("", "Driver profile of the embodiment file; empty: its first one")
    dry_run: bool = param(False, "Run everything, but send nothing to the controllers")
    state_rate_hz: float = param(100.0, "Most robot states a second", unit="Hz", low=1, high=1000)
    state_max_age_s: float = param(0.2, "Oldest driver state that still counts", unit="s", low=0.01, high=2)
    safety_timeout_s: float = param(0.3, "Longest silence of safety", unit="s", low=0.05, high=2)
    command_max_age_s: float = param(
        0.15, "Most that a command may start in the past: by then the robot brakes", unit="s", low=0.01, high=0.5
    )
    command_max_lead_s: float = param(0.15, "Most that a command may start in the future", unit="s", low=0.01, high=0.5)
    point_stride: int = param(1, "Send every n-th point of a trajectory; the last one always goes", low=1, high=20)
    stream_rate_hz: float = param(
        100.0, "Setpoints a second to a controller that is sent a stream", unit="Hz", low=20, high=500
    )
    gripper_rate_hz: float = param(10.0, "Most gripper goals a second", unit="Hz", low=0.5, high=100)
    gripper_min_step: float = param(
        0.005, "Smallest change of a gripper's goal that is sent", unit="strokes", low=0, high=0.2
    )
    heartbeat_rate_hz: float = param(
        10.0, "bridge_state comes at least this often", unit="Hz", low=2, high=WATCH_RATE_HZ
    )


class BridgeNode(Molmoact2Node[BridgeParams]):
    """Lifecycle node around the robot's drivers."""

    def __init__(self) -> None:
        super().__init__("bridge", BridgeParams, realtime=True)

    def _setup(self) -> None:
        self._robot = Embodiment.load(self.params.embodiment)
        self._profile = self._robot.driver(self.params.driver or next(iter(self._robot.drivers)))
        validate_driver(self._robot, self._profile)
        self._drivers = DriverState(self._profile, self._robot.joint_names, self.params.state_max_age_s)
        self._state_limiter = RateLimiter(self.params.state_rate_hz)
        self._state_ages = LatencyBudget("state age", 1e3 * self.params.state_max_age_s, KEPT)
        self._command_ages = LatencyBudget("command age", 1e3 * self.params.command_max_age_s, KEPT)
        self._guard = self._new_guard()
        self._memory = SafetyMemory(SafetyState.CAUSE_SAFETY_RESTARTED)
        self._forwarded_sequence = self._rest_ns = self._publishers_checked_ns = self._states_sent = 0
        self._set_back = SetBackDetector()
        self._forwarded: joint_command.JointCommand | None = None
        self._log = StatusLog(self.get_logger(), self.steady_now_ns())
        self._outputs = [] if self.params.dry_run else [self._output(group) for group in self._profile.groups]
        self._make_topics()
        self._faults = FaultListeners(self, self._profile)
        if self._faults.missing:
            self.get_logger().info(self._faults.missing)  # a warning in /diagnostics, where it stays
        self.steady_timer(1.0 / WATCH_RATE_HZ, self._tick)

    def _new_guard(self) -> CommandGuard:
        groups = (group for group in self._profile.groups if group.interface in (JOINT_TRAJECTORY, *STREAMS))
        timed = np.isin(self._robot.joint_names, [joint for group in groups for joint in group.joints])
        # A joint that is sent goals goes there at its own speed: it cannot jump.
        acceleration = np.where(timed, self._robot.limits("acceleration"), np.inf)
        period_s = 1.0 / self._robot.command_rate_hz
        return CommandGuard(
            self._robot.joint_names,
            safety_timeout_s=self.params.safety_timeout_s,
            max_age_s=self.params.command_max_age_s,
            max_lead_s=self.params.command_max_lead_s,
            max_position_step=acceleration * period_s**2,
            max_velocity_step=acceleration * period_s,
        )

    def _output(self, group: DriverGroup) -> ControllerOutput:
        names, topic = self._robot.joint_names, group.command_topic
        if group.interface == JOINT_TRAJECTORY:
            return TrajectoryOutput(self, topic, TrajectoryCommand(group, names, self.params.point_stride))
        if group.interface in STREAMS:
            period_ns = round(NS_PER_S / self.params.stream_rate_hz)
            return StreamOutput(self, group, Setpoints(group, names, period_ns), self._watch_streams)
        goal = GripperGoal(group, names, self.params.gripper_min_step, self.params.gripper_rate_hz)
        if group.interface not in GRIPPER_ACTIONS:
            kind, pack = gripper_topic(self._robot, self._profile.name, group.interface)
            return GripperTopicOutput(self, kind, topic, pack, goal)
        action, make_goal = gripper_action(self._robot, self._profile.name, group)
        client = ActionClient(self, action, topic)
        self.owned.callback(client.destroy)
        return GripperActionOutput(client, make_goal, goal, self.get_logger().warning)

    def _is_ready_for_lockstep(self) -> bool:
        """Wait for the controllers, and accept the time of their own simulator alone.

        Ages and time-outs follow that time: a robot whose drivers run by another would move while they stand still.
        """
        if not all(output.listens() for output in self._outputs):
            return False
        owners, drivers = set(self.publishers_of(PHASE_TOPIC)), set()
        for topic in self._drivers.topics:
            drivers.update(self.publishers_of(topic))
        if UNKNOWN_NODE in drivers | owners:
            return False  # discovery is under way
        if drivers and drivers != owners:
            self.get_logger().error(
                f"lockstep: expected the driver states from {', '.join(owners) or 'the simulator'}, which owns the "
                f"time, got them from {', '.join(sorted(drivers))}: start without lockstep, real robots do not wait",
                throttle_duration_sec=COMPLAINT_PERIOD_S,
            )
        return drivers == owners

    def _make_topics(self) -> None:
        self._robot_states = self.publisher(RobotState, "robot_state", qos.STATE)
        self._bridge_states = StatusPublisher(
            self,
            BridgeState,
            "bridge_state",
            qos.LATCHED,
            heartbeat_hz=self.params.heartbeat_rate_hz,
            watch_hz=WATCH_RATE_HZ,
        )
        # safety_state stands before command/safe: when both wait, the executor takes them in this order, and the first
        # command after arming finds the permit.
        self.subscription(SafetyState, "safety_state", self._on_safety, qos.LATCHED)
        command_qos = qos.command(1.0 / self._robot.command_rate_hz)
        self._commands = self.subscription(JointCommand, "command/safe", self._on_command, command_qos)
        for topic in self._drivers.topics:
            self.subscription(JointState, topic, partial(self._on_joint_state, topic), qos.DRIVER_STATE)

    def _activated(self) -> None:
        self._guard = self._new_guard()  # whatever was armed before must be armed again
        self._log = StatusLog(self.get_logger(), self.steady_now_ns())

    def _deactivating(self) -> None:
        self._publish_status((BridgeState.WAITING, HoldCause.NONE, "the bridge was deactivated"))

    # Callbacks, all in the executor's thread.

    def _on_joint_state(self, topic: str, message: JointState, info: MessageInfo) -> None:
        self._guard.runs(self.steady_now_ns())
        newer = self._drivers.take(topic, report_from_msg(message, info), self.ros_now_ns())
        if not (newer and self.active and self._state_limiter.allows(self.steady_now_ns())):
            return
        now_ns = self.ros_now_ns()
        state = self._drivers.robot_state(now_ns)
        if state is not None:
            report = self._fault
            state = replace(state, fault=int(report.fault), fault_text=report.text)
            self._robot_states.publish(robot_state_to_msg(state, self._robot.base_frame))
            self._state_ages.add((now_ns - state.stamp_ns) * 1e-6)
            self._states_sent += 1

    def _on_safety(self, message: SafetyState) -> None:
        self._guard.runs(self.steady_now_ns())
        armed = message.mode == SafetyState.ARMED
        news = self._memory.on_safety(
            instance_id=message.instance_id,
            armed=armed,
            cause=message.cause,
            text=message.text,
            pressed=message.pressed_estops,
        )
        if not self.active:
            return
        permitted, steady_ns = self._guard.permits, self.steady_now_ns()
        self._guard.on_safety(armed=armed, steady_ns=steady_ns)
        if self._guard.permits and not permitted:
            self._check_publishers(steady_ns)  # before the first command passes
        if news:
            self._publish_status(
                self._status()
            )  # safety is not armed before the bridge has confirmed that it receives safety_state

    def _on_command(self, message: JointCommand) -> None:
        if not self.active:
            return
        now_ns, steady_ns = self.ros_now_ns(), self.steady_now_ns()
        self._watch_streams(steady_ns)
        self._watch_clock(now_ns, steady_ns)
        self._watch_drivers(now_ns, steady_ns)
        command = self._guard.admit(command_from_msg(message), now_ns, steady_ns)
        if command is not None:
            self._command_ages.add((now_ns - command.start_ns) * 1e-6)
            for output in self._outputs:
                if self.steady_now_ns() - steady_ns > HELD_UP_NS:
                    break  # this process did not run for a while: what it was about to send is of the past
                output.send(command, steady_ns)
            self._forwarded, self._forwarded_sequence = command, command.sequence
            self._rest_ns = command.start_ns + round((len(command.positions) - 1) * command.step_s * NS_PER_S)
        self._publish_news()

    def _tick(self) -> None:
        if not self.active:
            return
        now_ns, steady_ns = self.ros_now_ns(), self.steady_now_ns()
        self._watch_streams(steady_ns)
        self._guard.watch_safety(steady_ns)
        self._watch_clock(now_ns, steady_ns)
        self._watch_drivers(now_ns, steady_ns)
        if steady_ns - self._publishers_checked_ns > PUBLISHERS_PERIOD_NS:
            self._publishers_checked_ns = steady_ns
            self._check_publishers(steady_ns)
        self._publish_news()

    # What is watched.

    def _watch_streams(self, steady_ns: int) -> None:
        """End the motion of a robot whose stream was interrupted: it stands where the last setpoint was."""
        self._guard.runs(steady_ns)
        gap_s = max((output.interrupted_s(steady_ns) for output in self._outputs), default=0.0)
        if gap_s == 0.0:
            return
        for output in self._outputs:
            output.end()
        self._rest_ns = 0
        text = (
            f"the stream of setpoints was interrupted for {gap_s:.3f} s, at most {MISSED_MAX} of its periods may be "
            f"missed: reduce the load on this computer, or give the bridge real-time priority; {AGAIN}"
        )
        self._guard.withdraw(HoldCause.OVERLOADED, text, steady_ns)

    def _watch_clock(self, now_ns: int, steady_ns: int) -> None:
        """When ROS time is set back, let the last command end when it would have ended.

        A controller that received it after the jump takes its start for the future, and slowly leads the robot there.
        """
        jump_ns = self._set_back.jump_ns(now_ns, steady_ns)
        if not jump_ns:
            return
        text = f"ROS time was set back by {-jump_ns / NS_PER_S:.3f} s: let clocks be set before a robot is armed"
        self._guard.withdraw(HoldCause.COMMAND_OLD, text, steady_ns)
        self._rest_ns += jump_ns
        if self._forwarded is not None and now_ns < self._rest_ns:
            rest = replace(self._forwarded, start_ns=self._forwarded.start_ns + jump_ns)
            for output in self._outputs:
                output.send(rest, steady_ns)

    def _watch_drivers(self, now_ns: int, steady_ns: int) -> None:
        """Forward nothing to a robot that is not measured."""
        if self._guard.catching_up(steady_ns):
            return
        if self._guard.permits and (problem := self._drivers.problem(now_ns)):
            self._guard.withdraw(HoldCause.DRIVER_STATE, problem, steady_ns)

    def _check_publishers(self, steady_ns: int) -> None:
        """Forward nothing while another node commands robot or bridge, or drivers disagree on where it is."""
        for topic, joints in self._drivers.disputed():
            publishers = ", ".join(self.publishers_of(topic))
            text = f"'{topic}' has several sources of {joints} ({publishers}), expected one; stop the others"
            self._guard.withdraw(HoldCause.SECOND_PUBLISHER, text, steady_ns)
        for topic in [self._commands.topic_name, *(output.topic for output in self._outputs)]:
            names = self.publishers_of(topic) if topic else []
            if len(names) > 1:
                text = (
                    f"'{topic}' has {len(names)} publishers ({', '.join(names)}), expected one; stop the others "
                    "(one that crashed is listed for some seconds)"
                )
                self._guard.withdraw(HoldCause.SECOND_PUBLISHER, text, steady_ns)

    @property
    def _fault(self) -> FaultReport:
        return self._faults.faults.present

    # What is published.

    def _status(self) -> Status:
        now_ns = self.ros_now_ns()
        if problem := self._drivers.problem(now_ns):
            problem += f"; the robot reports a fault: {self._fault.text}" if self._fault.fault else ""
            return BridgeState.WAITING, HoldCause.DRIVER_STATE, problem
        if hold := self._guard.hold:
            return BridgeState.HOLDING, hold.cause, hold.text
        mode = BridgeState.EXECUTING if now_ns < self._rest_ns + LULL_NS else BridgeState.READY
        missing = [group.command_topic for group, output in self._pairs() if not output.listens()]
        return mode, HoldCause.NONE, f"no controller listens on '{', '.join(missing)}'; start it" if missing else ""

    def _pairs(self) -> list[tuple[DriverGroup, ControllerOutput]]:
        return list(zip(self._profile.groups, self._outputs, strict=False))

    def _publish_news(self) -> None:
        status = self._status()
        if self._bridge_states.overdue() or self._bridge_states.changed(status[:2]):
            self._publish_status(status)

    def _publish_status(self, status: Status) -> None:
        mode, cause, text = status
        self._log.note(status[:2], text, self.steady_now_ns())
        message = BridgeState(mode=mode, cause=getattr(BridgeState, f"CAUSE_{cause.name}"), text=text)
        message.header.stamp = to_stamp(self.ros_now_ns())
        message.forwarded_sequence, message.dry_run = self._forwarded_sequence, self.params.dry_run
        message.safety_instance_id = self._memory.instance_id
        message.former_cause, message.former_text = self._memory.former_cause, self._memory.former_text
        message.former_pressed_estops = self._memory.former_pressed
        self._bridge_states.publish(status[:2], message)

    def _report(self) -> list[Report]:
        mode, cause, text = self._status()
        level = ERROR if mode in (BridgeState.WAITING, BridgeState.HOLDING) else WARN if text else OK
        values = {
            "driver": self._profile.name,
            "cause": cause.name,
            "dry_run": self.params.dry_run,
            "forwarded_sequence": self._forwarded_sequence,
            "robot_states_in_last_second": self._states_sent,
        }
        self._states_sent = 0
        stages = (self._state_ages, self._command_ages)
        return [("drivers", level, text or "fine", values), self._report_faults(), *(each.report() for each in stages)]

    def _report_faults(self) -> Report:
        warning = self._faults.warning
        sources = ", ".join(source.topic for source in self._profile.faults) or "none named in the driver profile"
        level = ERROR if self._fault.fault else WARN if warning else OK
        return "faults", level, self._fault.text or warning or "none", {"sources": sources}


def main() -> int:
    """Run the node."""
    return run(BridgeNode)


if __name__ == "__main__":
    sys.exit(main())
