# SPDX-License-Identifier: Apache-2.0
"""The simulator's part in lockstep: it owns the time, says whose phase it is, and waits for every answer.

Topics (relative):
    out  lockstep/phase    LockstepPhase    reliable, transient local 1; each phase, and again while answers are missing
    in   lockstep/done     LockstepDone     reliable, transient local 64
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from molmoact2_ros.msg import LockstepDone, LockstepPhase
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import to_stamp
from molmoact2_ros.ros.lockstep import DONE_TOPIC, PHASE_TOPIC, START_NS, TOPICS, LockstepInputs

from .lockstep_coordinator import LockstepCoordinator

REPEAT_S = 1.0  # of the steady clock, as is the patience
PATIENCE_S = 10.0


class LockstepClock(LockstepInputs):
    """Steps of equal length, each begun by the robot and ended by the operator. Time stands still while one waits."""

    def __init__(self, node: Node, names: Sequence[str], period_s: float, step: Callable[[], None]) -> None:
        """Wait for the nodes.

        Args:
            node: the simulator, which owns the entities.
            names: of the nodes that take part, in the node's namespace.
            period_s: length of a step.
            step: brings the robot to `now_ns` and publishes what its drivers and cameras would.
        """
        super().__init__(node, self._go_on)
        prefix = node.get_namespace().rstrip("/")
        self._order = LockstepCoordinator([f"{prefix}/{name}" for name in names])
        self._period_ns, self._step = round(period_s * 1e9), step
        self._acting: list[str] = []
        self._waited_s = 0.0
        self._next = node.create_guard_condition(self._go_on)
        self._phases = node.create_publisher(LockstepPhase, PHASE_TOPIC, qos.LATCHED)
        node.create_subscription(LockstepDone, DONE_TOPIC, self._on_done, TOPICS)
        node.create_timer(REPEAT_S, self._repeat, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def timer(self, period_s: float, callback: Callable[[], None]) -> None:
        """Refuse: the robot acts at every step."""
        raise NotImplementedError

    def report(self) -> dict[str, Any]:
        """Return step and time for /diagnostics."""
        return {"lockstep_step": self._order.step, "lockstep_s": f"{(self.now_ns - START_NS) / 1e9:.2f}"}

    def _on_done(self, message: LockstepDone) -> None:
        is_last = self._order.take(message)
        if not self._order.step and self._order.is_ready:
            self._order.begin_step()
            self._go_on()
        elif is_last:
            self._acting = []
            self._go_on()

    def _go_on(self) -> None:
        """Go on to the next phase in which a node acts, if no answer is missing and no publication is on its way."""
        self._waited_s = 0.0
        if not self._order.step or self._acting:
            return
        if not self._order.phase:
            # The robot first takes what was commanded in the step before, at that step's time.
            if not self.handle(self._order.announced):
                return
            self.now_ns += self._period_ns
            self._step()
            self._order.announce(self.sequences())
        self._acting = self._order.next_phase(self.now_ns)
        if self._acting:
            self._publish()
        else:
            self._order.begin_step()
            self._next.trigger()

    def _publish(self) -> None:
        announced = self._order.announced
        self._phases.publish(
            LockstepPhase(
                time=to_stamp(self.now_ns),
                step=self._order.step,
                phase=self._order.phase,
                nodes=self._acting,
                topics=list(announced),
                sequences=list(announced.values()),
            )
        )

    def _repeat(self) -> None:
        """Ask again, and name who does not answer: the time of all others stands still meanwhile."""
        if self._acting:
            self._publish()
        self._waited_s += REPEAT_S
        if self._waited_s >= PATIENCE_S and (names := self._order.waiting_for):
            self._node.get_logger().warning(
                f"lockstep: step {self._order.step} has waited {self._waited_s:.0f} s for {', '.join(names)}; start "
                "what is not running, or leave it out with `only` or `without`",
                throttle_duration_sec=PATIENCE_S,
            )
