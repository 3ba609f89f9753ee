# SPDX-License-Identifier: Apache-2.0
"""A graph that a command manages: start it, report its events, stop the arm before its nodes, say why it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from molmoact2_ros.bringup.graph import NodeSpec
from molmoact2_ros.bringup.middleware import suspects
from molmoact2_ros.bringup.supervisor import NodeExit, Supervisor
from molmoact2_ros.msg import BridgeState, SafetyState

from .client import BRIDGE_MODES, MODES, OperatorClient, cause_name, refuse_others
from .event_log import EventLog

STANDSTILL_S = 2.0  # how long to wait for the arm before its nodes are taken away
LOCKSTEP_STANDSTILL_S = 60.0  # its seconds may last long
POLL_S = 0.1
START_UP_S = 10.0  # on a busy machine nodes take so long to find each other
INVISIBLE_S = 12.0  # none of them by then: discovery does not work
ALL_VISIBLE_S = 40.0  # the policy imports for so long where a disk is slow
DROPOUT_S = 1.0  # an input that fails for less is reported by safety, if it mattered


class ManagedGraph:
    """The processes of one graph, and the operator's view of them. All methods are called from one thread."""

    def __init__(self, client: OperatorClient, folder: Path, say: Callable[[str, str], None]) -> None:
        """Prepare; nothing is started.

        Args:
            client: in the domain of the graph.
            folder: takes logs and parameter files.
            say: prints one event: who, and what.
        """
        self.client = client
        self._event_log = EventLog(say)
        self.supervisor = Supervisor(folder, self._event_log.printed)
        self._say = say
        self._was_armed = False
        self._started_s = 0.0
        self._said_invisible = False

    def start(self, nodes: Sequence[NodeSpec]) -> None:
        """Start the nodes; the domain must be free of others (`OperatorClient.require_free_domain`)."""
        self._started_s = time.monotonic()
        self._say("molmoact2", f"starting {', '.join(node.name for node in nodes)}")
        self.supervisor.start(nodes)

    @property
    def is_ready(self) -> bool:
        """Whether safety speaks, the bridge has its drivers and perception all of its inputs."""
        client = self.client
        drivers_run = client.bridge is not None and client.bridge.mode != BridgeState.WAITING
        return client.safety is not None and drivers_run and client.perception is not None and client.perception.ready

    def poll(self) -> list[NodeExit]:
        """Receive for a moment, report what changed, return the nodes that ended.

        Raises:
            ValueError: another graph is in the domain, and was found too late to be refused at first.
        """
        self.client.spin_for(POLL_S)
        self._report_changes()
        self._say_what_is_invisible()
        if time.monotonic() - self._started_s < START_UP_S:
            names = self.client.nodes_now()
            refuse_others(sorted({name for name in names if names.count(name) > 1}))
        return self.supervisor.new_exits()

    def settle(self) -> bool:
        """Wait for the arm to stand still, for 2 s at most; return whether it is measured to, or never was armed."""
        patience_s = STANDSTILL_S if self.client.member is None else LOCKSTEP_STANDSTILL_S
        return not self._was_armed or self.client.wait_for(lambda: self.client.stands_still, patience_s)

    def stop_arm(self) -> None:
        """Ask safety to stop if the arm may move, and wait for standstill."""
        self.client.finish_uninterrupted()
        safety = self.client.safety
        armed = safety is not None and safety.mode == SafetyState.ARMED
        stopped = safety is not None and safety.mode in (SafetyState.STOPPING, SafetyState.STOPPED)
        may_move = armed or (self.client.may_have_armed and not stopped)
        if may_move and "safety" in self.supervisor.running():
            self._was_armed = True
            stops, words = self.client.ask_safety("stop")
            if not stops:
                self._say("molmoact2", f"stop: {words}")
        if not self.settle():
            self._say("molmoact2", f"the arm is not measured to stand still after {STANDSTILL_S:.0f} s")
        self._report_changes()

    def end(self) -> None:
        """Stop the arm, wait for standstill, then end every node, in this order whatever came before."""
        try:
            self.stop_arm()
        finally:
            self.take_down()

    def take_down(self) -> None:
        """End every node."""
        started = time.monotonic()
        self.supervisor.stop()
        self._say("molmoact2", f"all nodes ended in {time.monotonic() - started:.1f} s")

    def _say_what_is_invisible(self) -> None:
        """Say once that nodes run and cannot be found, and what in this environment can cause it."""
        waited_s = time.monotonic() - self._started_s
        if self._said_invisible or waited_s < INVISIBLE_S:
            return
        running = self.supervisor.running()
        absent = sorted(set(running) - set(self.client.nodes_now()))
        # A node that still loads its libraries is not there either: single ones get more time.
        if not absent or (absent != sorted(running) and waited_s < ALL_VISIBLE_S):
            return
        self._said_invisible = True
        causes = ", ".join(suspects(os.environ))
        advice = (
            f"it may be for {causes}" if causes else "see `molmoact2 doctor`, discovery, and this machine's firewall"
        )
        self._say("molmoact2", f"running, but not visible after {waited_s:.0f} s: {', '.join(absent)}; {advice}")

    def _report_changes(self) -> None:
        safety, bridge, perception = self.client.safety, self.client.bridge, self.client.perception
        if safety is not None:
            self._was_armed = self._was_armed or safety.mode == SafetyState.ARMED
            why = f" ({cause_name(safety.cause)}: {safety.text})" if safety.cause else ""
            self._event_log.reported("safety", MODES[safety.mode] + why)
        stops = safety is not None and safety.mode in (SafetyState.STOPPING, SafetyState.STOPPED)
        if bridge is not None and not (stops and bridge.mode == BridgeState.HOLDING):  # it holds because safety stops
            words = BRIDGE_MODES[bridge.mode] + (f": {bridge.text}" if bridge.text else "")
            works = bridge.mode in (BridgeState.READY, BridgeState.EXECUTING) and not bridge.text
            # Commands come and go many times a minute: that is no event.
            patience_s = DROPOUT_S if bridge.mode == BridgeState.WAITING else 0.0
            self._event_log.reported("bridge", words, ready=works, key="works" if works else "", patience_s=patience_s)
        if perception is not None:
            names = [name for name, state in zip(perception.inputs, perception.states, strict=False) if state]
            # The sentence holds an age that grows: only a change of what is wrong is an event.
            key = "ready" if perception.ready else " ".join(names)
            words = perception.text or "ready"
            self._event_log.reported("perception", words, ready=perception.ready, key=key, patience_s=DROPOUT_S)
