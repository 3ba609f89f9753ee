# SPDX-License-Identifier: Apache-2.0
"""One demo run, from the first process to the report."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from molmoact2_ros.bringup.graph import NodeSpec
from molmoact2_ros.bringup.supervisor import NodeExit, exit_status
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.operation.client import MODES, OperatorClient
from molmoact2_ros.operation.event_log import say_event
from molmoact2_ros.operation.managed_graph import ManagedGraph
from molmoact2_ros.ros.lockstep import START_NS

from .bag_recorder import BagRecorder
from .depth_record import REST_MAPS
from .depth_report import write_depth_report
from .run_listener import RunListener
from .run_report import write_contact_sheet, write_frames, write_joint_plot

READY_S = 90.0  # a big checkpoint on a slow disk
OPERATOR = "molmoact2_demo"
OPERATE_S = 0.1  # of simulated time, between two looks at the graph in lockstep
LOCKSTEP_READY_S = 30.0  # of simulated time, until safety arms
LOCKSTEP_START_S = 600.0  # until its first step: a busy computer takes long to load a checkpoint, and is no failure
MEASURED_S = 2.5  # the simulator reports once a second
CAMERA_SHARE, PHYSICS_SHARE = 0.9, 0.95
# What a computer that is too slow makes of a robot on which nothing is wrong.
LATE_CAUSES = {
    *("stale camera", "stale state", "stale observation", "stale command", "overloaded"),
    *("perception silent", "policy silent", "interpolator silent", "bridge silent"),
}
RATE_S = 1.0  # shorter counts make no rate
ARM_S = 5.0  # safety may still be finding the nodes that this process has found


class DemoRun:
    """Bring the graph up, arm, watch, take down, report."""

    def __init__(
        self, args: argparse.Namespace, nodes: Sequence[NodeSpec], folder: Path, *, may_be_late: bool = True
    ) -> None:
        """Prepare; nothing is started.

        Args:
            args: of the command.
            nodes: to start.
            folder: takes the report.
            may_be_late: go on when this computer cannot keep real time; otherwise `too_slow` says so, and the run ends.
        """
        self._args = args
        self._nodes = nodes
        self._folder = folder
        self._robot = Embodiment.load(args.embodiment)
        self._listener = RunListener(self._robot, args.seconds)
        self._metrics = self._listener.metrics
        self._exits: list[NodeExit] = []
        self._may_be_late = may_be_late
        self._began_s = self._ended_s = 0.0  # of the armed time, by the computer's clock
        self._has_run = False
        self._arming_text = ""  # safety's newest answer to ~/arm in lockstep
        self.too_slow = ""  # why this computer cannot keep real time
        self._live_table = not args.headless and sys.stdout.isatty()
        self._console = Console()

    def run(self) -> int:
        """Run it all; return the exit status."""
        say_event("molmoact2", f"{self._robot.title}, ROS domain {self._args.domain_id}, report in {self._folder}")
        with OperatorClient(OPERATOR, lockstep=self._args.lockstep) as client:
            client.require_free_domain()
            live = ManagedGraph(client, self._folder / "logs", self._say)
            self._listener.listen(client)
            recorder = BagRecorder(self._folder / "bag", self._listener.now_ns)
            recorder.record(client.listen, self._listener.topics())
            try:
                interrupted = self._run_graph(live)
                safety = MODES[client.safety.mode] if client.safety else "silent"
                if live.supervisor.running():
                    self._metrics.freeze(self._listener.now_ns())
            finally:
                live.end()
                recorder.close()
        if self.too_slow:
            return 1
        self._metrics.stop_causes += [str(node) for node in self._exits]
        report = self._write_report(safety)
        if self._exits or self._metrics.stop_causes:
            print(f"error: {self._exits[0] if self._exits else self._metrics.stop_causes[0]}", file=sys.stderr)
        print(json.dumps(report), flush=True)
        if self._exits:
            return exit_status(self._exits)
        return 130 if interrupted else int(not self._is_clean())

    def _run_graph(self, live: ManagedGraph) -> bool:
        """Start, arm and watch; return whether Ctrl-C ended it."""
        try:
            if self._args.lockstep:
                self._run_in_lockstep(live)
                return False
            live.start(self._nodes)
            if self._wait_until_ready(live) and self._keeps_real_time(live) and self._arm(live):
                self._watch(live)
        except KeyboardInterrupt:
            say_event("molmoact2", "interrupted")
            return True
        return False

    def _wait_until_ready(self, live: ManagedGraph) -> bool:
        deadline = time.monotonic() + READY_S
        with self._console.status("waiting for the nodes") as status:
            while missing := self._missing(live.client):
                status.update(f"waiting for {missing}")
                self._exits += live.poll()
                if self._exits:
                    return False
                if time.monotonic() > deadline:
                    self.too_slow = "" if self._may_be_late else self._lateness()
                    self._metrics.stop_causes.append(f"not ready after {READY_S:.0f} s: waiting for {missing}")
                    return False
        return True

    def _run_in_lockstep(self, live: ManagedGraph) -> None:
        """Start, arm and watch on simulated time, whose every step waits for this process, too."""
        assert live.client.member is not None
        live.client.member.timer(OPERATE_S, lambda: self._operate(live.client))
        live.start(self._nodes)
        deadline, next_line = time.monotonic() + LOCKSTEP_START_S, 0.0
        while not self._has_run:
            self._exits += live.poll()
            if self._exits or self._metrics.stop_causes:
                live.settle()
                return
            seconds = self._metrics.armed_seconds(self._listener.now_ns())
            if seconds >= next_line and self._began_s:
                factor = seconds / max(time.monotonic() - self._began_s, 1e-3)
                rows = [*self._rows(live.client, seconds), ("at", f"{factor:.2f} of real time")]
                say_event("demo", "  ".join(f"{key} {value}" for key, value in rows))
                next_line += 2.0
            if live.client.member.now_ns == START_NS and time.monotonic() > deadline:
                self._metrics.stop_causes.append(
                    f"no step of lockstep after {LOCKSTEP_START_S:.0f} s: the simulator's log names what it waits for"
                )

    def _operate(self, client: OperatorClient) -> None:
        """Arm when all is there, and end the run: at steps that depend on nothing but the simulated time."""
        now_ns = self._listener.now_ns()
        if self._metrics.armed:
            self._began_s = self._began_s or time.monotonic()
            if self._metrics.armed_seconds(now_ns) >= self._args.seconds:
                self._metrics.freeze(now_ns)
                self._has_run, self._ended_s = True, time.monotonic()
        elif not self._metrics.armed_ns and not self._metrics.is_frozen:
            missing = self._missing(client)
            if (now_ns - START_NS) * 1e-9 > LOCKSTEP_READY_S:
                why = f"waiting for {missing}" if missing else f"arming refused: {self._arming_text}"
                self._metrics.stop_causes.append(f"not ready after {LOCKSTEP_READY_S:.0f} s of simulated time: {why}")
            elif not missing:
                client.call_in_phase("safety", "arm", self._on_arming_answer)

    def _on_arming_answer(self, _done: bool, text: str) -> None:
        self._arming_text = text

    def _keeps_real_time(self, live: ManagedGraph) -> bool:
        """Measure for a moment whether cameras and physics keep their rates on this computer."""
        deadline = time.monotonic() + MEASURED_S
        while not self._may_be_late and time.monotonic() < deadline:
            self._exits += live.poll()
            if self._exits:
                return False
        self.too_slow = "" if self._may_be_late else self._lateness()
        return not self.too_slow

    def _lateness(self) -> str:
        """Say what this computer is too slow for, by what the simulator reports of itself; empty: nothing."""
        cameras = self._listener.diagnostics.get("simulator: cameras", {})
        physics = self._listener.diagnostics.get("simulator: physics", {})
        rate_hz, asked_hz = (float(cameras.get(name, 0.0)) for name in ("rate_hz", "asked_hz"))
        factor = float(physics.get("real_time_factor", 1.0))
        if rate_hz < CAMERA_SHARE * asked_hz:
            return f"its cameras reach {rate_hz:.1f} Hz of {asked_hz:g} Hz"
        return f"its physics runs at {factor:.2f} of real time" if factor < PHYSICS_SHARE else ""

    def _missing(self, client: OperatorClient) -> str:
        if client.safety is None:
            return "safety"
        if client.robot is None:
            return "the robot's state"
        if client.perception is None or not client.perception.ready:
            return "cameras" + (f": {client.perception.text}" if client.perception else "")
        if client.chunk is None:
            return "the policy's first chunk"
        maps = len(self._listener.depth.maps)
        if self._args.enable_depth and maps < REST_MAPS:  # so that the report shows a scene at rest too
            return f"depth maps of the arm at rest: {maps} of {REST_MAPS}"
        return ""

    def _arm(self, live: ManagedGraph) -> bool:
        deadline = time.monotonic() + ARM_S
        while not (answer := live.client.ask_safety("arm"))[0]:
            self._exits += live.poll()
            if self._exits:
                return False
            if time.monotonic() > deadline:
                self.too_slow = "" if self._may_be_late else self._lateness()
                self._metrics.stop_causes.append(f"arming refused: {answer[1]}")
                return False
        return True

    def _watch(self, live: ManagedGraph) -> None:
        self._live_table = self._live_table and self._console.is_terminal
        shown = Live(console=self._console, auto_refresh=False) if self._live_table else None
        next_line = 0.0
        if shown:
            shown.start()
        try:
            while (seconds := self._metrics.armed_seconds(self._listener.now_ns())) < self._args.seconds:
                self._exits += live.poll()
                if self._exits or self._metrics.stop_causes:
                    live.settle()
                    live.poll()
                    if not self._may_be_late and not self._exits and set(self._metrics.stop_causes) <= LATE_CAUSES:
                        self.too_slow = f"the robot stopped after {seconds:.1f} s ({self._metrics.stop_causes[0]})"
                    return
                if shown:
                    shown.update(self._table(live.client, seconds), refresh=True)
                elif seconds >= next_line:
                    say_event("demo", "  ".join(f"{key} {value}" for key, value in self._rows(live.client, seconds)))
                    next_line += 2.0
        finally:
            if shown:
                shown.stop()

    def _rows(self, client: OperatorClient, seconds: float) -> list[tuple[str, str]]:
        metrics, chunk = self._metrics, client.chunk
        latency = metrics.latency_ms(50)

        def rate(count: int) -> str:
            return f"{count / seconds:.1f}/s" if seconds > RATE_S else "-"

        return [
            ("armed", f"{seconds:.1f}/{self._args.seconds:.0f} s"),
            ("safety", MODES[client.safety.mode] if client.safety else "silent"),
            ("observations", rate(metrics.observations)),
            ("chunks", rate(metrics.chunks)),
            ("commands", rate(metrics.commands)),
            ("camera to chunk", "-" if latency is None else f"{latency:.0f} ms"),
            ("camera age", f"{max(chunk.camera_ages_s, default=0.0) * 1e3:.0f} ms" if chunk else "-"),
            ("starved", str(metrics.starved_ticks)),
            ("tracking", f"{metrics.max_tracking_error_rad * 1e3:.0f} mrad"),
            ("refused", str(client.safety.refused) if client.safety else "-"),
        ]

    def _table(self, client: OperatorClient, seconds: float) -> Table:
        table = Table(show_header=False)
        table.add_row("instruction", self._args.instruction)
        for key, value in self._rows(client, seconds):
            table.add_row(key, value)
        return table

    def _say(self, who: str, text: str) -> None:
        self._console.print(
            f"{time.strftime('%H:%M:%S')}  {who:<12}  {text}", highlight=False, markup=False, soft_wrap=True
        )

    # The report.

    def _is_clean(self) -> bool:
        return not self._metrics.stop_causes and not self._exits and self._metrics.first_chunk_executed

    def _write_report(self, safety_mode: str) -> dict[str, Any]:
        cameras = self._listener.cameras()
        say_event("cameras", ", ".join(f"{role} {rate}" for role, rate in cameras.items()) or "no images while armed")
        say_event("molmoact2", "writing the report")
        metrics = self._metrics
        report = {
            "embodiment": self._robot.name,
            "seconds": round(metrics.armed_ns * 1e-9, 2),
            "observations": metrics.observations,
            "chunks": metrics.chunks,
            "commands": metrics.commands,
            "observation_to_chunk_ms": {"p50": metrics.latency_ms(50), "p99": metrics.latency_ms(99)},
            "starved_ticks": metrics.starved_ticks,
            "max_tracking_error": metrics.max_tracking_error_rad,
            "max_seam_velocity_step": metrics.max_seam_velocity_step_rad_s,
            "safety_mode": safety_mode,
            "stop_causes": metrics.stop_causes,
            "report": str(self._folder),
        }
        if self._args.lockstep:
            wall_s = (self._ended_s or time.monotonic()) - self._began_s
            report |= {
                "lockstep": True,
                "seed": self._args.seed,
                "digest": self._listener.digest.hexdigest(),
                "real_time_factor": round(metrics.armed_ns * 1e-9 / wall_s, 3) if self._began_s else 0.0,
            }
        details: dict[str, Any] = {
            "latencies_ms": [round(each * 1e3, 1) for each in metrics.inferences_s],
            "instruction": self._args.instruction,
            "cameras": cameras,
            "diagnostics": self._listener.diagnostics,
        }
        if self._listener.depth.maps:
            details["depth"] = self._listener.depth.figures()
            write_depth_report(self._folder / "depth.png", self._listener.depth)
        (self._folder / "report.json").write_text(json.dumps(report | details, indent=1) + "\n")
        if self._listener.frames:
            write_frames(self._folder / "frames", self._listener.frames)
            write_contact_sheet(self._folder / "contact_sheet.png", self._listener.frames)
        if metrics.measured.times_s:
            write_joint_plot(self._folder / "joints.png", self._robot.joint_names, metrics)
        return report
