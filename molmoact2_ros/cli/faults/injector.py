# SPDX-License-Identifier: Apache-2.0
"""Bring faults about in a running graph, and take them back."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from molmoact2_ros.cli.operator_client import OperatorClient
from molmoact2_ros.cli.supervisor import Supervisor
from molmoact2_ros.msg import SafetyState
from molmoact2_ros.nodes import qos
from molmoact2_ros.nodes.graph import NodeSpec

from .catalogue import ARM_STOPPED, ESTOP_SERVICE, ESTOP_TOPIC, RESET_MOVING, STOP_RESTART
from .chunk_relay import ChunkRelay
from .fault import Action, Means
from .rival import Rival

REPLY_S = 5.0
RESTART_S = 20.0


class Injector:
    """All calls come from the thread in which the client spins."""

    def __init__(
        self,
        client: OperatorClient,
        supervisor: Supervisor,
        nodes: Mapping[str, NodeSpec],
        relay: ChunkRelay,
        rival: Rival,
    ) -> None:
        """Open services; do nothing yet. `nodes` are started again by what they were started with."""
        self._client, self._supervisor, self._nodes = client, supervisor, nodes
        self._relay, self._rival = relay, rival
        node = client.node
        self._triggers = {name: node.create_client(Trigger, f"safety/{name}") for name in ("arm", "stop", "reset")}
        self._estop_service = node.create_client(SetBool, "safety/estop")
        self._estop_topic = node.create_publisher(Bool, "estop", qos.LATCHED)
        self._parameters = node.create_client(SetParameters, "simulator/set_parameters")
        self._too_early: Any = None  # the answer to a reset while the arm moved
        self._means: dict[Means, tuple[Callable[[str], None], Callable[[str], None]]] = {
            Means.HARDWARE: (self._misbehave, lambda _: self._misbehave("")),
            Means.CHUNKS: (relay.spoil, lambda _: relay.spoil("")),
            Means.KILL: (self._signal(signal.SIGKILL), self.start),
            Means.HANG: (self._signal(signal.SIGSTOP), self._signal(signal.SIGCONT)),
            Means.RIVAL: (rival.publish_on, lambda _: rival.leave()),
            Means.OPERATOR: (self._act, self._release),
        }

    def inject(self, action: Action) -> None:
        """Begin a fault."""
        self._means[action.means][0](action.argument)

    def undo(self, action: Action) -> None:
        """End it."""
        self._means[action.means][1](action.argument)

    def try_refused(self, action: Action) -> list[str]:
        """Once the arm stands and the fault lasts, ask for what must be refused; say what was not."""
        if action.means is not Means.OPERATOR:
            return []
        objections = []
        if action.argument in (ESTOP_TOPIC, ESTOP_SERVICE) and self.ask("reset")[0]:
            objections.append("~/reset was granted while the e-stop was pressed")
        if action.argument == ARM_STOPPED and self.ask("arm")[0]:
            objections.append("~/arm was granted while stopped")
        if action.argument == RESET_MOVING and self._too_early is not None and self._too_early.result().success:
            objections.append("~/reset was granted while the arm moved")
        if action.argument == STOP_RESTART and not self._restart_safety():
            objections.append("the stop was not latched anew after safety was restarted")
        return objections

    def ask(self, what: str) -> tuple[bool, str]:
        """Call `arm`, `stop` or `reset` of safety; return its answer and its words."""
        client = self._triggers[what]
        if not self._client.wait_for(client.service_is_ready, REPLY_S):
            return False, "no safety node answers"
        future = client.call_async(Trigger.Request())
        if not self._client.wait_for(future.done, REPLY_S):
            return False, f"the safety node did not answer within {REPLY_S:.0f} s"
        return bool(future.result().success), str(future.result().message)

    def start(self, name: str) -> None:
        """Start a node again."""
        self._client.wait_for(lambda: name not in self._supervisor.running(), REPLY_S)
        self._supervisor.new_exits()
        self._supervisor.start([self._nodes[name]])

    def _act(self, what: str) -> None:
        if what == ESTOP_TOPIC:
            self._estop_topic.publish(Bool(data=True))
        elif what == ESTOP_SERVICE:
            self._estop_service.call_async(SetBool.Request(data=True))
        else:
            self._triggers["stop"].call_async(Trigger.Request())
            self._too_early = self._triggers["reset"].call_async(Trigger.Request()) if what == RESET_MOVING else None

    def _release(self, what: str) -> None:
        if what == ESTOP_TOPIC:
            self._estop_topic.publish(Bool(data=False))
        elif what == ESTOP_SERVICE:
            self._estop_service.call_async(SetBool.Request(data=False))

    def _misbehave(self, text: str) -> None:
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=text)
        request = SetParameters.Request(parameters=[Parameter(name="misbehaviour", value=value)])
        future = self._parameters.call_async(request)
        if not self._client.wait_for(future.done, REPLY_S):
            raise ValueError(f"the simulator did not take the misbehaviour {text!r} within {REPLY_S:.0f} s")
        result = future.result().results[0]
        if not result.successful:
            raise ValueError(f"the simulator refused a fault: {result.reason}")

    def _signal(self, number: int) -> Callable[[str], None]:
        return lambda name: os.kill(self._supervisor.pid(name), number)

    def _restart_safety(self) -> bool:
        """Kill safety and start it again; return whether the new one is stopped for the same cause."""
        os.kill(self._supervisor.pid("safety"), signal.SIGKILL)
        before = self._client.safety
        self.start("safety")
        latched = self._client.wait_for(lambda: self._is_stopped_anew(before), RESTART_S)
        return (
            latched
            and before is not None
            and self._client.safety is not None
            and (self._client.safety.cause == before.cause)
        )

    def _is_stopped_anew(self, before: SafetyState | None) -> bool:
        after = self._client.safety
        return (
            after is not None and before is not None and after.life != before.life and after.mode == SafetyState.STOPPED
        )
