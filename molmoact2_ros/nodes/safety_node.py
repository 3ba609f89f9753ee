# SPDX-License-Identifier: Apache-2.0
"""Guard the right to move: pass a command or refuse it, stop, and arm again only when an operator says so.

Topics (relative):
    in   command/proposed    JointCommand        reliable 1, lifespan two periods
    in   robot_state         RobotState          reliable 1
    in   perception_status   PerceptionStatus    reliable 1
    in   bridge_state        BridgeState         reliable, transient local 1
    in   estop               std_msgs/Bool       any; true stops, false alone releases nothing
    in   enabling_device     std_msgs/Bool       best effort 1; true and fresh with `enabling_device_required`
    out  command/safe        JointCommand        reliable 1, lifespan two periods; the same message, or none
    out  safety_state        SafetyState         reliable, transient local 1; on change and at `heartbeat_rate_hz`
Services: ~/arm, ~/stop, ~/reset    std_srvs/Trigger; the reply confirms, or lists the blocking conditions
          ~/estop                   std_srvs/SetBool; as the topic
Called:   `stop_service` of the driver profile, std_srvs/Trigger, when a stop cannot be proven in time

The logic is in `safety.monitor.Monitor`. A software stop is not a rated emergency stop: see SAFETY.md.

Run: ros2 run molmoact2_ros safety --ros-args -p embodiment:=droid
"""

from __future__ import annotations

from molmoact2_ros.ros import one_blas_thread  # noqa: F401 before anything that imports NumPy

# isort: split

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from rclpy.qos import QoSProfile
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.safety_state import Cause, Estop, Mode, Snapshot
from molmoact2_ros.msg import BridgeState, JointCommand, PerceptionStatus, RobotState, SafetyState
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import command_from_msg, robot_state_from_msg
from molmoact2_ros.ros.latency_budget import LatencyBudget
from molmoact2_ros.ros.lifecycle import ERROR, OK, WARN, Molmoact2Node, Report, run
from molmoact2_ros.ros.operator_input import OperatorInput
from molmoact2_ros.ros.safety_conversions import bridge_report_from_msg, perception_report_from_msg, snapshot_to_msg
from molmoact2_ros.ros.status_publisher import StatusPublisher
from molmoact2_ros.safety import CollisionChecker, Limits, Monitor, Reply, Settings
from molmoact2_ros.schema import param
from molmoact2_ros.timing import Instant

from .machine_load import LoadMeter
from .robot_stop import RobotStop

KEPT = 500  # ten seconds of commands
DECISION_SHARE = 0.25  # of a command period: bridge and controller need their part of it
PUBLISHERS_PERIOD_S = 0.5  # between looks at who publishes
EXCLUSIVE_TOPICS = (
    "command/proposed",
    "command/safe",
    "action_chunk",
    "observation",
    "perception_status",
    "robot_state",
    "bridge_state",
    "safety_state",
)
NO_POLICY = "no policy publishes action_chunk: the robot begins to move when one does"
NOT_ACTIVE = Reply(False, "the safety node is not active: activate it first")


@dataclass(frozen=True)
class SafetyParams:
    """Parameters of the safety node."""

    embodiment: str = param("droid", "Robot: name of a shipped embodiment, or path of an embodiment file")
    driver: str = param(
        "", "Driver profile of the embodiment file; empty: its first one", note="names the robot's own stop"
    )
    speed_scale: float = param(
        1.0,
        "Part of the joints' and TCPs' largest speeds that is allowed, for bring-up; give the interpolator the same",
        low=0.1,
        high=1.0,
    )
    heartbeat_rate_hz: float = param(
        10.0,
        "safety_state is published at least this often",
        unit="Hz",
        low=5,
        high=50,
        note="the bridge stops when safety has been silent for three heartbeats",
    )
    watch_rate_hz: float = param(
        50.0,
        "How often silences are looked for",
        unit="Hz",
        low=20,
        high=200,
        note="adds at most 20 ms to every time-out",
    )
    settings: Settings = field(default_factory=Settings)


class SafetyNode(Molmoact2Node[SafetyParams]):
    """Lifecycle node around one monitor. Inputs are received in every lifecycle state, an e-stop above all."""

    def __init__(self) -> None:
        super().__init__("safety", SafetyParams, realtime=True)

    def _setup(self) -> None:
        robot, settings = Embodiment.load(self.params.embodiment), self.params.settings
        scale = self.params.speed_scale
        if scale < 1.0:
            self.get_logger().warning(f"speed_scale {scale:g}: all speed limits are as much lower")
        limits, collision_checker = (
            Limits.load(robot, settings.gripper_overrun).slowed(scale),
            CollisionChecker.load(robot.slowed(scale)),
        )
        driver = robot.driver(self.params.driver or next(iter(robot.drivers)))
        self._monitor = Monitor(
            robot, limits, settings, collision_checker, [tuple(group.joints) for group in driver.groups]
        )
        self._robot_stop = RobotStop(self, driver.stop_service, self._on_robot_stop)
        self._load = LoadMeter()
        self._publishers_at = self._now()
        self._logged: Snapshot | None = None
        period_ms = 1e3 / robot.command_rate_hz
        self._decisions = LatencyBudget("decision", DECISION_SHARE * period_ms, KEPT)
        self._command_ages = LatencyBudget("command age", 1e3 * settings.command_age_max_s, KEPT)
        self._make_topics(qos.command(1.0 / robot.command_rate_hz), [camera.topic for camera in robot.cameras])
        self._make_services()
        self.steady_timer(1.0 / self.params.watch_rate_hz, self._on_tick)

    def _make_topics(self, command_qos: QoSProfile, camera_topics: list[str]) -> None:
        self._states = StatusPublisher(
            self,
            SafetyState,
            "safety_state",
            qos.LATCHED,
            heartbeat_hz=self.params.heartbeat_rate_hz,
            watch_hz=self.params.watch_rate_hz,
        )
        self._safe = self.publisher(JointCommand, "command/safe", command_qos)
        self._estop = OperatorInput(self, Bool, "estop", self._on_estop)
        self.subscription(JointCommand, "command/proposed", self._on_command, command_qos)
        self.subscription(RobotState, "robot_state", self._on_robot_state, qos.STATE)
        self.subscription(PerceptionStatus, "perception_status", self._on_perception, qos.STATUS)
        self.subscription(BridgeState, "bridge_state", self._on_bridge, qos.LATCHED)
        self.subscription(Bool, "enabling_device", self._on_enabling_device, qos.ENABLING)
        # One node publishes each: what two of them publish in turn is a motion that neither has planned.
        cameras = [f"{topic}{suffix}" for topic in camera_topics for suffix in ("", "/compressed")]
        self._exclusive_topics = [self.resolve_topic_name(topic) for topic in (*EXCLUSIVE_TOPICS, *cameras)]

    def _make_services(self) -> None:
        def arm(now: Instant) -> Reply:
            self._watch_publishers(now)
            reply = self._monitor.arm(now)
            if reply.done and not self.count_publishers("action_chunk"):
                return replace(reply, text=f"{reply.text}; {NO_POLICY}")
            return reply

        def stop(now: Instant) -> Reply:
            return self._monitor.stop("an operator called ~/stop", now)

        requests = {"arm": arm, "stop": stop, "reset": self._monitor.reset}
        for name, request in requests.items():
            self.service(Trigger, f"~/{name}", self._answers(name, request))
        self.service(SetBool, "~/estop", self._on_estop_request)

    def _activated(self) -> None:
        self._publish_state()

    def _deactivating(self) -> None:
        if self._monitor.mode is Mode.ARMED:
            self._monitor.stop("the safety node was deactivated", self._now())
            self.get_logger().warning("stopped the robot, which was armed: the safety node was deactivated or ended")
        self._publish_state()

    # Callbacks, all in the executor's thread.

    def _on_command(self, message: JointCommand) -> None:
        if not self.active:
            return
        begin = time.perf_counter()
        command, now = command_from_msg(message), self._now()
        passes = self._monitor.on_command(command, now)
        self._decisions.add_s(time.perf_counter() - begin)
        self._command_ages.add_s(now.age_s(command.start_ns))
        if passes:
            self._safe.publish(message)
        self._publish_if_changed()

    def _on_robot_state(self, message: RobotState) -> None:
        self._monitor.on_robot_state(robot_state_from_msg(message), self._now())
        self._publish_if_changed()

    def _on_perception(self, message: PerceptionStatus) -> None:
        self._monitor.on_perception(perception_report_from_msg(message), self._now())

    def _on_bridge(self, message: BridgeState) -> None:
        report, now = bridge_report_from_msg(message, self.instance_id), self._now()
        if not report.receives_us or report.cause is not Cause.NONE:
            self._watch_publishers(now)  # a second bridge, or commands of another node, are found as such
        self._monitor.on_bridge(report, now)
        self._publish_if_changed()

    def _on_estop(self, message: Bool, repeated: bool) -> None:
        if message.data and repeated:
            return  # it stopped the robot already, and may have been released since
        self._monitor.on_estop(message.data, self._now())
        self._publish_if_changed()

    def _on_enabling_device(self, message: Bool) -> None:
        self._monitor.on_enabling_device(message.data, self._now())
        self._publish_if_changed()

    def _on_estop_request(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Received in every lifecycle state, as the topic is."""
        reply = self._monitor.on_estop(request.data, self._now(), Estop.SERVICE)
        self.get_logger().info(f"~/estop: {reply.text}")
        self._publish_if_changed()
        response.success, response.message = reply.done, reply.text
        return response

    def _on_robot_stop(self, text: str) -> None:
        self.get_logger().error(text)
        self._monitor.on_robot_stop(text)
        self._publish_if_changed()

    def _on_tick(self) -> None:
        if not self.active:
            return
        now = self._now()
        if now.since_s(self._publishers_at) > PUBLISHERS_PERIOD_S:
            self._watch_publishers(now)
        if not self.lockstep:  # which waits for every process
            self._monitor.on_load(self._load.sample(now.steady_ns))
        self._monitor.tick(now)
        self._robot_stop.update(self._monitor.overdue)
        if self._states.overdue():
            self._publish_state()
        self._publish_if_changed()

    def _watch_publishers(self, now: Instant) -> None:
        self._publishers_at = now
        for topic in self._exclusive_topics:
            crowded = self.count_publishers(topic) > 1  # the names cost three times as much
            names = self.publishers_of(topic) if crowded else []
            self._monitor.on_publishers(topic, names, now)
        self._monitor.on_unreceived_estops(self._estop.unmatched(), now)

    def _answers(self, name: str, request: Callable[[Instant], Reply]) -> Callable[..., Trigger.Response]:
        def answer(_request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            reply = request(self._now()) if self.active else NOT_ACTIVE
            self.get_logger().info(f"~/{name}: {reply.text}")
            self._publish_if_changed()
            response.success, response.message = reply.done, reply.text
            return response

        return answer

    # What is published.

    def _now(self) -> Instant:
        return Instant(ros_ns=self.ros_now_ns(), steady_ns=self.steady_now_ns())

    def _publish_if_changed(self) -> None:
        """A command that passed is no news: it is published with the next heartbeat."""
        if self.active and self._states.changed(self._news()):
            self._publish_state()

    def _publish_state(self) -> None:
        """Publish, for whatever reason, and log what has changed since the last time."""
        self._log_change()
        message = snapshot_to_msg(self._monitor.snapshot, self.ros_now_ns(), self.instance_id)
        self._states.publish(self._news(), message)

    def _news(self) -> Snapshot:
        return replace(self._monitor.snapshot, passed_sequence=0)

    def _log_change(self) -> None:
        snapshot, before = self._monitor.snapshot, self._logged
        self._logged = snapshot
        if before is not None and snapshot.refused > before.refused and snapshot.last_refusal is not None:
            self.get_logger().warning(f"refused: {snapshot.last_refusal.text}")
        if before is not None and snapshot.text != before.text:
            self.get_logger().info(f"{snapshot.mode.name.lower()}: {snapshot.text}")

    def _report(self) -> list[Report]:
        snapshot, obstacles = self._monitor.snapshot, self._monitor.obstacles(self._now())
        refusal, cause = snapshot.last_refusal, snapshot.stop.cause.name if snapshot.stop else "NONE"
        commands = {"passed_sequence": snapshot.passed_sequence, "refused": snapshot.refused}
        return [
            ("mode", ERROR if snapshot.stop else OK, snapshot.text, {"mode": snapshot.mode.name, "cause": cause}),
            ("arming", WARN if obstacles else OK, "; ".join(obstacles) or "ready to arm", {}),
            ("commands", WARN if refusal else OK, refusal.text if refusal else "none refused", commands),
            self._decisions.report(),
            self._command_ages.report(),
        ]


def main() -> int:
    """Run the node; return the exit status."""
    return run(SafetyNode)


if __name__ == "__main__":
    sys.exit(main())
