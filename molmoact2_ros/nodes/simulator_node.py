# SPDX-License-Identifier: Apache-2.0
"""Stand in for the robot: MuJoCo behind the topics of the embodiment's drivers and cameras.

| direction | topic                              | type                                                | QoS           |
|-----------|------------------------------------|-----------------------------------------------------|---------------|
| out       | each group's state_topic           | sensor_msgs/JointState                              | reliable 10   |
| out       | each camera's topic                | sensor_msgs/Image, rgb8                             | best effort 2 |
| out       | each camera's camera_info          | sensor_msgs/CameraInfo                              | best effort 2 |
| out       | each diagnostic fault source's     | diagnostic_msgs/DiagnosticArray, once a second      | reliable 10   |
|           | topic                              |                                                     |               |
| out       | ~/truth (parameter                 | sensor_msgs/JointState, this package's names and    | best effort 5 |
|           | `publish_truth`)                   | units: where the robot is, whatever its drivers say |               |
| out       | /clock (parameter `publish_clock`) | rosgraph_msgs/Clock                                 | reliable 10   |
| in        | each group's command_topic         | trajectory_msgs/JointTrajectory,                    | reliable 1    |
|           |                                    | std_msgs/Float64MultiArray, or the actions          |               |
|           |                                    | ParallelGripperCommand and GripperCommand of        |               |
|           |                                    | control_msgs                                        |               |

The manners are those of hardware: states come at other rates than commands and in another joint order, cameras are not
exposed together, an image is older than its arrival. Physics and controllers are sim.Simulation, images come from
sim.CameraThread, its rate from sim.AdaptiveRate.

The parameter `fault` may be set while it runs: it names one fault of hardware, which lasts until it is set again.
    ros2 param set /simulator fault "camera_dead wrist"

Run: python -m molmoact2_ros.nodes.simulator_node --ros-args -p embodiment:=droid
"""

from __future__ import annotations

import queue
import sys
import time
from collections import deque
from contextlib import closing
from dataclasses import dataclass

from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock as ClockMsg
from sensor_msgs.msg import CameraInfo, Image, JointState

from molmoact2_ros.embodiment import Camera, Embodiment, default_driver
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import to_stamp
from molmoact2_ros.ros.lifecycle import ERROR, OK, WARN, Molmoact2Node, Report, run
from molmoact2_ros.ros.lockstep import LockstepInputs
from molmoact2_ros.ros.simulator_conversions import camera_info_to_msg, image_to_msg, truth_to_msg
from molmoact2_ros.schema import param
from molmoact2_ros.sim import (
    AdaptiveRate,
    Cameras,
    CameraThread,
    FaultyCameras,
    InjectedFault,
    RenderedFrame,
    Scene,
    SceneDescription,
    Simulation,
    SimulationError,
)
from molmoact2_ros.sim.faults import CLOCK_JUMP, known
from molmoact2_ros.timing import NS_PER_S, VariableRateLimiter

from .lockstep_clock import LockstepClock
from .simulated_drivers import SimulatedDrivers

EXPOSURE_SKEW_S = 0.015  # between one camera and the next: real ones run free, within one period of 60 Hz
REAL_TIME_ENOUGH = 0.98
CAMERA_LATENCY_NS = 20_000_000  # with lockstep, from exposure to arrival: a camera of 60 Hz and its transport
RENDER_LIMIT_S = 60.0
FAULT = "fault"


@dataclass(frozen=True)
class SimulatorParams:
    """Parameters of the simulator."""

    embodiment: str = param("droid", "robot: name of a shipped one, or path of an embodiment file")
    driver: str = param("", "driver profile whose topics to offer; empty: the first that needs no control_msgs")
    scene: str = param("", "path of a scene file; empty: the one shipped for the robot")
    pose: str = param("home", "pose of the embodiment file to start in")
    arm_state_rate_hz: float = param(100.0, "rate of joint states with arm joints", unit="Hz", low=10.0, high=200.0)
    gripper_state_rate_hz: float = param(30.0, "rate of joint states of grippers", unit="Hz", low=1.0, high=200.0)
    camera_rate_hz: float = param(
        -1.0, "rate of each camera, lowered when the machine is busy; 0: none, below: the scene's", unit="Hz", low=-1.0
    )
    camera_width: int = param(0, "width of camera images; 0: the scene's", unit="px", low=0, high=1280)
    camera_height: int = param(0, "height of camera images; 0: the scene's", unit="px", low=0, high=720)
    seed: int = param(0, "seed of the cameras' noise")
    lockstep_nodes: str = param(
        "", "with lockstep: nodes that take part, separated by commas; time goes on when all of them have acted"
    )
    publish_clock: bool = param(False, "publish /clock, for nodes that run with use_sim_time")
    publish_truth: bool = param(False, "publish ~/truth, to evaluate how the robot moves")
    fault: str = param("", f"what the hardware does wrong; empty: nothing; or one of {known()}", mutable=True)


class SimulatorNode(Molmoact2Node[SimulatorParams]):
    """One robot, from configure to cleanup. Only rendering happens outside the executor thread."""

    def __init__(self) -> None:
        """Declare the parameters."""
        super().__init__("simulator", SimulatorParams)
        self.add_on_set_parameters_callback(self._on_parameters)

    def _setup(self) -> None:
        params = self.params
        embodiment = Embodiment.load(params.embodiment)
        driver = embodiment.driver(params.driver or default_driver(embodiment, sim=True))
        scene = Scene.build(embodiment, SceneDescription.load(embodiment, params.scene))
        self._start_ns, self._start_steady_ns = self.ros_now_ns(), self.steady_now_ns()
        self._roles = embodiment.camera_roles
        wrong = self._parsed(self.get_parameter(FAULT).value)
        self._simulation = Simulation(embodiment, scene, driver, params.pose, self._start_ns)
        self._reported = (time.monotonic(), self._simulation.time_ns, 0.0)
        self._clock_publisher = self.publisher(ClockMsg, "/clock", 10) if params.publish_clock else None
        # Reliable and deep: after a moment in which this process stood still, all of the motion comes at once.
        self._truth = self.publisher(JointState, "~/truth", qos.to_record(qos.STATE)) if params.publish_truth else None
        self._truth_schedule = VariableRateLimiter()
        self._drivers = SimulatedDrivers(
            self,
            embodiment,
            driver,
            self._simulation,
            self._catch_up,
            arm_rate_hz=params.arm_state_rate_hz,
            gripper_rate_hz=params.gripper_state_rate_hz,
        )
        self._cameras: CameraThread | None = None
        self._camera_rate: AdaptiveRate | None = None
        self._exposures: dict[str, VariableRateLimiter] = {}
        if params.camera_rate_hz != 0.0:
            self._open_cameras(embodiment.cameras, scene)
        self._inject(wrong)
        if not self.lockstep:
            self.steady_timer(1.0 / params.arm_state_rate_hz, self._tick)  # physics goes on whatever ROS time does
        self.get_logger().info(f"simulating {embodiment.title} as {driver.name}, pose {params.pose}")

    def _join_lockstep(self) -> LockstepInputs:
        self._lockstep_clock = LockstepClock(
            self, self.params.lockstep_nodes.split(","), 1.0 / self.params.arm_state_rate_hz, self._tick
        )
        return self._lockstep_clock

    def _open_cameras(self, cameras: tuple[Camera, ...], scene: Scene) -> None:
        params, images = self.params, scene.description.images
        rate_hz = images.rate_hz if params.camera_rate_hz < 0.0 else params.camera_rate_hz
        self._size = (params.camera_width or images.width_px, params.camera_height or images.height_px)
        self._camera_rate, self._said_lowered = AdaptiveRate(rate_hz), False
        self._frames: queue.SimpleQueue[RenderedFrame] = queue.SimpleQueue()
        self._render_s = 0.0
        self._due_frames: deque[tuple[int, str]] = deque()  # with lockstep: when they arrive, and of which camera
        self._frame_ready = self.guard(self._publish_frames)
        self._exposures = {camera.role: VariableRateLimiter(EXPOSURE_SKEW_S * i) for i, camera in enumerate(cameras)}
        self._image_publishers = {camera.role: self.publisher(Image, camera.topic, qos.CAMERA) for camera in cameras}
        self._info_publishers = {
            camera.role: self.publisher(CameraInfo, camera.info_topic, qos.CAMERA) for camera in cameras
        }
        self._focal_px = {role: scene.description.cameras[role].focal_px(self._size[1]) for role in self._roles}
        cameras_thread = CameraThread(lambda: Cameras(scene, *self._size, params.seed), self._on_frame)
        self._cameras = self.owned.enter_context(closing(cameras_thread))

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        """Misbehave otherwise from now on; every other parameter is read-only. Refused while not configured."""
        for parameter in parameters:
            if parameter.name == FAULT:
                if not self.configured:
                    return SetParametersResult(successful=False, reason="fault: configure the simulator first")
                try:
                    self._inject(self._parsed(parameter.value))
                except SimulationError as error:
                    return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _parsed(self, text: str) -> InjectedFault:
        wrong = InjectedFault.parse(text, self._roles)
        if wrong.kind == CLOCK_JUMP and (self.lockstep or not self.params.publish_clock):
            raise SimulationError(f"fault: {CLOCK_JUMP} needs the parameter publish_clock, and no lockstep")
        return wrong

    def _inject(self, wrong: InjectedFault) -> None:
        self._drivers.inject(wrong)
        self._faulty = FaultyCameras(wrong, self._roles)
        if wrong.kind == CLOCK_JUMP:
            self._jump(round(wrong.seconds * NS_PER_S))

    def _jump(self, ns: int) -> None:
        """Set the published clock forward or back; the robot notices nothing."""
        self._catch_up()
        self._start_ns += ns
        self._simulation.jump(ns)
        self._drivers.shift(ns)
        for schedule in (self._truth_schedule, *self._exposures.values()):
            schedule.shift(ns)

    def _present_ns(self) -> int:
        if self._clock_publisher is None or self.lockstep:
            return self.ros_now_ns()
        return self._start_ns + self.steady_now_ns() - self._start_steady_ns

    def _catch_up(self) -> None:
        self._simulation.advance_to(self._present_ns(), self._publish_truth)

    def _publish_truth(self) -> None:
        time_ns = self._simulation.time_ns
        if self._truth is not None and self._truth_schedule.due(time_ns, self.params.arm_state_rate_hz):
            self._truth.publish(truth_to_msg(*self._simulation.truth(), time_ns))

    def _tick(self) -> None:
        behind_s = (self._present_ns() - self._simulation.time_ns) / 1e9
        self._catch_up()
        if self._clock_publisher is not None:
            self._clock_publisher.publish(ClockMsg(clock=to_stamp(self._simulation.time_ns)))
        self._drivers.publish_due()
        if self._camera_rate is not None and self._cameras is not None:
            if self.lockstep:
                self._await_frames()
            else:
                self._camera_rate.late(behind_s)
            self._publish_due_frames()
            self._expose(self._camera_rate, self._cameras)

    def _expose(self, camera_rate: AdaptiveRate, cameras: CameraThread) -> None:
        if not self.lockstep and camera_rate.adapt(time.monotonic()) and not self._said_lowered:
            self._said_lowered = True
            self.get_logger().warning(
                f"this machine is busy: cameras run at {camera_rate.rate_hz:.1f} Hz instead of "
                f"{camera_rate.asked_hz:g} Hz for now (an image takes {1e3 * self._render_s:.0f} ms); "
                "/diagnostics has the present rate"
            )
        now_ns = self._simulation.time_ns
        for role, schedule in self._exposures.items():
            if schedule.due(now_ns, camera_rate.rate_hz):
                cameras.expose(role, now_ns, self._simulation.snapshot())
                if self.lockstep:
                    self._due_frames.append((now_ns + CAMERA_LATENCY_NS, role))

    def _on_frame(self, frame: RenderedFrame) -> None:
        """Called in the camera thread: pass the frame to the executor's."""
        self._frames.put(frame)
        if not self.lockstep:
            self._frame_ready.trigger()

    def _await_frames(self) -> None:
        """Wait for the images that arrive now."""
        while self._due_frames and self._due_frames[0][0] <= self.steady_now_ns():
            self._due_frames.popleft()
            self._faulty.take(self._frames.get(timeout=RENDER_LIMIT_S), self.steady_now_ns())

    def _publish_frames(self) -> None:
        while not self._frames.empty():
            frame = self._frames.get()
            self._faulty.take(frame, self.steady_now_ns())
            self._render_s = frame.render_s
            if self._camera_rate is not None:
                self._camera_rate.rendered(time.monotonic(), frame.render_s)
        self._publish_due_frames()

    def _publish_due_frames(self) -> None:
        for role, frame in self._faulty.due(self.steady_now_ns()):
            image = image_to_msg(frame)
            self._image_publishers[role].publish(image)
            self._info_publishers[role].publish(camera_info_to_msg(image, self._focal_px[frame.role]))

    def _report(self) -> list[Report]:
        reports = [self._report_physics()]
        if self._camera_rate is not None:
            text = f"{self._camera_rate.rate_hz:.1f} Hz" + (
                f" of {self._camera_rate.asked_hz:g} asked" if self._camera_rate.lowered else ""
            )
            values = {
                "rate_hz": f"{self._camera_rate.rate_hz:.2f}",
                "asked_hz": self._camera_rate.asked_hz,
                "render_ms": f"{1e3 * self._render_s:.1f}",
                "render_share": f"{self._camera_rate.render_share(time.monotonic()):.3f}",
                "size": "{}x{}".format(*self._size),
            }
            reports.append(("cameras", WARN if self._camera_rate.lowered else OK, text, values))
        return reports

    def _report_physics(self) -> Report:
        then_s, then_ns, then_lost_s = self._reported
        now_s, now_ns, lost_s = time.monotonic(), self._simulation.time_ns, self._simulation.lost_s
        self._reported = (now_s, now_ns, lost_s)
        factor = ((now_ns - then_ns) / 1e9 - (lost_s - then_lost_s)) / (now_s - then_s)
        values = {
            "real_time_factor": f"{factor:.3f}",
            "lost_s": f"{lost_s:.3f}",
            "commands_accepted": self._drivers.accepted,
            "commands_refused": self._drivers.refused,
        }
        if self.lockstep:
            return "physics", OK, f"in lockstep at {factor:.2f} of real time", values | self._lockstep_clock.report()
        return "physics", OK if factor > REAL_TIME_ENOUGH else ERROR, f"real-time factor {factor:.2f}", values


def main() -> int:
    """Run the node."""
    return run(SimulatorNode)


if __name__ == "__main__":
    sys.exit(main())
