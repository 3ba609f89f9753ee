# SPDX-License-Identifier: Apache-2.0
"""Turn action chunks into one short command per period, each of which ends at rest.

Topics (relative):
    in   action_chunk       ActionChunk    reliable 1
    in   robot_state        RobotState     reliable 1
    in   safety_state       SafetyState    reliable 1, transient local
    in   task/instruction   Instruction    reliable 1, transient local; chunks of no other than the newest are followed
    out  command/proposed   JointCommand   reliable 1, lifespan of two periods
Services:
    ~/hold    std_srvs/Trigger    come to rest and stay there until a new instruction comes
    ~/home    std_srvs/Trigger    move to the embodiment's home pose first; answers at once how long that takes

The logic is in `interpolation.Interpolator`. Nothing is proposed unless safety is armed.

Run: ros2 run molmoact2_ros interpolator --ros-args -p embodiment:=droid
"""

from __future__ import annotations

from molmoact2_ros.ros import one_blas_thread  # noqa: F401 before anything that imports NumPy

# isort: split

import gc
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from ruckig import RuckigError
from std_srvs.srv import Trigger

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.action_chunk import ChunkRejection
from molmoact2_ros.interpolation import InterpolationSettings, Interpolator
from molmoact2_ros.msg import ActionChunk, Instruction, JointCommand, RobotState, SafetyState
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import chunk_from_msg, command_to_msg, robot_state_from_msg, stamp_ns
from molmoact2_ros.ros.latency_budget import LatencyBudget
from molmoact2_ros.ros.lifecycle import OK, WARN, Molmoact2Node, Report, run
from molmoact2_ros.schema import param
from molmoact2_ros.timing import NS_PER_S

PAUSE_MS = 100.0  # a tick that comes so late means that this process did not run
KEPT_TICKS = 500  # ten seconds at 50 Hz
REJECTION_LOG_PERIOD_S = 2.0
USUALLY_REJECTED = 2  # chunks of observations from before arming: one that waits, one under way
TICK_SHARE = 0.5  # of a period: the motion of a command lasts three of them


@dataclass(frozen=True)
class InterpolatorParams:
    """Parameters of the interpolator node."""

    embodiment: str = param("droid", "Robot: name of a shipped embodiment, or path of an embodiment file")
    safety_timeout_s: float = param(
        0.5, "Longest silence of safety in which commands are proposed", unit="s", low=0.2, high=5.0
    )
    settings: InterpolationSettings = field(default_factory=InterpolationSettings)


class InterpolatorNode(Molmoact2Node[InterpolatorParams]):
    """Lifecycle node around one Interpolator."""

    def __init__(self) -> None:
        super().__init__("interpolator", InterpolatorParams, realtime=True)

    def _setup(self) -> None:
        robot = Embodiment.load(self.params.embodiment)
        period_s = 1.0 / robot.command_rate_hz
        self._interpolator = Interpolator(robot, self.params.settings)
        self._period_ms = period_s * 1e3
        self._chunk_stamp_ns = self._state_stamp_ns = 0
        self._safety_received_ns = 0  # steady time
        self._tick_ns = 0  # steady time at which the last tick began
        self._jitter = LatencyBudget("tick jitter", TICK_SHARE * self._period_ms, KEPT_TICKS)
        self._costs = LatencyBudget("tick cost", TICK_SHARE * self._period_ms, KEPT_TICKS)
        self._starved_reported = self._rejected = 0
        self._commands = self.publisher(JointCommand, "command/proposed", qos.command(period_s))
        self.subscription(ActionChunk, "action_chunk", self._on_chunk, qos.CHUNK)
        self.subscription(RobotState, "robot_state", self._on_robot_state, qos.STATE)
        self.subscription(SafetyState, "safety_state", self._on_safety_state, qos.LATCHED)
        self.subscription(Instruction, "task/instruction", self._on_instruction, qos.LATCHED)
        self.service(Trigger, "~/hold", self._on_hold)
        self.service(Trigger, "~/home", self._on_home)
        # A step of the wall clock cannot silence the commands; the timer's deadlines are absolute.
        self.steady_timer(period_s, self._tick)

    def _activated(self) -> None:
        # What set-up made stays as long as the process. A full collection over it takes 4 to 7 ms of a 20 ms period.
        gc.collect()
        gc.freeze()

    def _deactivating(self) -> None:
        self._interpolator.disarm()
        gc.unfreeze()

    # Callbacks, all in the executor's thread.

    def _on_chunk(self, message: ActionChunk) -> None:
        self._chunk_stamp_ns = stamp_ns(message.header.stamp)
        self._interpolator.offer(chunk_from_msg(message), self.ros_now_ns())

    def _on_robot_state(self, message: RobotState) -> None:
        self._state_stamp_ns = stamp_ns(message.header.stamp)
        self._interpolator.measure(robot_state_from_msg(message))

    def _on_safety_state(self, message: SafetyState) -> None:
        self._safety_received_ns = self.steady_now_ns()
        armed = self.active and message.mode == SafetyState.ARMED
        if armed and not self._interpolator.armed:
            self._interpolator.arm(self.ros_now_ns())
        elif not armed:
            self._interpolator.disarm()
        discontinuous = message.last_refusal_cause == SafetyState.CAUSE_DISCONTINUITY
        self._interpolator.acknowledge(message.passed_sequence, message.refused, discontinuous)

    def _on_instruction(self, message: Instruction) -> None:
        self._interpolator.instruct(message.sequence, withdrawn=not message.text)

    def _on_hold(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._interpolator.hold()
        response.success, response.message = True, "holding; send a new instruction to resume"
        self.get_logger().info("hold: asked for")
        return response

    def _on_home(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            duration_s = self._interpolator.home()
        except (ValueError, RuckigError) as error:
            response.success, response.message = False, f"not moving home: {error}"
            return response
        response.success, response.message = True, f"moving home, which takes about {duration_s:.1f} s"
        self.get_logger().info(response.message)
        return response

    def _tick(self) -> None:
        began_ns, began_s = self.steady_now_ns(), time.perf_counter()
        if self._tick_ns:
            late_ms = (began_ns - self._tick_ns) * 1e-6 - self._period_ms
            self._jitter.add(abs(late_ms))
            if late_ms > PAUSE_MS:
                self._safety_received_ns += round(late_ms * 1e6)  # what it published meanwhile waits to be received
        self._tick_ns = began_ns
        self._watch_safety(began_ns)
        command = self._interpolator.tick(self.ros_now_ns()) if self.active else None
        if command is not None:
            self._log_rejections(command.rejection)
            self._commands.publish(command_to_msg(command))
            self._costs.add_s(time.perf_counter() - began_s)

    def _log_rejections(self, rejection: ChunkRejection) -> None:
        if rejection.count > max(self._rejected, USUALLY_REJECTED):
            self.get_logger().warning(
                f"chunk not followed: {rejection.text}", throttle_duration_sec=REJECTION_LOG_PERIOD_S
            )
        self._rejected = rejection.count

    def _watch_safety(self, steady_ns: int) -> None:
        """Propose nothing to a safety that is gone; its successor says when to start again."""
        silent_s = (steady_ns - self._safety_received_ns) / NS_PER_S
        if self._interpolator.armed and silent_s > self.params.safety_timeout_s:
            self.get_logger().warning(
                f"safety has been silent for {silent_s:.2f} s: nothing is proposed until it speaks"
            )
            self._interpolator.disarm()

    # What diagnostics say.

    def _report(self) -> list[Report]:
        statistics = self._interpolator.statistics
        starved = statistics.starved_ticks > self._starved_reported
        self._starved_reported = statistics.starved_ticks
        values: dict[str, Any] = {
            **{name: round(value, 6) for name, value in asdict(statistics).items()},
            "chunk_age_s": self._age_s(self._chunk_stamp_ns),
            "state_age_s": self._age_s(self._state_stamp_ns),
        }
        rejection = self._interpolator.rejection
        text = "starved: no chunk has a row for the present time" if starved else self._occupation()
        if rejection.count:
            text = f"{rejection.count} chunks were not followed: {rejection.text}"
        timeline = ("timeline", WARN if starved or rejection.count else OK, text, values)
        return [timeline, self._jitter.report(), self._costs.report()]

    def _occupation(self) -> str:
        if not self._interpolator.armed:
            return "waiting for safety to be armed"
        if self._interpolator.is_homing:
            return "moving home"
        return "holding: it was asked for" if self._interpolator.is_held else "proposing commands"

    def _age_s(self, stamp_ns: int) -> float | str:
        return round((self.ros_now_ns() - stamp_ns) / NS_PER_S, 3) if stamp_ns else "never"


def main() -> int:
    """Run the node."""
    return run(InterpolatorNode)


if __name__ == "__main__":
    sys.exit(main())
