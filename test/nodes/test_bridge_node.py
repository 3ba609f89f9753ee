# SPDX-License-Identifier: Apache-2.0
"""The bridge node from the outside: real topics with the drivers' qualities of service, in its own domain."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from fakes.commands import continued, resting_command
from fakes.fake_driver import FakeDriver
from fakes.lifecycle_manager import repeat_life_cycle
from fakes.neighbours import AroundNode
from rclpy.qos import qos_profile_sensor_data, qos_profile_system_default
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.bridge_state import HoldCause
from molmoact2_ros.msg import BridgeState, JointCommand, LockstepDone, LockstepPhase, RobotState, SafetyState
from molmoact2_ros.nodes.bridge_node import BridgeNode
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import command_to_msg, robot_state_from_msg, to_array, to_stamp
from molmoact2_ros.ros.lockstep import DONE_TOPIC, PHASE_TOPIC, TOPICS

pytestmark = pytest.mark.node

DROID = Embodiment.load("droid")
FORWARD = "franka_ros2_robotiq_forward"
ARM, GRIPPER = DROID.driver(FORWARD).groups
HOME = DROID.pose("home")
# A busy machine may hold this process up for longer than a bridge rightly waits for.
PATIENT = {"state_max_age_s": 1.0, "safety_timeout_s": 1.0, "command_max_age_s": 0.5}


class Neighbours(AroundNode):
    """Drivers (sensor data), controllers (system default) and safety around a bridge node."""

    def __init__(self, driver: str = FORWARD, **parameters: object) -> None:
        super().__init__(BridgeNode, driver=driver, **{**PATIENT, **parameters})
        assert self.started, self.bridge.failure
        self.arm, self.gripper = FakeDriver(ARM, HOME[:7]), FakeDriver(GRIPPER, np.array([0.75]))
        self.sensors = {
            group.state_topic: self.node.create_publisher(JointState, group.state_topic, qos_profile_sensor_data)
            for group in (ARM, GRIPPER)
        }
        self.safety = self.node.create_publisher(SafetyState, "safety_state", qos.LATCHED)
        self.commands = self.node.create_publisher(JointCommand, "command/safe", qos.command(0.02))
        self.trajectories: list[JointTrajectory] = []
        self.goals: list[Float64MultiArray] = []
        self.robot_states: list[RobotState] = []
        self.bridge_states: list[BridgeState] = []
        listen = self.node.create_subscription
        listen(JointTrajectory, ARM.command_topic, self.trajectories.append, qos_profile_system_default)
        listen(Float64MultiArray, GRIPPER.command_topic, self.goals.append, qos_profile_system_default)
        listen(RobotState, "robot_state", self.robot_states.append, qos.STATE)
        listen(BridgeState, "bridge_state", self.bridge_states.append, qos.LATCHED)
        self.sequence = 0
        self.motion = None  # what the stream of commands describes, once it has begun
        self.safety_mode: int | None = SafetyState.DISARMED
        self.safety_instance_id, self.safety_cause = 1, SafetyState.CAUSE_NONE
        self.broken: dict[str, float] = {}

    bridge = property(lambda self: self.tested)

    def sense(self, driver: FakeDriver, topic: str) -> None:
        report = driver.report(self.now_ns() / 1e6, velocities=np.zeros(len(driver.names) - 2), broken=self.broken)
        message = JointState(name=list(report.names))
        message.header.stamp = to_stamp(report.stamp_ns)
        message.position, message.velocity = to_array("d", report.positions), to_array("d", report.velocities)
        self.sensors[topic].publish(message)

    def play(self) -> None:
        """One round of drivers and safety, as far as they live."""
        self.sense(self.arm, ARM.state_topic)
        self.sense(self.gripper, GRIPPER.state_topic)
        if self.safety_mode is not None:
            self.safety.publish(
                SafetyState(mode=self.safety_mode, cause=self.safety_cause, instance_id=self.safety_instance_id)
            )

    def command(self, **changes: object) -> None:
        """One round, and the next command of a motion that began with the first one."""
        self.play()
        self.sequence += 1
        self.motion = self.motion or resting_command(DROID, self.now_ns())
        self.command_sent = replace(continued(self.motion, self.now_ns()), sequence=self.sequence, **changes)
        self.commands.publish(command_to_msg(self.command_sent))

    def last(self) -> object:
        return self.bridge_states[-1:]

    def arm_safety(self) -> None:
        """Disarmed, then armed; wait until drivers and controllers are connected."""
        self.safety_mode, self.motion = SafetyState.DISARMED, None
        self.play_until(lambda: self.is_mode(BridgeState.READY) and not self.bridge_states[-1].text)
        self.safety_mode = SafetyState.ARMED
        self.play_until(lambda: self.bridge._guard.permits)

    def is_mode(self, mode: int, cause: int = BridgeState.CAUSE_NONE) -> bool:
        return bool(self.bridge_states) and (self.bridge_states[-1].mode, self.bridge_states[-1].cause) == (mode, cause)


def test_reversed_driver_joints_become_a_robot_state_in_our_names_and_units(around):
    run = around()
    run.play_until(lambda: run.robot_states)
    state = robot_state_from_msg(run.robot_states[-1])
    assert state.names == DROID.joint_names
    np.testing.assert_allclose(state.positions, [*HOME[:7], 0.75])
    assert run.robot_states[-1].header.frame_id == "fr3_link0"


def test_lockstep_does_not_begin_while_driver_states_come_from_another_node_than_the_time_does(around):
    run, ready = around(lockstep=True), []
    run.node.create_subscription(LockstepDone, DONE_TOPIC, ready.append, TOPICS)
    run.play_until(lambda: run.bridge.publishers_of(ARM.state_topic))
    run.play_for(1.0)
    assert not ready
    run.node.create_publisher(LockstepPhase, PHASE_TOPIC, qos.LATCHED)  # the drivers' own simulator
    run.play_until(lambda: ready)
    assert (ready[0].node, ready[0].step) == ("/bridge", 0)


def test_a_nan_of_a_driver_is_named_and_no_robot_state_is_sent(around):
    run = around()
    run.play_until(lambda: run.robot_states and run.is_mode(BridgeState.READY))
    run.broken = {"fr3_joint4": np.nan}
    run.play_until(lambda: run.is_mode(BridgeState.WAITING, BridgeState.CAUSE_DRIVER_STATE))
    assert "expected finite positions, got nan for fr3_joint4" in run.bridge_states[-1].text
    sent, reported = len(run.robot_states), len(run.bridge_states)
    run.play_until(lambda: len(run.bridge_states) > reported + 3)
    assert len(run.robot_states) == sent


def test_a_driver_that_never_came_is_named(around):
    run = around()
    run.play_until(lambda: run.bridge_states, step=lambda: run.sense(run.arm, ARM.state_topic))
    assert "'joint_states' is missing: expected robotiq_85_left_knuckle_joint" in run.bridge_states[-1].text


def test_a_checked_command_reaches_the_arm_with_its_start_times_and_final_rest(around):
    run = around()
    run.arm_safety()
    run.play_until(lambda: run.trajectories, run.command)
    message, points = run.trajectories[0], run.trajectories[0].points
    assert message.joint_names == [f"fr3_joint{index}" for index in range(1, 8)]
    assert message.header.stamp.sec > 0
    assert [point.time_from_start.nanosec for point in points] == [20_000_000 * index for index in range(6)]
    np.testing.assert_allclose(points[-1].positions, HOME[:7] - 0.02)
    assert list(points[-1].velocities) == [0.0] * 7


def test_the_gripper_gets_the_last_motion_point_in_the_drivers_unit(around):
    run = around()
    run.arm_safety()
    positions = resting_command(DROID, 0).positions
    run.play_until(lambda: run.goals, lambda: run.command(positions=positions))
    assert run.goals[0].data[0] == pytest.approx(0.7929 * (1 - positions[2, 7]))


def test_executing_is_reported_and_ends_with_the_command(around):
    run = around()
    run.arm_safety()
    run.play_until(lambda: run.is_mode(BridgeState.EXECUTING), run.command)
    run.play_until(lambda: run.is_mode(BridgeState.READY))
    assert run.bridge_states[-1].forwarded_sequence > 0


def test_commands_of_a_safety_that_is_not_armed_stay_here(around):
    run = around()
    run.play_until(lambda: run.is_mode(BridgeState.READY))
    run.play_until(lambda: run.bridge_states[-1].mode == BridgeState.HOLDING, run.command)
    assert run.trajectories == []


def test_a_silent_safety_stops_forwarding_and_only_arming_again_resumes_it(around):
    run = around()
    run.arm_safety()
    run.play_until(lambda: run.trajectories, run.command)
    run.safety_mode = None
    run.play_until(lambda: run.is_mode(BridgeState.HOLDING, BridgeState.CAUSE_SAFETY_SILENT), run.command)
    run.safety_mode, passed = SafetyState.ARMED, len(run.trajectories)
    reported = len(run.bridge_states)
    run.play_until(lambda: len(run.bridge_states) > reported + 5, run.command)
    assert len(run.trajectories) == passed
    run.arm_safety()
    run.play_until(lambda: len(run.trajectories) > passed, run.command)


def test_a_lost_driver_ends_the_permit_until_safety_is_armed_again(around):
    run = around()
    run.arm_safety()
    run.broken = {"fr3_joint1": np.inf}
    run.play_until(lambda: run.is_mode(BridgeState.WAITING, BridgeState.CAUSE_DRIVER_STATE))
    run.broken = {}
    run.play_until(lambda: run.is_mode(BridgeState.HOLDING, BridgeState.CAUSE_DRIVER_STATE), run.command)
    assert run.trajectories == []


@pytest.mark.parametrize(("joint", "cause"), [(7, "NONE"), (0, "COMMAND_OLD")], ids=["gripper", "arm"])
def test_a_joint_on_a_trajectory_may_not_step_but_one_that_is_sent_goals_may(around, joint, cause):
    run = around()
    run.arm_safety()
    run.play_until(
        lambda: run.bridge_states[-1].forwarded_sequence and not np.ptp(run.command_sent.positions, axis=0).any(),
        run.command,
    )
    stepped = run.command_sent.positions.copy()
    stepped[:, joint] += 0.2
    run.command(positions=stepped)
    sent = run.sequence
    run.play_until(lambda: run.bridge_states[-1].forwarded_sequence == sent or run.bridge_states[-1].cause)
    assert run.bridge_states[-1].cause == getattr(BridgeState, f"CAUSE_{cause}")


def test_a_second_publisher_of_commands_is_named_and_stops_forwarding(around):
    run = around()
    run.arm_safety()
    second = run.node.create_publisher(JointCommand, "command/safe", qos.command(0.02))
    run.play_until(lambda: run.is_mode(BridgeState.HOLDING, BridgeState.CAUSE_SECOND_PUBLISHER))
    assert "'/command/safe' has 2 publishers (neighbours, neighbours)" in run.bridge_states[-1].text
    run.node.destroy_publisher(second)
    run.arm_safety()


def test_arming_next_to_a_known_second_publisher_lets_not_one_command_pass(around):
    run = around()
    run.node.create_publisher(JointCommand, "command/safe", qos.command(0.02))
    run.play_until(lambda: run.is_mode(BridgeState.HOLDING, BridgeState.CAUSE_SECOND_PUBLISHER))
    run.safety_mode = SafetyState.ARMED
    run.play_until(lambda: run.sequence == 10, run.command)
    assert run.trajectories == []


def test_a_second_publisher_on_a_controllers_topic_is_named(around):
    run = around()
    run.arm_safety()
    run.node.create_publisher(JointTrajectory, ARM.command_topic, 1)
    run.play_until(lambda: run.is_mode(BridgeState.HOLDING, BridgeState.CAUSE_SECOND_PUBLISHER))
    assert "/fr3_arm_controller/joint_trajectory' has 2 publishers (bridge, neighbours)" in run.bridge_states[-1].text


def test_a_second_source_of_a_joints_state_is_named_and_stops_forwarding(around):
    run = around()
    run.arm_safety()
    run.sensors["second_publisher"] = run.node.create_publisher(
        JointState, GRIPPER.state_topic, qos_profile_sensor_data
    )
    second = FakeDriver(GRIPPER, np.array([0.0]))
    run.play_until(
        lambda: run.is_mode(BridgeState.HOLDING, BridgeState.CAUSE_SECOND_PUBLISHER),
        lambda: (run.play(), run.sense(second, "second_publisher")),
    )
    text = "'joint_states' has several sources of robotiq_85_left_knuckle_joint (neighbours, neighbours), expected one"
    assert text in run.bridge_states[-1].text


def test_drivers_that_share_a_topic_for_joints_of_their_own_are_no_second_publishers(around):
    run = around()
    run.sensors["other"] = run.node.create_publisher(JointState, GRIPPER.state_topic, qos_profile_sensor_data)
    run.arm_safety()
    states = len(run.robot_states)
    run.play_until(lambda: len(run.robot_states) > states + 20, lambda: (run.play(), run.sense(run.arm, "other")))
    assert not run.bridge._drivers.disputed()
    assert run.is_mode(BridgeState.READY)


def test_dry_run_executes_everything_but_sends_nothing(around):
    run = around(dry_run=True)
    run.arm_safety()
    run.play_until(lambda: run.is_mode(BridgeState.EXECUTING), run.command)
    assert run.bridge_states[-1].dry_run
    assert run.node.count_publishers(ARM.command_topic) == 0


def test_a_controller_that_does_not_listen_is_named(around):
    run = around(driver=FORWARD)
    for subscription in [s for s in run.node.subscriptions if s.topic_name.endswith("joint_trajectory")]:
        run.node.destroy_subscription(subscription)
    run.play_until(lambda: run.is_mode(BridgeState.READY) and "joint_trajectory'" in run.bridge_states[-1].text)
    assert "no controller listens on 'fr3_arm_controller/joint_trajectory'; start it" in run.bridge_states[-1].text


def _report_components(around: Neighbours, state: str) -> Callable[[], None]:
    """Return a round in which a controller_manager names the state of its hardware component."""
    publisher = around.node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def reported() -> None:
        around.play()
        values = [KeyValue(key="arm.state", value=state)]
        name = "controller_manager: Hardware Components Activity"
        publisher.publish(DiagnosticArray(status=[DiagnosticStatus(name=name, message="stopped", values=values)]))

    return reported


def test_a_fault_of_the_robot_travels_in_robot_state_until_it_is_over(around):
    neighbours = around()
    report = _report_components(neighbours, "unconfigured")
    neighbours.play_until(lambda: neighbours.robot_states and neighbours.robot_states[-1].fault, report)
    state = neighbours.robot_states[-1]
    assert state.fault == RobotState.FAULT_DRIVER
    assert state.fault_text == "hardware component arm is unconfigured, not active; its manager says: stopped"
    neighbours.play_until(lambda: not neighbours.robot_states[-1].fault, _report_components(neighbours, "active"))
    assert neighbours.robot_states[-1].fault_text == ""


def test_a_driver_that_falls_silent_after_a_fault_is_reported_with_the_fault(around):
    neighbours = around()
    report = _report_components(neighbours, "inactive")
    neighbours.play_until(lambda: neighbours.robot_states and neighbours.robot_states[-1].fault, report)
    words = "check its driver; the robot reports a fault: hardware component arm is inactive"
    neighbours.play_until(lambda: words in neighbours.bridge_states[-1].text, lambda: None)
    assert neighbours.is_mode(BridgeState.WAITING, BridgeState.CAUSE_DRIVER_STATE)


def test_a_fault_source_whose_messages_are_not_installed_is_reported(around, monkeypatch):
    monkeypatch.setitem(sys.modules, "franka_msgs", None)
    neighbours = around()
    [report] = [report for report in neighbours.bridge._report() if report[0] == "faults"]
    assert "carries franka_msgs, which is not installed" in report[2]
    assert "nothing about faults has come on /diagnostics yet" in report[2]


def test_a_deactivated_bridge_says_so_and_forwards_nothing(around):
    run = around()
    run.arm_safety()
    run.bridge.trigger_deactivate()
    run.play_until(lambda: run.bridge_states[-1].text == "the bridge was deactivated")
    for _ in range(5):
        run.command()
        run.executor.spin_once(timeout_sec=0.01)
    assert run.trajectories == []


def test_reactivation_needs_safety_to_be_armed_again(around):
    run = around()
    run.arm_safety()
    run.bridge.trigger_deactivate()
    run.bridge.trigger_activate()
    run.play_until(lambda: run.is_mode(BridgeState.HOLDING, BridgeState.CAUSE_SAFETY_NOT_ARMED), run.command)
    assert run.trajectories == []


def test_a_bridge_forwards_commands_after_twenty_life_cycles(around):
    run = around(autostart=False)
    repeat_life_cycle(run.bridge, run.executor)
    run.arm_safety()
    run.play_until(lambda: run.trajectories and run.goals, run.command)
    assert run.node.count_publishers(ARM.command_topic) == 1


def test_a_stop_of_a_safety_that_is_gone_is_reported_until_the_next_one_has_latched_it(around):
    bridge = around()
    bridge.arm_safety()
    bridge.play_until(lambda: bridge.bridge_states[-1].safety_instance_id == 1)
    bridge.safety_mode, bridge.safety_instance_id = SafetyState.DISARMED, 2
    bridge.play_until(lambda: bridge.bridge_states[-1].safety_instance_id == 2)
    assert bridge.bridge_states[-1].former_cause == SafetyState.CAUSE_SAFETY_RESTARTED
    assert "ended while it was armed" in bridge.bridge_states[-1].former_text
    bridge.safety_mode, bridge.safety_cause = SafetyState.STOPPED, SafetyState.CAUSE_SAFETY_RESTARTED
    bridge.play_until(lambda: bridge.bridge_states[-1].former_cause == SafetyState.CAUSE_NONE)


def test_a_profile_that_needs_control_msgs_fails_configure_and_names_the_other_one(around, monkeypatch):
    monkeypatch.setitem(sys.modules, "control_msgs.action", None)
    with pytest.raises(AssertionError, match=f"install ros-jazzy-control-msgs, or choose driver {FORWARD}"):
        around("franka_ros2_robotiq")


def test_an_unknown_driver_fails_configure_and_names_the_known_ones(around):
    with pytest.raises(AssertionError, match="droid has no driver 'ur5'; it has franka_ros2_robotiq"):
        around("ur5")


def test_every_cause_has_its_number_in_the_message():
    assert [getattr(BridgeState, f"CAUSE_{cause.name}") for cause in HoldCause] == list(range(8))
