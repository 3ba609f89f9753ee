# SPDX-License-Identifier: Apache-2.0
"""Teach a demo checkpoint to write a depth map before it acts.

It starts from the weights of a fitted demo checkpoint: language blocks, action expert, image network and vocabulary are
the same; depth tokens, their gates and the head are new. Every other step is one without depth, so that both prompts go
on working. The image network stays random and sees 3 x 3 vectors of an image: what it derives for 10 x 10 cells is the
scene and, with the joint states, roughly where the arm is.

Axes: B examples, S prompt tokens, N tokens of a depth map, V vocabulary.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.config import CONFIG_FILE, DEPTH_CODEC_FIELD, DepthConfig
from molmoact2_ros.model.molmoact2 import MolmoAct2, Prefill
from molmoact2_ros.model.tiny import TinySizes, check_may_write, write_tiny_checkpoint
from molmoact2_ros.processing.processor import Processor
from molmoact2_ros.schema import read_json_object

from .depth_scenes import DepthScenes
from .examples import Examples, ExampleSource
from .fit import (
    AVERAGE_DECAY,
    BATCH,
    MADE_BY,
    POLISH_LAST_TIME,
    POLISH_NOISE,
    POLISH_PART,
    POLISH_RATE,
    OnStep,
    flow_loss,
    norm_tag,
    optimisers,
    store,
)

THINK_SIZES = TinySizes(expert_heads=2, expert_mlp_ratio=2.0, depth_codes=100, depth_levels=128)
THINK_STEPS = 4000
WRONG_INPUTS = 0.1  # share of code inputs that are replaced, as in the released models' training
DEPTH_WEIGHT = 0.1  # of the codes' cross-entropy next to the flow's loss


def fit_think(
    out: Path,
    robot: Embodiment,
    base: Path,
    scenes: DepthScenes,
    *,
    seed: int = 0,
    steps: int = THINK_STEPS,
    batch: int = BATCH,
    device: str = "cpu",
    on_step: OnStep | None = None,
) -> None:
    """Write a checkpoint that reasons in depth and moves the robot round its loop.

    Args:
        out: folder to write; touched only when all is done.
        robot: whose norm tag the checkpoint gets.
        base: demo checkpoint of the robot, without depth.
        scenes: what to teach of depth.
        seed: of new weights, examples and noise.
        steps: of the optimiser.
        batch: examples in a step.
        device: where to train.
        on_step: called after each step with its number, from 1, and the loss.

    Raises:
        ValueError: `out` holds something else, or there is no step or no example.
        CheckpointError: `base` is not a demo checkpoint.
    """
    if min(steps, batch) < 1:
        raise ValueError(f"expected at least 1 step and 1 example, got {steps} and {batch}")
    check_may_write(out, MADE_BY)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tags = dict([norm_tag(robot)])
        write_tiny_checkpoint(folder, seed, THINK_SIZES, think=True, tags=tags, made_by=MADE_BY)
        model, processor = load_model(folder, device=device), Processor.load(folder)
        torch.manual_seed(seed)
        inherit(model, load_model(base, device=device))
        generator = np.random.default_rng(seed)
        plain = ExampleSource(robot, model, processor, generator)
        thinking = _DepthSource(plain, scenes, model, processor, generator)
        _train(model, (plain, thinking), steps, batch, on_step)
        store(model, folder)
        _name_codec(folder / CONFIG_FILE, scenes.codec)
        out.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            shutil.copyfile(path, out / path.name)


@torch.no_grad()
def inherit(model: MolmoAct2, base: MolmoAct2) -> None:
    """Copy the weights of a model without depth; of the vocabulary's tables, the rows before the depth tokens."""
    depth = _depth_of(model)
    old = dict(base.named_parameters())
    for name, weight in model.named_parameters():
        if "depth_gate" in name:
            continue
        if old[name].shape == weight.shape:
            weight.copy_(old[name])
        else:
            weight[: depth.output] = old[name][: depth.output]


def _name_codec(path: Path, codec: str) -> None:
    """Note in config.json whose codes the checkpoint writes."""
    config = read_json_object(path)
    path.write_text(
        json.dumps(config | {DEPTH_CODEC_FIELD: codec}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _depth_of(model: MolmoAct2) -> DepthConfig:
    depth = model.config.depth
    assert depth is not None
    return depth


class _DepthSource:
    """Draws scenes with their maps; images are encoded once, because the image network stays as it is."""

    def __init__(
        self,
        source: ExampleSource,
        scenes: DepthScenes,
        model: MolmoAct2,
        processor: Processor,
        generator: np.random.Generator,
    ) -> None:
        self._source, self._scenes, self._generator = source, scenes, generator
        self._depth = _depth_of(model)
        self._device = model.device
        with torch.no_grad():
            encoded = []
            for images in scenes.images:
                pixels, windows = processor.encode_images(images)
                encoded.append(
                    model.encode_images(
                        torch.from_numpy(pixels).to(self._device), torch.from_numpy(windows).to(self._device)
                    )
                )
        self._visual = torch.stack(encoded)  # [scenes, vectors, D]

    def draw(self, count: int) -> tuple[Examples, Tensor, Tensor]:
        """Draw examples whose prompt ends with a depth map; also what of it is read, and what is right, [B, N]."""
        chosen = self._generator.integers(0, len(self._scenes.states), count)
        examples = self._source.draw(count, states=self._scenes.states[chosen], depth=True)
        codes = self._depth.first + self._scenes.codes[chosen]
        wrong = self._depth.first + self._generator.integers(0, self._depth.num_levels, codes.shape)
        read = np.where(self._generator.random(codes.shape) < WRONG_INPUTS, wrong, codes)
        start, end = (np.full((count, 1), token) for token in (self._depth.start, self._depth.end))
        spans = [torch.from_numpy(np.hstack((start, tokens, end))).to(self._device) for tokens in (read, codes)]
        picked = self._visual[torch.from_numpy(chosen).to(self._device)].flatten(0, 1)
        return Examples(examples.ids, picked, examples.actions, examples.real), spans[0], spans[1]


def _train(
    model: MolmoAct2,
    sources: tuple[ExampleSource, _DepthSource],
    steps: int,
    batch: int,
    on_step: OnStep | None,
) -> None:
    """Train what the first fit trained, the head and the gates; leaves the running average of the weights."""
    plain, thinking = sources
    model.requires_grad_(False)
    parts = (model.transformer.blocks, model.action_expert, model.lm_head, model.action_expert_depth_gate)
    trained = nn.ModuleList(parts).requires_grad_(True)
    weights: list[Tensor] = list(trained.parameters())
    average = [weight.detach().clone() for weight in weights]
    schedule_all = list(optimisers(model, trained, steps, POLISH_RATE))
    for step in range(steps):
        polishing = step >= (1 - POLISH_PART) * steps
        how = (POLISH_LAST_TIME, POLISH_NOISE) if polishing else (0.0, 1.0)
        loss = _think_loss(model, thinking, batch, how) if step % 2 else _plain_loss(model, plain, batch, how)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        for optimiser, schedule in schedule_all:
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, weights, 1 - min(AVERAGE_DECAY, (step + 1) / (step + 10)))
        if on_step:
            on_step(step + 1, loss.item())
    with torch.no_grad():
        torch._foreach_copy_(weights, average)


def _plain_loss(model: MolmoAct2, source: ExampleSource, batch: int, how: tuple[float, float]) -> Tensor:
    examples = source.draw(batch)
    return flow_loss(model, model.prefill(examples.ids, examples.visual), examples, *how)


def _think_loss(model: MolmoAct2, source: _DepthSource, batch: int, how: tuple[float, float]) -> Tensor:
    examples, read, right = source.draw(batch)
    prefill: Prefill = model.prefill(torch.cat((examples.ids, read), dim=1), examples.visual)
    logits = model.lm_head(prefill.hidden[:, -read.shape[1] : -1])  # [B, N - 1, V], each for the next token
    # As in inference: codes are chosen among codes, the token that closes the map among all.
    depth = _depth_of(model)
    levels = logits[:, :-1, depth.first : depth.first + depth.num_levels].flatten(0, 1)
    codes = F.cross_entropy(levels, right[:, 1:-1].flatten() - depth.first)
    end = F.cross_entropy(logits[:, -1], right[:, -1])
    return flow_loss(model, prefill, examples, *how) + DEPTH_WEIGHT * (codes + end)
