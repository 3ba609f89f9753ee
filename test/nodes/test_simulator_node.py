# SPDX-License-Identifier: Apache-2.0
"""The simulator from its topics: the drivers' names, units, rates and refusals, and the stop when commands cease."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")
pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")

from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticArray
from fakes.lifecycle_manager import repeat_life_cycle
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.nodes.simulator_node import SimulatorNode
from molmoact2_ros.ros import qos

pytestmark = [pytest.mark.node, pytest.mark.sim]

DEADLINE_S = 20.0
HOME = Embodiment.load("droid").pose("home")
ARM_NAMES = [f"fr3_joint{i}" for i in range(1, 8)]


class Lab:
    """The simulator and a lab's own node around it, in one executor."""

    def __init__(self, **parameters: object) -> None:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        rclpy.init(args=["--ros-args", *[x for p in overrides for x in ("-p", f"{p.name}:={_text(p.value)}")]])
        self.simulator, self.node = SimulatorNode(), Node("lab")
        self.executor = SingleThreadedExecutor()
        self.received: dict[str, list] = {}

    def start(self) -> None:
        assert self.simulator.autostart(), self.simulator.failure
        self.spin_with_simulator()

    def spin_with_simulator(self) -> None:
        self.executor.add_node(self.simulator)
        self.executor.add_node(self.node)

    def listen(self, kind: type, topic: str) -> None:
        self.received[topic] = []
        self.node.create_subscription(kind, topic, self.received[topic].append, qos.CAMERA)

    def spin_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, "did not happen in time"
            self.executor.spin_once(timeout_sec=0.05)

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.spin_until(lambda: time.monotonic() > end)

    def send(self, kind: type, topic: str, message: object) -> None:
        publisher = self.node.create_publisher(kind, topic, qos.CONTROLLER)
        self.spin_until(lambda: publisher.get_subscription_count() > 0)
        publisher.publish(message)

    def reported(self, key: str) -> list[str]:
        statuses = [status for message in self.received["/diagnostics"] for status in message.status]
        return [entry.value for status in statuses for entry in status.values if entry.key == key]

    def inject(self, text: str) -> str:
        """Set the parameter; return why it was refused."""
        return str(self.simulator.set_parameters([Parameter("fault", value=text)])[0].reason)

    def arm(self) -> dict[str, tuple[float, float]]:
        message = self.received["franka/joint_states"][-1]
        return {n: (p, v) for n, p, v in zip(message.name, message.position, message.velocity, strict=True)}


def _headers(messages: list) -> set[str]:
    return {str(message.header) for message in messages}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.fixture
def lab(ros_domain: int) -> Iterator[Callable[..., Lab]]:
    made: list[Lab] = []

    def make(**parameters: object) -> Lab:
        made.append(Lab(**({"camera_rate_hz": 0.0} | parameters)))
        made[-1].listen(JointState, "franka/joint_states")
        made[-1].listen(JointState, "joint_states")
        return made[-1]

    yield make
    made[0].simulator.trigger_shutdown()
    made[0].simulator.destroy_node()
    made[0].node.destroy_node()


def _trajectory(names: list[str], offset_rad: float, seconds: float) -> JointTrajectory:
    message = JointTrajectory(joint_names=names)
    for share in (0.25, 0.5, 0.75, 1.0):
        progress, rate = (1 - np.cos(np.pi * share)) / 2, np.pi * np.sin(np.pi * share) / 2 / seconds
        point = JointTrajectoryPoint(time_from_start=Duration(nanosec=int(share * seconds * 1e9)))
        point.positions = [float(HOME[ARM_NAMES.index(name)] + offset_rad * progress) for name in names]
        point.velocities = [0.0 if share == 1.0 else float(offset_rad * rate) for _ in names]
        message.points.append(point)
    return message


def test_states_have_the_drivers_names_and_units_but_not_our_order(lab: Callable[..., Lab]) -> None:
    robot = lab()
    robot.start()
    robot.spin_until(lambda: all(robot.received.values()))
    arm, gripper = robot.received["franka/joint_states"][0], robot.received["joint_states"][0]
    assert sorted(arm.name) == ARM_NAMES
    assert list(arm.name) != ARM_NAMES
    assert [robot.arm()[name][0] for name in ARM_NAMES] == pytest.approx(HOME[:7], abs=1e-3)
    assert list(gripper.name) == ["robotiq_85_left_knuckle_joint"]
    assert gripper.position[0] == pytest.approx(0.0, abs=1e-3)  # open


def test_arm_states_come_more_often_than_gripper_states(lab: Callable[..., Lab]) -> None:
    robot = lab()
    robot.start()
    robot.spin_until(lambda: len(robot.received["joint_states"]) >= 20)
    assert len(robot.received["franka/joint_states"]) > 2 * len(robot.received["joint_states"])


def test_arm_plays_out_a_trajectory_and_holds_when_no_other_follows(lab: Callable[..., Lab]) -> None:
    robot = lab()
    robot.start()
    robot.send(JointTrajectory, "fr3_arm_controller/joint_trajectory", _trajectory(ARM_NAMES[::-1], 0.1, 0.8))
    robot.spin_until(lambda: bool(robot.received["franka/joint_states"]) and abs(robot.arm()["fr3_joint1"][1]) > 0.05)
    robot.spin(1.2)
    rest = robot.arm()
    robot.spin(0.3)
    for index, name in enumerate(ARM_NAMES):
        assert robot.arm()[name][0] == pytest.approx(HOME[index] + 0.1, abs=0.003)
        assert robot.arm()[name] == pytest.approx(rest[name], abs=0.003)


def test_trajectory_for_other_joints_is_refused_and_the_arm_stays(lab: Callable[..., Lab]) -> None:
    robot = lab()
    robot.listen(DiagnosticArray, "/diagnostics")
    robot.start()
    robot.send(JointTrajectory, "fr3_arm_controller/joint_trajectory", _trajectory(ARM_NAMES[:5], 0.3, 0.2))
    robot.spin_until(lambda: "1" in robot.reported("commands_refused"))
    assert [robot.arm()[name][0] for name in ARM_NAMES] == pytest.approx(HOME[:7], abs=1e-3)


def test_gripper_closes_on_a_forward_command(lab: Callable[..., Lab]) -> None:
    robot = lab()
    robot.start()
    robot.send(Float64MultiArray, "robotiq_gripper_controller/commands", Float64MultiArray(data=[0.7929]))
    robot.spin_until(lambda: any(state.position[0] > 0.78 for state in robot.received["joint_states"]))


def test_clock_advances_with_real_time_when_asked_for(lab: Callable[..., Lab]) -> None:
    robot = lab(publish_clock=True)
    robot.listen(Clock, "/clock")
    robot.start()
    robot.spin_until(lambda: len(robot.received["/clock"]) > 10)
    begin, first = time.monotonic(), robot.received["/clock"][-1].clock
    robot.spin(0.5)
    last = robot.received["/clock"][-1].clock
    elapsed_s = last.sec - first.sec + (last.nanosec - first.nanosec) * 1e-9
    assert elapsed_s == pytest.approx(time.monotonic() - begin, abs=0.2)


def test_images_have_size_encoding_frame_and_a_stamp_before_their_arrival(lab: Callable[..., Lab]) -> None:
    robot = lab(camera_rate_hz=10.0, camera_width=160, camera_height=90)
    topics = ["camera/external/image", "camera/wrist/image"]
    for topic in topics:
        robot.listen(Image, topic)
    if not robot.simulator.autostart() and "EGL" in robot.simulator.failure:
        pytest.skip(robot.simulator.failure)
    robot.spin_with_simulator()
    robot.spin_until(lambda: all(robot.received[topic] for topic in topics))
    now_ns = robot.node.get_clock().now().nanoseconds
    for topic, frame in zip(topics, ["external_camera", "wrist_camera"], strict=True):
        image = robot.received[topic][0]
        assert (image.height, image.width, image.step, image.encoding) == (90, 160, 480, "rgb8")
        assert image.header.frame_id == frame
        assert len(image.data) == 90 * 480
        assert 0 < now_ns - image.header.stamp.sec * 10**9 - image.header.stamp.nanosec < 5e9


def test_each_image_has_its_calibration_next_to_it(lab: Callable[..., Lab]) -> None:
    robot = lab(camera_rate_hz=10.0, camera_width=160, camera_height=90)
    topics = ["camera/external/image", "camera/external/camera_info"]
    for kind, topic in zip((Image, CameraInfo), topics, strict=True):
        robot.listen(kind, topic)
    if not robot.simulator.autostart() and "EGL" in robot.simulator.failure:
        pytest.skip(robot.simulator.failure)
    robot.spin_with_simulator()
    robot.spin_until(lambda: bool(_headers(robot.received[topics[0]]) & _headers(robot.received[topics[1]])))
    info = robot.received[topics[1]][-1]
    assert (info.height, info.width, info.header.frame_id) == (90, 160, "external_camera")
    # 71.5 degrees of the scene file, from the first row's upper edge to the last one's lower.
    assert 2 * np.degrees(np.arctan(45 / info.k[4])) == pytest.approx(71.5)
    assert (info.k[0], info.k[2], info.k[5]) == (info.k[4], 79.5, 44.5)


def test_a_fault_begins_and_ends_when_the_parameter_says_so(lab: Callable[..., Lab]) -> None:
    robot = lab()
    robot.start()
    robot.spin_until(lambda: bool(robot.received["franka/joint_states"]))
    assert robot.inject("state_dead") == ""
    robot.spin(0.2)
    count = len(robot.received["franka/joint_states"])
    robot.spin(0.3)
    assert len(robot.received["franka/joint_states"]) == count
    assert robot.inject("") == ""
    robot.spin_until(lambda: len(robot.received["franka/joint_states"]) > count)


def test_a_fault_may_be_there_from_the_start(lab: Callable[..., Lab]) -> None:
    robot = lab(fault="state_nan")
    robot.start()
    robot.spin_until(lambda: bool(robot.received["franka/joint_states"]))
    assert np.isnan(robot.received["franka/joint_states"][-1].position).sum() == 1


def test_a_wrong_fault_is_refused_and_changes_nothing(lab: Callable[..., Lab]) -> None:
    robot = lab()
    assert "configure the simulator first" in robot.inject("state_dead")
    robot.start()
    assert "expected nothing, or one of camera_dead ROLE," in robot.inject("melt")
    assert "needs the parameter publish_clock" in robot.inject("clock_jump 1")
    robot.spin_until(lambda: bool(robot.received["franka/joint_states"]))
    assert robot.simulator.get_parameter("fault").value == ""


def test_a_controller_that_ignores_commands_keeps_the_arm_where_it_is(lab: Callable[..., Lab]) -> None:
    robot = lab()
    robot.start()
    robot.inject("controller_ignores")
    robot.send(JointTrajectory, "fr3_arm_controller/joint_trajectory", _trajectory(ARM_NAMES, 0.2, 0.4))
    robot.spin(0.8)
    assert [robot.arm()[name][0] for name in ARM_NAMES] == pytest.approx(HOME[:7], abs=1e-3)


def test_a_robot_fault_is_reported_as_the_controller_manager_does(lab: Callable[..., Lab]) -> None:
    robot = lab()
    robot.listen(DiagnosticArray, "/diagnostics")
    robot.start()
    robot.spin_until(lambda: "active" in robot.reported("franka_ros2_robotiq_forward.state"))
    robot.inject("robot_fault reflex")
    robot.spin_until(lambda: "unconfigured" in robot.reported("franka_ros2_robotiq_forward.state"))


@pytest.mark.parametrize("jump_s", [1.0, -1.0])
def test_a_clock_that_jumps_takes_the_stamps_along_and_leaves_the_arm(lab: Callable[..., Lab], jump_s: float) -> None:
    robot = lab(publish_clock=True)
    robot.listen(Clock, "/clock")
    robot.start()
    robot.spin_until(lambda: len(robot.received["franka/joint_states"]) > 10)
    before_ns, steady_s = robot.simulator._simulation.time_ns, time.monotonic()
    robot.inject(f"clock_jump {jump_s}")
    count = len(robot.received["franka/joint_states"])
    robot.spin_until(lambda: len(robot.received["franka/joint_states"]) > count + 5)
    stamp = robot.received["franka/joint_states"][-1].header.stamp
    gained_s = (stamp.sec * 10**9 + stamp.nanosec - before_ns) / 1e9 - (time.monotonic() - steady_s)
    assert gained_s == pytest.approx(jump_s, abs=0.2)
    assert [robot.arm()[name][0] for name in ARM_NAMES] == pytest.approx(HOME[:7], abs=1e-3)


@pytest.mark.skipif(find_spec("control_msgs") is not None, reason="control_msgs is installed here")
def test_profile_that_needs_control_msgs_says_so(lab: Callable[..., Lab]) -> None:
    robot = lab(driver="franka_ros2_robotiq")
    assert not robot.simulator.autostart()
    assert "control_msgs, which is not installed" in robot.simulator.failure


def test_machine_without_egl_fails_configure_in_one_sentence(
    lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mujoco.egl", None)
    robot = lab(camera_rate_hz=15.0)
    assert not robot.simulator.autostart()
    assert "apt install libegl1" in robot.simulator.failure
    assert "\n" not in robot.simulator.failure


def test_simulator_publishes_states_and_images_after_twenty_life_cycles(lab: Callable[..., Lab]) -> None:
    robot = lab(autostart=False, camera_rate_hz=5.0, camera_width=32, camera_height=24)
    robot.listen(Image, "camera/wrist/image")
    robot.start()
    repeat_life_cycle(robot.simulator, robot.executor)
    robot.spin_until(lambda: all(robot.received.values()))
    assert robot.node.count_publishers("franka/joint_states") == 1
