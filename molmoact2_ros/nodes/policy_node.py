# SPDX-License-Identifier: Apache-2.0
"""Turn observations into action chunks with a MolmoAct2 checkpoint.

Topics (relative):
    in   observation         Observation    reliable 1
    in   task/instruction    Instruction    reliable, transient local; without one nothing is inferred
    out  action_chunk        ActionChunk    reliable 1
    out  depth               DepthMap       reliable 1; with enable_depth, of every inference that reasoned in depth
Services:
    ~/check_instruction    Instruct            whether an instruction could be inferred with; it is not taken
    ~/think                std_srvs/Trigger    with enable_depth: the next inference reasons in depth

The logic is in `policy.native.NativePolicy` (the model) and `policy.handshake` (does the checkpoint fit the robot?).
One inference at a time runs in a worker thread behind a one-slot mailbox; callbacks never wait for it.

Run: ros2 run molmoact2_ros policy --ros-args -p checkpoint:=allenai/MolmoAct2-DROID
"""

from __future__ import annotations

import sys
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from std_srvs.srv import Trigger

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interpolation.settings import MODES, SPEED_SCALES
from molmoact2_ros.msg import ActionChunk, DepthMap, Instruction, Observation
from molmoact2_ros.policy.handshake import check_handshake
from molmoact2_ros.policy.policy import (
    DepthResult,
    Policy,
    PolicyChunk,
    PolicyError,
    PolicyObservation,
)
from molmoact2_ros.policy.simulated_latency import DEFAULT_MS, SimulatedLatency
from molmoact2_ros.processing.processor import Processor
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import stamp_ns, to_array
from molmoact2_ros.ros.latency_budget import LatencyBudget
from molmoact2_ros.ros.lifecycle import ERROR, OK, WARN, Molmoact2Node, Report, run
from molmoact2_ros.ros.mailbox import Mailbox, SimulatedMailbox
from molmoact2_ros.ros.observation_conversions import cell_facts, depth_to_msg
from molmoact2_ros.schema import param, quoted
from molmoact2_ros.srv import Instruct
from molmoact2_ros.timing import NS_PER_S

COMPLAINT_PERIOD_S = 2.0  # a stream of unusable observations is reported this often
KEPT_TIMINGS = 100
LATENCY_SHARE = 0.5  # of a chunk: the next one comes as late again before the rows of this one run out
INFERENCE_SHARE = 0.3  # of a chunk: camera, perception and transport take their part of the latency


@dataclass(frozen=True)
class PolicyParams:
    """Parameters of the policy node."""

    embodiment: str = param("droid", "Robot: name of a shipped embodiment, or path of an embodiment file")
    checkpoint: str = param("", "Folder or hub id of the checkpoint; empty: the embodiment's released one")
    device: str = param("auto", "Where the model runs: auto, cpu, cuda, cuda:1, ...")
    dtype: str = param("auto", "Precision: auto (bfloat16 on cuda, else float32), float32 or bfloat16")
    max_rate_hz: float = param(
        0.0, "Most inferences per second; 0: every fresh observation", unit="Hz", low=0, high=1000
    )
    replan_steps: int = param(
        0,
        "Replan trigger: rows of a chunk that pass, observation to observation, until the next is inferred; 0: every "
        "fresh observation",
        low=0,
        high=1000,
    )
    speed_scale: float = param(
        1.0,
        "Part of their speed at which the interpolator executes chunks; give it the same",
        low=SPEED_SCALES[0],
        high=SPEED_SCALES[1],
    )
    mode: str = param(
        "receding",
        "How chunks follow each other: receding, ensemble, rtc; with rtc each is guided to continue the one before. "
        "Give the interpolator the same",
    )
    rtc_decay: str = param("smooth", "With rtc: how guidance falls behind the delay: linear, exponential, smooth")
    rtc_guidance: float = param(
        10.0, "With rtc: largest guidance weight; 10 goes all the way in one of ten flow steps", low=0, high=100
    )
    enable_depth: bool = param(False, "Reason in depth before acting; needs a MolmoAct2-Think checkpoint")
    depth_every: int = param(
        1,
        "With enable_depth: 1: every inference reasons in depth; n: the first and every n-th after it; 0: only one "
        "that ~/think asks for",
        low=0,
        high=1000,
    )
    latency: str = param(
        DEFAULT_MS,
        "With lockstep, what an inference takes in simulated time: milliseconds, or a JSON file of measured ones, such "
        "as report.json of a demo, drawn by the seed",
    )
    seed: int = param(-1, "Seed of the flow's noise; -1: drawn at random at each start", low=-1, high=2**31)
    cpu_threads: int = param(
        1, "Threads of the model on a CPU; more than one fights with the other nodes", low=1, high=256
    )


@dataclass(frozen=True)
class Inference:
    """One inference, on its way back to the executor's thread: a chunk, or why there is none."""

    observation: Observation
    chunk: PolicyChunk | None
    problem: str
    instruction_sequence: int


_Mailbox = Mailbox[tuple[Observation, PolicyObservation]] | SimulatedMailbox[tuple[Observation, PolicyObservation]]


class PolicyNode(Molmoact2Node[PolicyParams]):
    """Lifecycle node around one policy."""

    def __init__(self) -> None:
        super().__init__("policy", PolicyParams)
        self.complaint = ""  # the last thing that was wrong, mended or not

    def _setup(self) -> None:
        self._robot = Embodiment.load(self.params.embodiment)
        self._instruction, self._instruction_sequence, self._rejected = "", 0, ""
        self._policy = self._load_policy()
        self.owned.callback(delattr, self, "_policy")  # its memory is free before the next one is loaded
        self._sequence = 0
        self._last_depth: DepthResult | None = None
        self._next_inference_ns = self._next_observation_ns = 0
        chunk_ms = 1e3 * self._robot.policy.horizon * self._robot.policy.step_s
        self._latencies = LatencyBudget("observation to chunk", LATENCY_SHARE * chunk_ms, KEPT_TIMINGS)
        self._inference_times = LatencyBudget("inference time", INFERENCE_SHARE * chunk_ms, KEPT_TIMINGS)
        self._problem = ""
        self._inferred_ns = 0  # with lockstep, when the inference at work is done
        # Filled by the worker, emptied in the executor's thread; a deque's append and popleft are atomic.
        self._finished: deque[Inference] = deque()
        self._done = self.guard(self._publish_finished)
        self._mailbox = self._make_mailbox()
        self._chunks = self.publisher(ActionChunk, "action_chunk", qos.CHUNK)
        if self.params.enable_depth:
            self._depths = self.publisher(DepthMap, "depth", qos.STATUS)
            self.service(Trigger, "~/think", self._on_think)
        self.service(Instruct, "~/check_instruction", self._on_check)
        self.subscription(Observation, "observation", self._on_observation, qos.OBSERVATION)
        self.subscription(Instruction, "task/instruction", self._on_instruction, qos.LATCHED)

    def _make_mailbox(self) -> _Mailbox:
        if self.inputs is None:
            return self.owned.enter_context(closing(Mailbox(self._infer)))
        latency = SimulatedLatency(self.params.latency, max(self.params.seed, 0))
        return SimulatedMailbox(self._infer_until, self._publish_finished, latency.next_ns, self.inputs.at)

    def _load_policy(self) -> Policy:
        # torch takes seconds to import: only now, so that a wrong parameter is reported at once.
        from molmoact2_ros.model.hub import resolve_checkpoint
        from molmoact2_ros.policy.device import choose_device, choose_dtype, limit_cpu_threads
        from molmoact2_ros.policy.native import NativePolicy
        from molmoact2_ros.policy.rtc import RealTimeChunking

        if self.params.mode not in MODES:
            raise ValueError(f"mode: expected one of {', '.join(MODES)}, got {self.params.mode!r}")
        device = choose_device(self.params.device)  # before 22 GB are fetched for it
        checkpoint = resolve_checkpoint(self.params.checkpoint or self._robot.policy.checkpoint)
        norm_tag = self._robot.policy.norm_tag
        processor, cameras = Processor.load(checkpoint.folder), len(self._robot.cameras)
        for doubt in check_handshake(self._robot, processor.stats.tag(norm_tag)):
            self.get_logger().warning(doubt)
        rtc = RealTimeChunking(
            self._executed_step_s,
            decay=self.params.rtc_decay,
            largest=self.params.rtc_guidance,
            clock=lambda: self._inferred_ns or self.ros_now_ns(),
        )
        limit_cpu_threads(self.params.cpu_threads)
        policy = NativePolicy.load(
            checkpoint.folder,
            norm_tag,
            num_cameras=cameras,
            model_id=checkpoint.model_id,
            dtype=choose_dtype(self.params.dtype, device),
            device=device,
            seed=None if self.params.seed < 0 else self.params.seed,
            rtc=rtc if self.params.mode == "rtc" else None,
            depth_every=self.params.depth_every if self.params.enable_depth else None,
        )
        timing = policy.warm_up()
        self.get_logger().info(f"{checkpoint.model_id} on {device}: warmed up in {timing.inference_ms:.0f} ms")
        return policy

    @property
    def _executed_step_s(self) -> float:
        """Time between two rows as the robot executes them."""
        return self._robot.policy.step_s / self.params.speed_scale

    # Callbacks, all in the executor's thread.

    def _on_observation(self, message: Observation) -> None:
        now_ns = self.ros_now_ns()
        if not self.active or not self._instruction or now_ns < self._next_inference_ns:
            return
        observed_ns = stamp_ns(message.header.stamp)
        if observed_ns < self._next_observation_ns:
            return
        if problem := self._mismatch(message):
            self._complain(problem)
            return
        if self.params.max_rate_hz > 0:
            self._next_inference_ns = now_ns + int(NS_PER_S / self.params.max_rate_hz)
        if self.params.replan_steps > 0:
            # Half a row early rather than one observation late: cameras do not keep to a grid.
            wait_s = (self.params.replan_steps - 0.5) * self._executed_step_s
            self._next_observation_ns = observed_ns + int(wait_s * NS_PER_S)
        item = (message, self._to_policy_observation(message))
        if isinstance(self._mailbox, SimulatedMailbox):
            self._mailbox.put(item, now_ns)
        else:
            self._mailbox.put(item)

    def _on_instruction(self, message: Instruction) -> None:
        """Take an instruction, or withdraw the one in force; one that cannot be read withdraws it as well."""
        self._instruction, self._instruction_sequence, self._rejected = "", message.sequence, ""
        self._next_inference_ns = self._next_observation_ns = 0
        if not message.text:
            self.get_logger().info("instruction withdrawn: inferring nothing")
        elif problem := self._objection(message.text):
            self._rejected = f"instruction rejected, inferring nothing: {problem}"
            self._complain(self._rejected)
        else:
            self._instruction = message.text
            self.get_logger().info(f"instruction: {message.text!r}")

    def _on_check(self, request: Instruct.Request, response: Instruct.Response) -> Instruct.Response:
        response.message = self._objection(request.instruction)
        response.success = not response.message
        return response

    def _on_think(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            self._policy.ask_for_depth()
        except PolicyError as error:
            response.message = str(error)
            return response
        response.success, response.message = True, "the next inference reasons in depth"
        return response

    def _publish_finished(self) -> None:
        while self._finished:
            inference = self._finished.popleft()
            if inference.chunk is None:
                self._complain(inference.problem)
            elif self.active and self._instruction and inference.instruction_sequence == self._instruction_sequence:
                self._publish(inference.observation, inference.chunk)

    # Observation in.

    def _objection(self, text: str) -> str:
        """Say why an instruction cannot be inferred with; empty if it can."""
        try:
            self._policy.check_instruction(text)
        except ValueError as error:
            return str(error)
        return ""

    def _mismatch(self, message: Observation) -> str:
        """Say why an observation is not one of this robot and model; empty if it is."""
        height, width = self._policy.spec.image_size
        checks = (
            ("camera_roles", list(self._robot.camera_roles), list(message.camera_roles)),
            ("number of camera stamps", len(self._robot.cameras), len(message.camera_stamps)),
            ("state_names", list(self._robot.joint_names), list(message.state_names)),
            ("image size (height, width)", (height, width), (message.height, message.width)),
            ("number of image bytes", len(self._robot.cameras) * height * width * 3, len(message.images)),
            ("number of state values", len(self._robot.joints), len(message.state)),
        )
        for what, expected, found in checks:
            if expected != found:
                got = quoted(str(found))
                return f"observation {message.sequence} has {what} {got}, not {expected}: configure perception alike"
        return ""

    def _to_policy_observation(self, message: Observation) -> PolicyObservation:
        shape = (len(message.camera_roles), message.height, message.width, 3)
        images = np.frombuffer(message.images, dtype=np.uint8).reshape(shape)
        return PolicyObservation(
            images=tuple(images),
            state=np.frombuffer(message.state, dtype=np.float32),
            instruction=self._instruction,
            stamp_ns=stamp_ns(message.header.stamp),
            instruction_sequence=self._instruction_sequence,
            cells=cell_facts(message) if self.params.enable_depth else None,
        )

    def _infer_until(self, item: tuple[Observation, PolicyObservation], done_ns: int) -> None:
        """Infer at once; in the time of lockstep, it is done then."""
        self._inferred_ns = done_ns
        self._infer(item)
        self._inferred_ns = 0

    # The worker's thread.

    def _infer(self, item: tuple[Observation, PolicyObservation]) -> None:
        message, observation = item
        try:
            chunk, problem = self._policy.infer(observation), ""
        except (ValueError, RuntimeError) as error:
            chunk, problem = None, f"no chunk for observation {message.sequence}: {error}"
        self._finished.append(Inference(message, chunk, problem, observation.instruction_sequence))
        if self.inputs is None:
            self._done.trigger()

    # Chunk out.

    def _publish(self, observation: Observation, chunk: PolicyChunk) -> None:
        self._sequence += 1
        self._problem = ""
        now_ns = self.ros_now_ns()
        positions = self._robot.from_policy(chunk.actions.astype(np.float64))
        message = ActionChunk(
            sequence=self._sequence,
            observation_sequence=observation.sequence,
            step_s=self._robot.policy.step_s,
            horizon=len(positions),
            names=list(self._robot.joint_names),
            norm_tag=chunk.norm_tag,
            model_id=chunk.model_id,
            instruction=chunk.instruction,
            instruction_sequence=self._instruction_sequence,
            state_age_s=_age_s(now_ns, observation.state_stamp),
            inference_s=chunk.timing.inference_ms * 1e-3,
            latency_s=_age_s(now_ns, observation.header.stamp),
        )
        message.header.stamp = observation.header.stamp
        message.positions = to_array("d", positions)
        message.camera_ages_s = [_age_s(now_ns, stamp) for stamp in observation.camera_stamps]
        message.policy_instance_id, message.perception_instance_id = (
            self.instance_id,
            observation.perception_instance_id,
        )
        if chunk.depth is not None:
            message.decoded_cells = chunk.depth.decoded.ravel().tolist()
            self._depths.publish(depth_to_msg(chunk.depth, observation, self._policy.spec))
            self._last_depth = chunk.depth
        self._chunks.publish(message)
        self._latencies.add_s(message.latency_s)
        self._inference_times.add_s(message.inference_s)

    def _complain(self, problem: str) -> None:
        self.complaint = self._problem = problem
        self.get_logger().error(problem, throttle_duration_sec=COMPLAINT_PERIOD_S)

    def _report(self) -> list[Report]:
        level, text = (ERROR, self._problem) if self._problem else (OK, "inferring")
        if not self._instruction:
            level, text = (ERROR, self._rejected) if self._rejected else (WARN, "waiting for an instruction")
        values: dict[str, Any] = {
            "model_id": self._policy.spec.model_id,
            "instruction": self._instruction,
            "chunks": self._sequence,
            "last_complaint": self.complaint,
            "observations_overtaken": self._mailbox.dropped,
        }
        if self._last_depth is not None:
            values |= {
                "depth_cells_updated": int(self._last_depth.decoded.sum()),
                "depth_forwards": self._last_depth.forwards,
                "depth_ms": round(self._last_depth.decoding_ms, 1),
            }
        return [("inference", level, text, values), self._latencies.report(), self._inference_times.report()]


def _age_s(now_ns: int, stamp: Any) -> float:
    return (now_ns - stamp_ns(stamp)) / NS_PER_S


def main() -> int:
    """Run the node."""
    return run(PolicyNode)


if __name__ == "__main__":
    sys.exit(main())
