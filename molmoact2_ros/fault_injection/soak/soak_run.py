# SPDX-License-Identifier: Apache-2.0
"""One long run: the graph of a simulated robot moves, tools join and leave, and stops are reset."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from molmoact2_ros.bringup.graph import NodeSpec
from molmoact2_ros.bringup.supervisor import NodeExit
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.msg import JointCommand, SafetyState
from molmoact2_ros.operation.client import OperatorClient, cause_name
from molmoact2_ros.operation.managed_graph import ManagedGraph
from molmoact2_ros.ros import qos

from .figures import Sample, growth
from .readers import BusyLoops, Readers
from .stops import Stop, Stops

READY_S = 120.0  # on a computer that is kept busy
SAMPLE_S = 5.0
TELL_S = 60.0
ASK_S = 0.5  # between attempts to reset and arm
WARM_UP_S = 60.0  # or a quarter of a short run: allocators and caches fill
JUDGED_S = 300.0  # memory is judged when it was watched for so long after the warm-up
MOST_MIB_PER_MIN = 0.5
SHOWN = ("molmoact2", "safety")
STOPPED = (SafetyState.STOPPING, SafetyState.STOPPED)


class SoakRun:
    """Bring a graph up, arm it again after every stop, sample its processes, take it down."""

    def __init__(self, robot: Embodiment, nodes: Sequence[NodeSpec], folder: Path, say: Callable[[str, str], None]):
        """Prepare; logs go to `folder`."""
        self._robot, self._nodes, self._folder, self._say = robot, nodes, folder, say
        self.samples: dict[str, list[Sample]] = {node.name: [] for node in nodes}
        self.stops = Stops()
        self.exits: list[NodeExit] = []
        self.ran_s = 0.0
        self._commands = self._refused = self._refused_before = self._arms = 0
        self._readers_started = self._readers_failed = 0
        self._seen: tuple[int, int, str] | None = None  # instance id, cause and sentence of the stop that was counted
        self._asked_s = 0.0

    def run(self, minutes: float, *, per_minute: float, busy: int) -> None:
        """Run for so long, with tools that join and leave and busy loops; KeyboardInterrupt ends it early.

        Raises:
            ValueError: the graph did not become ready.
        """
        with OperatorClient("molmoact2_soak") as client:
            client.require_free_domain()
            live = ManagedGraph(client, self._folder / "logs", self._say_of_safety)
            command = qos.to_record(qos.command(1.0 / self._robot.command_rate_hz))
            client.listen(JointCommand, "command/safe", command, self._count, raw=True)
            readers, loops = Readers(per_minute), BusyLoops(0)
            try:
                live.start(self._nodes)
                self._wait_until_ready(live)
                loops = BusyLoops(busy)
                self._watch(live, readers, 60.0 * minutes)
                live.stop_arm()
            finally:
                readers.close()
                loops.close()
                self._readers_started, self._readers_failed = readers.started, readers.failed
                live.take_down()

    def report(self, *, busy: bool) -> dict[str, Any]:
        """Return what came of it."""
        warm_up_s = min(WARM_UP_S, self.ran_s / 4)
        nodes = {name: growth(samples, warm_up_s) for name, samples in self.samples.items()}
        judged = self.ran_s - warm_up_s >= JUDGED_S
        growing = [name for name, node in nodes.items() if judged and _grows(node)]
        ok = self.stops.ok(busy=busy) and not self.exits and not growing and self._commands > 0
        return {
            "minutes": round(self.ran_s / 60.0, 2),
            "commands": self._commands,
            "refused": self._refused + self._refused_before,
            "armed": self._arms,
            "readers": self._readers_started,
            "readers_failed": self._readers_failed,
            **self.stops.report(),
            "ended": [str(node) for node in self.exits],
            "growing": growing,
            "nodes": nodes,
            "ok": ok,
        }

    def _say_of_safety(self, who: str, text: str) -> None:
        """Print what safety decides; in half an hour the other nodes have much to say, and their logs hold it."""
        if who in SHOWN:
            self._say(who, text)

    def _wait_until_ready(self, live: ManagedGraph) -> None:
        deadline = time.monotonic() + READY_S
        while not (live.is_ready and live.client.chunk is not None):
            if ended := live.poll():
                raise ValueError(str(ended[0]))
            if time.monotonic() > deadline:
                raise ValueError(f"the graph was not ready after {READY_S:.0f} s; see its logs in {self._folder}")

    def _watch(self, live: ManagedGraph, readers: Readers, seconds: float) -> None:
        begun_s = time.monotonic()
        sampled_s, told_s = -SAMPLE_S, 0.0
        while not self.exits and self.ran_s < seconds:
            self.ran_s = time.monotonic() - begun_s
            self.exits += live.poll()
            readers.update()
            self._keep_armed(live.client)
            if self.ran_s - sampled_s >= SAMPLE_S:
                sampled_s = self.ran_s
                self._sample(live)
            if self.ran_s - told_s >= TELL_S:
                told_s = self.ran_s
                self._say("soak", self._progress(seconds))

    def _keep_armed(self, client: OperatorClient) -> None:
        """Count a new stop; reset and arm, one request at a time."""
        safety = client.safety
        if safety is None:
            return
        self._refused_before += self._refused if safety.refused < self._refused else 0
        self._refused = safety.refused
        stopped = safety.mode in STOPPED
        stop = (safety.instance_id, safety.cause, safety.text.partition(";")[0]) if stopped else None
        if stop is not None and stop != self._seen:
            self.stops.seen.append(Stop(self.ran_s, cause_name(safety.cause), safety.text))
        self._seen = stop
        if safety.mode == SafetyState.ARMED or time.monotonic() - self._asked_s < ASK_S:
            return
        self._asked_s = time.monotonic()
        done, _ = client.ask_safety("reset" if stopped else "arm")
        self._arms += done and not stopped

    def _sample(self, live: ManagedGraph) -> None:
        for name in live.supervisor.running():
            sample = Sample.take(live.supervisor.pid(name), self.ran_s)
            if sample is not None:
                self.samples[name].append(sample)

    def _progress(self, seconds: float) -> str:
        memory = ", ".join(f"{name} {taken[-1].rss_mib:.0f}" for name, taken in self.samples.items() if taken)
        done = f"{self.ran_s / 60:.0f} of {seconds / 60:.0f} min, {self._commands} commands"
        return f"{done}, {len(self.stops.seen)} stops; MiB: {memory}"

    def _count(self, _data: bytes) -> None:
        self._commands += 1


def _grows(node: dict[str, float | int | None]) -> bool:
    slope = node["rss_slope_mib_per_min"]
    if slope is None:
        return False
    more = any((node[f"{what}_last"] or 0) > (node[f"{what}_first"] or 0) + 2 for what in ("threads", "files"))
    return slope > MOST_MIB_PER_MIN or more
