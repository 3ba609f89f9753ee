# SPDX-License-Identifier: Apache-2.0
"""Fit a tiny checkpoint to the demo's motion, with the flow-matching loss that trains the released models.

What comes out is no task policy: it looks past images and instruction and goes round one loop. It exists so that the
whole graph can run, for ever and within every limit, on a machine without a GPU and without a download. The network,
its files and its protocol are those of a released checkpoint.

The image network and the vocabulary stay random, with one exception: neighbouring state tokens get neighbouring
embeddings, as training on real data would make them. The language blocks and the action expert are trained. With the
language blocks left random, too, the expert does not know which joint a state token belongs to once the length of the
instruction varies.

Axes: B examples, K noise samples of each, T rows, A action numbers.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save
from torch import Tensor, nn

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.flow import flow_matching_loss
from molmoact2_ros.model.molmoact2 import MolmoAct2, Prefill
from molmoact2_ros.model.tiny import TagText, TinySizes, check_may_write, tag_metadata, write_tiny_checkpoint
from molmoact2_ros.processing.processor import Processor
from molmoact2_ros.sim.reference_motion import DemoMotion

from .examples import Examples, ExampleSource

OnStep = Callable[[int, float], None]

MADE_BY = "molmoact2 fit-demo"
SIZES = TinySizes(expert_heads=2, expert_mlp_ratio=2.0)
STEPS_PER_ROBOT = 6000
BATCH, SAMPLES = 16, 4
MATRIX_RATE, OTHER_RATE = 1e-2, 2e-3
# The last sixth of the steps polishes. What is left of the noise after the last step of the flow is what rows differ by
# from one to the next, so most examples are drawn there; and noise is wider than at inference, so that its rare large
# values are nothing new. It halves the roughness of chunks.
POLISH_PART, POLISH_RATE = 1 / 6, 0.3
POLISH_LAST_TIME, POLISH_NOISE = 0.6, 1.2
WARM_UP_STEPS = 100
AVERAGE_DECAY = 0.998
# What the smooth state embedding is made of: a constant, the value itself, and one wave for curvature.
VALUE_GAIN = 2.0


def fit_demo(
    out: Path,
    robots: Sequence[Embodiment],
    *,
    seed: int = 0,
    steps: int | None = None,
    batch: int = BATCH,
    device: str = "cpu",
    on_step: OnStep | None = None,
) -> None:
    """Write a checkpoint that moves each robot round its loop.

    Args:
        out: folder to write; touched only when all is done.
        robots: whose norm tags the checkpoint gets.
        seed: of weights, examples and noise.
        steps: of the optimiser; each takes one robot, in turn. Default: as many as `STEPS_PER_ROBOT` says.
        batch: examples in a step.
        device: where to train.
        on_step: called after each step with its number, from 1, and the loss.

    Raises:
        ValueError: `out` holds something else, or there is no robot, no step or no example.
    """
    steps = STEPS_PER_ROBOT * len(robots) if steps is None else steps
    if not robots or min(steps, batch) < 1:
        raise ValueError(f"expected at least 1 robot, 1 step and 1 example, got {len(robots)}, {steps} and {batch}")
    check_may_write(out, MADE_BY)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_tiny_checkpoint(folder, seed, SIZES, tags=dict(map(norm_tag, robots)), made_by=MADE_BY)
        model, processor = load_model(folder, device=device), Processor.load(folder)
        torch.manual_seed(seed)
        smooth_tokens(model, processor.tokens.first_state, processor.tokens.num_states)
        reset_expert(model)
        generator = np.random.default_rng(seed)
        sources = [ExampleSource(robot, model, processor, generator) for robot in robots]
        polish = round(POLISH_PART * steps)
        train(model, sources, steps - polish, batch, on_step)
        if polish:
            train(model, sources, polish, batch, on_step, polishing_after=steps - polish)
        store(model, folder)
        out.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            shutil.copyfile(path, out / path.name)


def norm_tag(robot: Embodiment) -> tuple[str, dict[str, Any]]:
    """Return a robot's norm tag and its entry: ranges that just hold the motion, for less of everything else."""
    motion = DemoMotion.of(robot)
    ends = np.sort(np.stack((robot.to_policy(motion.low), robot.to_policy(motion.high))), axis=0)  # [2, D]
    ranges = {joint.name: (float(low), float(high)) for joint, low, high in zip(robot.joints, *ends, strict=True)}
    beyond = any(joint.is_gripper and ranges[joint.name] != (0.0, 1.0) for joint in robot.joints)
    text = TagText(
        robot.policy.norm_tag,
        robot.policy.setup,
        robot.policy.control,
        tuple(camera.key for camera in robot.cameras),
        robot.policy.horizon,
        normalize_gripper=beyond,
    )
    return robot.policy.norm_tag, tag_metadata(text, ranges)


def smooth_tokens(model: MolmoAct2, first: int, count: int) -> None:
    """Lay the embeddings of tokens that stand for values on a smooth random curve, at the length of the others."""
    table = model.transformer.wte.embedding
    value = torch.linspace(-1, 1, count)
    features = torch.stack(
        (torch.ones_like(value), VALUE_GAIN * value, (math.pi * value).sin(), (math.pi * value).cos()), dim=1
    )
    directions = torch.linalg.qr(torch.randn(table.shape[1], features.shape[1])).Q.T
    curve = features @ directions
    with torch.no_grad():
        table[first : first + count] = (curve / curve.norm(dim=1).mean()).to(table)


@torch.no_grad()
def reset_expert(model: MolmoAct2) -> None:
    """Start the action expert as training from scratch does: each block an identity, the velocity zero."""
    expert = model.action_expert
    for name, weight in expert.named_parameters():
        if weight.ndim != 2 or "modulation" in name or name.startswith("final_layer"):
            weight.zero_()
            continue
        nn.init.xavier_uniform_(weight)
        if name.endswith(("out_proj.weight", "down_proj.weight")):
            weight.mul_((2 * len(expert.blocks)) ** -0.5)


def train(
    model: MolmoAct2,
    sources: Sequence[ExampleSource],
    steps: int,
    batch: int,
    on_step: OnStep | None = None,
    *,
    polishing_after: int = 0,
) -> None:
    """Train the language blocks and the action expert; leaves the running average of their weights in the model.

    With `polishing_after` steps done, polish.
    """
    model.requires_grad_(False)
    trained = nn.ModuleList((model.transformer.blocks, model.action_expert)).requires_grad_(True)
    weights: list[Tensor] = list(trained.parameters())
    average = [weight.detach().clone() for weight in weights]
    pairs = list(optimisers(model, trained, steps, POLISH_RATE if polishing_after else 1.0))
    for step in range(steps):
        examples = sources[step % len(sources)].draw(batch)
        prefill = model.prefill(examples.ids, examples.visual)
        how = (POLISH_LAST_TIME, POLISH_NOISE) if polishing_after else (0.0, 1.0)
        loss = flow_loss(model, prefill, examples, *how)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        for optimiser, schedule in pairs:
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, weights, 1 - min(AVERAGE_DECAY, (step + 1) / (step + 10)))
        if on_step:
            on_step(polishing_after + step + 1, loss.item())
    with torch.no_grad():
        torch._foreach_copy_(weights, average)


def store(model: MolmoAct2, folder: Path) -> None:
    """Write the model's weights over those of the checkpoint folder that it was loaded from."""
    path = folder / "model.safetensors"
    weights = load_file(path)
    for name, tensor in model.state_dict().items():
        weights[name if name in weights else f"model.{name}"] = tensor.cpu().numpy()
    path.write_bytes(save(weights, metadata={"format": "pt"}))


def flow_loss(
    model: MolmoAct2, prefill: Prefill, examples: Examples, last_time: float, noise_deviation: float
) -> Tensor:
    """Draw times from those at which inference asks for a velocity: accuracy anywhere else would be wasted.

    `last_time` is the part of the examples that get the last of them in any case.
    """
    steps = model.config.flow.num_steps
    context = model.project_context(prefill)
    indices = torch.randint(0, steps, (len(examples.ids), SAMPLES), device=model.device)  # [B, K]
    is_last = torch.rand(indices.shape, device=model.device) < last_time
    times = torch.where(is_last, steps - 1, indices) / steps
    noise = noise_deviation * torch.randn(
        *times.shape, *examples.actions.shape[1:], device=model.device
    )  # [B, K, T, A]
    return flow_matching_loss(model.action_expert, context, examples.actions, examples.real, times=times, noise=noise)


def optimisers(
    model: MolmoAct2, trained: nn.Module, steps: int, share: float
) -> Iterator[tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]]:
    """Muon for the matrices inside, which reaches the same loss in half the steps; AdamW for the rest."""

    def rate(step: int) -> float:
        return share * min(1.0, (step + 1) / WARM_UP_STEPS) * (1 + math.cos(math.pi * step / steps)) / 2

    expert = model.action_expert
    ends = {id(layer.weight) for layer in (expert.action_embed, expert.final_layer.linear, expert.time_embed[1])}
    inside = [weight for weight in trained.parameters() if weight.ndim == 2 and id(weight) not in ends]
    rest = [weight for weight in trained.parameters() if weight.ndim != 2 or id(weight) in ends]
    for optimiser in (
        torch.optim.Muon(inside, lr=MATRIX_RATE, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=OTHER_RATE, betas=(0.9, 0.99), weight_decay=0.0),
    ):
        yield optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
