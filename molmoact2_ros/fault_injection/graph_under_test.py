# SPDX-License-Identifier: Apache-2.0
"""The simulated graph that faults are injected into: brought up once, made ready again after each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from molmoact2_ros.bringup.graph import NodeSpec
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.embodiment.driver import STREAMS
from molmoact2_ros.msg import SafetyState, TaskStatus
from molmoact2_ros.operation.client import OperatorClient
from molmoact2_ros.operation.managed_graph import ManagedGraph

from .catalogue import SLOWEST_RAD_S
from .fault import Action, Means, Variant
from .observer import Observer
from .safety_log import SafetyLog
from .ways import Injector
from .ways.chunk_relay import REMAPPING, ChunkRelay
from .ways.devices import EnablingDevice, EstopDevice, Instruction
from .ways.hardware import Hardware
from .ways.life_cycle import Cycle
from .ways.operators import Operator, SafetyServices
from .ways.processes import Hang, Kill, Pause, Processes
from .ways.second_node import SecondNode
from .ways.second_publisher import SecondPublisher
from .ways.starvation import Starvation
from .ways.way import Way

READY_S = 60.0  # a crashed publisher is listed for some seconds, and a policy loads
REFUSED_S = 10.0  # to arm; then the arm stands where it may not
MOVES_S = 15.0  # from arming to motion
MOTION_S = 1.0  # before a fault, so that it meets more than the ramp
GONE_S = 1.0  # until what ended nodes had sent is received
POLL_S = 0.05


class GraphUnderTest:
    """Nodes, operator, observer and injector of one graph."""

    def __init__(
        self,
        client: OperatorClient,
        robot: Embodiment,
        nodes: Sequence[NodeSpec],
        folder: Path,
        say: Callable[[str, str], None],
        *,
        variant: Variant = Variant.PLAIN,
    ) -> None:
        """Join the graph; nothing is started.

        Args:
            client: in the domain of the graph.
            robot: simulated.
            nodes: as `nodes.graph.graph` lists them.
            folder: takes logs.
            say: prints one event: who, and what.
            variant: what the faults ask of the graph.
        """
        self.client, self.robot = client, robot
        self._nodes = {node.name: _prepared(node, variant) for node in nodes}
        self._live = ManagedGraph(client, folder, say)
        self._say = say
        self._driver = robot.driver(str(self._nodes["simulator"].parameters["driver"]))
        self.is_streamed = any(group.interface in STREAMS for group in self._driver.groups)
        self.observer = Observer(client, robot, self._driver)
        self.safety_log = SafetyLog(folder / "safety.log")
        self._processes = Processes(client, self._live.supervisor, self._nodes)
        self._services = SafetyServices(client, self._processes)
        self.injector = Injector(self._ways(folder, variant))

    def start(self) -> None:
        """Start all nodes."""
        self._live.start(list(self._nodes.values()))

    def take_down(self) -> None:
        """Stop the arm, then end all nodes, the hung ones too."""
        self._live.end()

    def restart(self) -> None:
        """End all nodes and start them again."""
        self.take_down()
        self.client.spin_for(GONE_S)
        self.observer.forget_nodes()
        self.client.safety = None
        self.start()

    def make_ready(self) -> str:
        """Wait until every node works, arm, and wait until the arm moves; return the blocking conditions."""
        try:
            self.wait_until_healthy()
            self.move()
        except ValueError as error:
            return str(error)
        return ""

    def spin_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Receive until a condition holds, at most `seconds`; return whether it does."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.client.spin_for(POLL_S)
        return True

    def wait_until_healthy(self) -> None:
        """Wait until every node works, and one publisher is listed on each command topic.

        Raises:
            ValueError: that does not come about in time, or a node ended; the sentence says what is missing.
        """

        def decided() -> bool:
            ended = self._live.supervisor.new_exits()
            if ended:
                raise ValueError(str(ended[0]))
            self._instruct_if_need_be()
            return not self._missing()

        if not self.spin_until(decided, READY_S):
            raise ValueError(f"the graph was not ready after {READY_S:.0f} s: {'; '.join(self._missing())}")

    def move(self) -> None:
        """Reset if need be, arm, and wait until the arm has moved for a while.

        Raises:
            ValueError: that does not come about in time.
        """
        begun_s, put_home = time.monotonic(), False
        while not self._moves():
            waited_s = time.monotonic() - begun_s
            if waited_s > REFUSED_S and not put_home:
                put_home = True
                self._put_home()
            if waited_s > READY_S:
                safety = self.client.safety
                raise ValueError(
                    f"the arm did not move after {READY_S:.0f} s: {safety.text if safety else 'no safety'}"
                )

    def is_armed(self) -> bool:
        """Return whether safety was armed when last received."""
        return self.client.safety is not None and self.client.safety.mode == SafetyState.ARMED

    def _moves(self) -> bool:
        """Try once; return whether the arm moves."""
        safety = self.client.safety
        if safety is not None and safety.mode in (SafetyState.STOPPING, SafetyState.STOPPED):
            self._ask("reset")
        if not self.is_armed() and not self._ask("arm"):
            return False
        self.spin_until(self.is_armed, 1.0)
        begun = time.monotonic()

        def moves() -> bool:
            moved_s = time.monotonic() - begun
            return not self.is_armed() or (moved_s > MOTION_S and self.observer.speed_rad_s > SLOWEST_RAD_S)

        self.observer.begin()
        self.spin_until(moves, MOVES_S)
        if self.observer.cause:
            self._say("molmoact2", f"stopped before the fault: {self.observer.cause}; once more")
        return self.is_armed() and self.observer.speed_rad_s > SLOWEST_RAD_S

    def _put_home(self) -> None:
        """Do what people do by hand with an arm that stands too near to something: move it away.

        A simulator that starts again has its arm at home.
        """
        self._say("molmoact2", "the arm stands where arming is refused: putting it home")
        simulator = Action(Means.KILL, "simulator")
        self.injector.inject(simulator)
        self.injector.undo(simulator)
        self.wait_until_healthy()

    def _instruct_if_need_be(self) -> None:
        """Give the usual instruction to a task node that has none: one that was started again gives none by itself."""
        if self.client.task is not None and self.client.task.state == TaskStatus.NONE:
            self._instruct()

    def _instruct(self) -> None:
        self.client.instruct(str(self._nodes["task"].parameters["instruction"]))

    def _ask(self, what: str) -> bool:
        done, _ = self._services.ask(what)
        self.client.spin_for(0.0 if done else 0.3)
        return done

    def _missing(self) -> list[str]:
        return self.observer.silent_nodes() + [
            f"{topic} does not have one publisher" for topic in self.observer.crowded_topics()
        ]

    def _ways(self, folder: Path, variant: Variant) -> dict[Means, Way]:
        client, processes, services = self.client, self._processes, self._services

        def is_stopped() -> bool:
            return bool(self.observer.cause)

        second = folder / "second"
        required = variant is Variant.ENABLING_DEVICE
        return {
            Means.HARDWARE: Hardware(client),
            Means.CHUNKS: ChunkRelay(client, self.robot),
            Means.KILL: Kill(processes),
            Means.HANG: Hang(processes),
            Means.PAUSE: Pause(processes, is_stopped),
            Means.STARVE: Starvation(processes),
            Means.CYCLE: Cycle(client),
            Means.SECOND: SecondNode(client, self._nodes, second, lambda *_: None, lambda: self.observer.cause),
            Means.SECOND_PUBLISHER: SecondPublisher(client, self.observer, self.robot, self._driver),
            Means.OPERATOR: Operator(services),
            Means.ESTOP_DEVICE: EstopDevice(client, services),
            Means.ENABLING_DEVICE: EnablingDevice(client, services, required=required),
            Means.INSTRUCTION: Instruction(client, self._instruct),
        }


def _prepared(node: NodeSpec, variant: Variant) -> NodeSpec:
    """Let the simulator publish the truth, what the policy publishes pass the relay, and safety ask for its device."""
    if node.name == "simulator":
        return replace(node, parameters={**node.parameters, "publish_truth": True})
    if node.name == "safety" and variant is Variant.ENABLING_DEVICE:
        return replace(node, parameters={**node.parameters, "enabling_device_required": True})
    return replace(node, remappings=REMAPPING) if node.name == "policy" else node
