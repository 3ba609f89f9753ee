# SPDX-License-Identifier: Apache-2.0
"""The MolmoAct2 network of this package as a policy."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.config import DepthConfig
from molmoact2_ros.model.decoding import TOKENS_PER_ACTION_STEP, DecodingError, action_bins, generate
from molmoact2_ros.model.depth import closing_tokens
from molmoact2_ros.model.molmoact2 import MolmoAct2, Prefill
from molmoact2_ros.model.rtc import RtcGuidance
from molmoact2_ros.policy.depth_reasoner import NO_DEPTH, DepthReasoner
from molmoact2_ros.policy.policy import (
    DepthResult,
    PolicyChunk,
    PolicyError,
    PolicyObservation,
    PolicySpec,
    PolicyTiming,
)
from molmoact2_ros.policy.rtc import RealTimeChunking
from molmoact2_ros.processing.fast_tokenizer import FastTokenizer
from molmoact2_ros.processing.model_inputs import ModelInputs
from molmoact2_ros.processing.norm_stats import TagStats
from molmoact2_ros.processing.processor import Processor

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
WARM_UP_INSTRUCTION = "wait"


class NativePolicy:
    """One robot of one checkpoint. Not thread-safe: noise comes from one generator, in the order of the calls."""

    def __init__(
        self,
        model: MolmoAct2,
        processor: Processor,
        norm_tag: str,
        *,
        num_cameras: int,
        model_id: str,
        seed: int | None = None,
        action_tokenizer: FastTokenizer | None = None,
        rtc: RealTimeChunking | None = None,
        depth: DepthReasoner | None = None,
    ) -> None:
        """Join a network and its processor.

        Args:
            model: the network.
            processor: of the same checkpoint.
            norm_tag: which robot of the checkpoint.
            num_cameras: images per observation; checkpoints list more cameras than a robot need have.
            model_id: which weights, for the provenance of every chunk.
            seed: of the noise that chunks start from; None draws a seed.
            action_tokenizer: when given, actions are decoded as tokens instead of integrated as a flow.
            rtc: when given, every chunk is pulled towards the one before ("rtc").
            depth: when given, inferences reason in depth when it says so.

        Raises:
            PolicyError: if processor and network do not belong together, no camera is given, or tokens are to continue
                a chunk.
            ProcessingError: if the checkpoint has no such norm tag.
        """
        if action_tokenizer is not None and rtc is not None:
            raise PolicyError("action tokens cannot continue a chunk: leave the tokenizer or `rtc` out")
        self._model, self._processor, self._tokenizer = model, processor, action_tokenizer
        self._rtc, self._depth = rtc, depth
        self._tag = processor.stats.tag(norm_tag)
        self._spec = _spec(self._tag, processor, num_cameras, model_id, model.config.depth)
        _check_fit(self._spec, model)
        self._generator = torch.Generator(model.device)
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        norm_tag: str,
        *,
        num_cameras: int,
        model_id: str | None = None,
        dtype: str = "float32",
        device: str = "cpu",
        seed: int | None = None,
        rtc: RealTimeChunking | None = None,
        depth_every: int | None = None,
    ) -> NativePolicy:
        """Load a checkpoint folder in the released layout.

        The processor comes first: it takes no time, and an unknown norm tag should not wait for 22 GB of weights.
        `depth_every` switches depth reasoning on; see `DepthSchedule`.

        Raises:
            PolicyError: if the dtype is unknown, depth is asked of a checkpoint without it, and as the constructor.
            ProcessingError: if the processor's files are unusable or lack the norm tag.
            ConfigError: if config.json is unusable.
            CheckpointError: if the weights are absent, damaged, or do not fit config.json.
        """
        if dtype not in DTYPES:
            raise PolicyError(f"dtype is {dtype!r}, but must be one of {', '.join(DTYPES)}")
        processor = Processor.load(Path(folder))
        processor.stats.tag(norm_tag)
        if depth_every is not None and not processor.tokens.num_depths:
            raise PolicyError(NO_DEPTH)
        model = load_model(folder, DTYPES[dtype], device)
        name = model_id or Path(folder).resolve().name
        return cls(
            model,
            processor,
            norm_tag,
            num_cameras=num_cameras,
            model_id=name,
            seed=seed,
            rtc=rtc,
            depth=None if depth_every is None else DepthReasoner(model, depth_every),
        )

    @property
    def spec(self) -> PolicySpec:
        """What it expects and gives."""
        return self._spec

    def warm_up(self) -> PolicyTiming:
        """Run once on black images and a state in the middle of its training range; uses up one draw of noise."""
        height, width = self._spec.image_size
        images = tuple(np.zeros((height, width, 3), np.uint8) for _ in range(self._spec.num_cameras))
        state = self._tag.state.unnormalize(np.zeros(len(self._spec.state_names), np.float32))
        observation = PolicyObservation(images, state, WARM_UP_INSTRUCTION)
        if self._depth is None:
            return self.infer(observation).timing
        try:
            return self._infer(observation, self._depth).timing
        except DecodingError:  # black images may well have no depth map; the rest can be warmed up without one
            return self._infer(observation, None).timing
        finally:
            self._depth.restart()

    def ask_for_depth(self) -> None:
        """Let the next inference reason in depth; may be called from another thread.

        Raises:
            PolicyError: if depth reasoning is off.
        """
        if self._depth is None:
            raise PolicyError("depth reasoning is off: configure the policy with enable_depth")
        self._depth.schedule.ask()

    def check_instruction(self, text: str) -> None:
        """Check an instruction before it is taken, with room for all that is written after the prompt.

        Raises:
            ProcessingError: nothing is left of it once normalised, it holds the model's own tokens, or it is too long.
        """
        room = 0 if self._tokenizer is None else TOKENS_PER_ACTION_STEP * self._tag.action_horizon
        grid = None if self._depth is None else self._model.config.depth
        if grid is not None:
            room += grid.num_cells + closing_tokens(self._model)
        tag, cameras = self._spec.norm_tag, self._spec.num_cameras
        self._processor.check_task(text, tag, cameras, depth=grid is not None, room=room)

    def infer(self, observation: PolicyObservation) -> PolicyChunk:
        """Predict a chunk.

        Raises:
            PolicyError: if the number of images is wrong.
            ProcessingError: if an image, the state or the instruction does not fit, or the result is not finite.
            DecodingError: if actions are decoded as tokens and none came, or a depth map does not end.
        """
        due = self._depth is not None and self._depth.schedule.due()
        return self._infer(observation, self._depth if due else None)

    @torch.inference_mode()
    def _infer(self, observation: PolicyObservation, reasoner: DepthReasoner | None) -> PolicyChunk:
        self._check_cameras(observation)
        start = time.perf_counter()
        inputs = self._processor.encode(
            observation.images,
            observation.instruction,
            observation.state,
            self._spec.norm_tag,
            depth=reasoner is not None,
        )
        encoded = time.perf_counter()
        chunk, depth = self._predict(inputs, observation, reasoner)
        normalised = chunk[0].float().cpu().numpy()  # waits for the device
        predicted = time.perf_counter()
        actions = self._processor.decode(normalised, self._spec.norm_tag)
        end = time.perf_counter()
        if self._rtc is not None and observation.stamp_ns:
            self._rtc.keep(chunk, observation.stamp_ns, observation.task)
        processing_s = (encoded - start) + (end - predicted)
        timing = PolicyTiming(processing_ms=1e3 * processing_s, inference_ms=1e3 * (predicted - encoded))
        return PolicyChunk(
            actions=actions,
            names=self._spec.action_names,
            norm_tag=self._spec.norm_tag,
            model_id=self._spec.model_id,
            instruction=observation.instruction,
            timing=timing,
            depth=depth,
        )

    def _check_cameras(self, observation: PolicyObservation) -> None:
        expected, found = self._spec.num_cameras, len(observation.images)
        if found != expected:
            raise PolicyError(f"the policy was set up for {expected} images per observation, but {found} came")

    def _predict(
        self, inputs: ModelInputs, observation: PolicyObservation, reasoner: DepthReasoner | None
    ) -> tuple[torch.Tensor, DepthResult | None]:
        """Return normalised actions [1, H, D], and the depth map if there is a reasoner."""
        model = self._model
        self._check_tokens(inputs)
        ids = torch.from_numpy(inputs.input_ids)[None].to(model.device)  # [1, S]
        pixels = torch.from_numpy(inputs.pixel_values).to(model.device)
        visual = model.encode_images(pixels, torch.from_numpy(inputs.pooling_index).to(model.device))
        room = 0 if self._tokenizer is None else TOKENS_PER_ACTION_STEP * self._tag.action_horizon
        prefill, depth = (
            (model.prefill(ids, visual, capacity=ids.shape[1] + room), None)
            if reasoner is None
            else reasoner.read(ids, visual, observation, room)
        )
        if self._tokenizer is not None:
            return torch.from_numpy(self._decode_tokens(self._tokenizer, prefill, room))[None], depth
        context = model.project_context(prefill)
        noise = model.draw_noise(1, self._tag.action_horizon, self._generator)
        actions = model.integrate_flow(
            noise, context, len(self._spec.action_names), guidance=self._guidance(observation)
        )
        return actions, depth

    def _guidance(self, observation: PolicyObservation) -> RtcGuidance | None:
        """Return what the chunk has to continue, if anything."""
        if self._rtc is None or not observation.stamp_ns:
            return None
        width = self._model.config.expert.action_width
        return self._rtc.guidance(observation.stamp_ns, observation.task, width)

    def _decode_tokens(self, tokenizer: FastTokenizer, prefill: Prefill, room: int) -> NDArray[np.float32]:
        bins = action_bins(generate(self._model, prefill, room), self._model.config.tokens)
        return tokenizer.decode(bins, self._tag.action_horizon, len(self._spec.action_names))

    def _check_tokens(self, inputs: ModelInputs) -> None:
        image_tokens = int((inputs.input_ids == self._model.config.tokens.image_patch).sum())
        self._model.check_inputs(image_tokens, len(inputs.pooling_index), len(inputs.input_ids))


def _spec(
    tag: TagStats, processor: Processor, num_cameras: int, model_id: str, depth: DepthConfig | None
) -> PolicySpec:
    return PolicySpec(
        model_id=model_id,
        norm_tag=tag.norm_tag,
        num_cameras=num_cameras,
        image_size=processor.image_size,
        state_names=tag.state.names,
        action_names=tag.action.names,
        horizon=tag.action_horizon,
        n_action_steps=tag.n_action_steps,
        depth_side=depth.side if depth else 0,
        depth_levels=depth.num_levels if depth else 0,
        depth_codec=depth.codec if depth else "",
    )


def _check_fit(spec: PolicySpec, model: MolmoAct2) -> None:
    """Refuse what the first call would stumble over."""
    expert, vision = model.config.expert, model.config.vision
    if spec.num_cameras < 1:
        raise PolicyError(f"a policy needs at least 1 camera, but {spec.num_cameras} were given")
    if spec.image_size != vision.image_size:
        raise PolicyError(f"the processor makes images of {spec.image_size}, but the network takes {vision.image_size}")
    if spec.horizon > expert.max_horizon:
        raise PolicyError(
            f"tag {spec.norm_tag} has a horizon of {spec.horizon}, but the network's is {expert.max_horizon}"
        )
    if len(spec.action_names) > expert.action_width:
        raise PolicyError(
            f"tag {spec.norm_tag} has {len(spec.action_names)} action numbers, but the network's width is "
            f"{expert.action_width}"
        )
