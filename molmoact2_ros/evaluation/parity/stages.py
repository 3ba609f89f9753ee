# SPDX-License-Identifier: Apache-2.0
"""The stages of one inference, each a function from the seams before it to the seams it makes.

The same functions run twice. Once as a chain, where each stage reads what the stages before it made; once staged,
where each reads the golden's own values. So a slip shows at the stage that made it, and the chain shows its effect.

Seams are named and shaped as in the golden files. Axes: B batch (1), S prompt tokens, C images, P patches,
R pooled windows, T steps of the action chunk, A action numbers, H heads, E head width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molmoact2_ros.model import flow, masks
from molmoact2_ros.model.action_expert import Context
from molmoact2_ros.model.decoding import DecodingError, LogitsHook, action_bins, generate
from molmoact2_ros.model.depth import DepthDraft, read_depth
from molmoact2_ros.model.molmoact2 import MolmoAct2, Prefill
from molmoact2_ros.processing.depth_cells import REFERENCE_COSINE, cell_values, cosines
from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.processor import Processor

from .golden import Array, Golden, GoldenError

# What the reference run added to the logits, so that random weights give a well-formed answer.
FORCE = 1e4
FAVOUR = 1e3

Seams = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """What all stages share.

    Attributes:
        model: the network under test.
        processor: of the same checkpoint.
        golden: whose raw inputs, noise and sizes are used.
    """

    model: MolmoAct2
    processor: Processor
    golden: Golden

    @property
    def keep(self) -> Tensor:
        """The [A] mask of the robot's own action numbers."""
        return self.model.keep_real(self.golden.arrays["actions"].shape[-1])

    def to_model(self, values: Array | Tensor) -> Tensor:
        """Return an array as a tensor in the model's dtype."""
        return torch.as_tensor(values).to(self.model.dtype)


Stage = Callable[[Bench, Seams], Seams]


def check_fit(bench: Bench) -> None:
    """Refuse what the first stages would stumble over.

    Raises:
        GoldenError: if the processor, the network and the golden are not of the same sizes.
    """
    config, processor, arrays = bench.model.config, bench.processor, bench.golden.arrays
    made = (processor.images.image_size, processor.images.patch_size)
    taken = (config.vision.image_size, config.vision.patch_size)
    if made != taken:
        raise GoldenError(
            f"processor_config.json makes images of {made[0]} in patches of {made[1]}, but the network of config.json "
            f"takes {taken[0]} in patches of {taken[1]}: they belong to different checkpoints"
        )
    if bench.golden.kind == "depth" and config.depth is None:
        raise GoldenError(
            "the golden holds depth reasoning, but the checkpoint's config.json has no depth tokens: it belongs to "
            "another checkpoint"
        )
    for key in [key for key in ("noise", "step_x", "step_v") if key in arrays]:
        steps, width = arrays[key].shape[-2:]
        if width != config.expert.action_width or steps > config.expert.max_horizon:
            raise GoldenError(
                f"the golden's {key} has {steps} steps of {width} numbers, but the network's chunks have at most "
                f"{config.expert.max_horizon} of {config.expert.action_width}: it belongs to another checkpoint"
            )


def run_chain(bench: Bench) -> Seams:
    """Run all stages, each on the output of those before it.

    Raises:
        GoldenError: if the golden's raw inputs or noise are not of the checkpoint's sizes.
        ProcessingError: if the processor refuses the raw inputs.
    """
    seams: Seams = {}
    for stage in STAGES[bench.golden.kind]:
        seams |= _run(stage, bench, seams)
    return seams


def run_staged(bench: Bench, chain: Seams) -> Seams:
    """Run every stage on the golden's own input; where the file lacks one, on what this run made.

    Raises:
        GoldenError: if the golden's values do not have the checkpoint's sizes.
        ProcessingError: if the processor refuses the raw inputs.
    """
    seams: Seams = {}
    for stage in STAGES[bench.golden.kind]:
        seams |= _run(stage, bench, chain | seams | bench.golden.arrays)
    return seams


def _run(stage: Stage, bench: Bench, seams: Seams) -> Seams:
    try:
        return stage(bench, seams)
    except ProcessingError:
        raise
    except DecodingError as error:
        raise GoldenError(f"{stage.__name__} has no chunk to compare: {error}") from error
    # What torch and numpy raise on arrays of other sizes and types than those they were written for.
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise GoldenError(
            f"{stage.__name__} cannot run on the golden's values ({reason}): it is damaged or belongs to another "
            "checkpoint"
        ) from error


def process(bench: Bench, _: Seams) -> Seams:
    """Camera images, state and task to the network's inputs."""
    golden = bench.golden
    task, state = str(golden.arrays["raw_task"]), golden.arrays["raw_state"]
    inputs = bench.processor.encode(golden.images, task, state, golden.norm_tag, depth=golden.kind == "depth")
    ids, images = inputs.input_ids[None], len(inputs.pixel_values)  # [B, S]
    image_typed = masks.is_any_of(torch.from_numpy(ids), bench.model.config.tokens.image_typed)
    rows, columns = bench.processor.images.token_grid
    return {
        "prompt": np.asarray(inputs.prompt),
        "in_input_ids": ids,
        "in_token_type_ids": image_typed.numpy(),
        "in_attention_mask": np.ones_like(ids),
        "in_pixel_values": inputs.pixel_values,
        "in_image_token_pooling": _shift_windows(inputs.pooling_index, inputs.pixel_values, sign=-1),
        "in_image_grids": np.tile([rows, columns, 0, 0], (images, 1)),
        "in_image_num_crops": np.ones(images, np.int64),
    }


def encode_images(bench: Bench, seams: Seams) -> Seams:
    """Patches to the vectors of image tokens."""
    pixels = seams["in_pixel_values"]
    windows = _shift_windows(seams["in_image_token_pooling"], pixels, sign=1)
    return {"visual": bench.model.encode_images(torch.from_numpy(pixels), torch.from_numpy(windows))}  # [R, D]


def build_masks(bench: Bench, seams: Seams) -> Seams:
    """Token ids to the masks of the language model and of the action expert."""
    model, ids = bench.model, torch.from_numpy(seams["in_input_ids"])
    valid = torch.ones_like(ids, dtype=torch.bool)
    visible = masks.visible_to_expert(ids, valid, model.config.tokens, model.config.hides_answers)
    return {"prefill_bias": model.prompt_bias(ids, valid), "encoder_mask": visible}


def find_changes(bench: Bench, _: Seams) -> Seams:
    """First images of two frames to the cells of the depth grid that changed; nothing on a first frame."""
    arrays, depth = bench.golden.arrays, bench.model.config.depth
    if depth is None or "raw_previous_image" not in arrays:
        return {}
    pair = [cell_values(arrays[key], depth.side) for key in ("raw_previous_image", "raw_image_0")]
    lengths = [np.linalg.norm(cells, axis=1) for cells in pair]
    return {"mask": cosines(pair[0], pair[1], (lengths[0], lengths[1])) < REFERENCE_COSINE}


def write_depth(bench: Bench, seams: Seams) -> Seams:
    """Prompt, image vectors, the map of the frame before and what changed since to the depth map and the cache.

    The reference's logits were steered so that the map ends after its codes.
    """
    model, arrays = bench.model, bench.golden.arrays
    ids, visual = torch.from_numpy(seams["in_input_ids"]), bench.to_model(seams["visual"])
    draft = DepthDraft(arrays["raw_draft"][0].tolist(), (~seams["mask"]).tolist()) if "mask" in seams else None
    reading = read_depth(model, ids, visual, draft, closing_hook=_steer_depth_end(model))
    layers = _layers(reading.prefill)
    return {"depth": np.asarray([reading.codes]), "gen": np.asarray([reading.tokens])} | layers


def build_depth_masks(bench: Bench, seams: Seams) -> Seams:
    """Token ids and depth map to the masks of the language model and of the action expert."""
    model, ids = bench.model, torch.from_numpy(seams["in_input_ids"])
    valid = torch.ones_like(ids, dtype=torch.bool)
    visible, _ = model.classify(*_with_map(seams))
    return {"prefill_bias": model.prompt_bias(ids, valid), "encoder_mask": visible}


def prefill(bench: Bench, seams: Seams) -> Seams:
    """Tokens and image vectors to the keys and values of every layer."""
    return _layers(bench.model.prefill(torch.from_numpy(seams["in_input_ids"]), bench.to_model(seams["visual"])))


def project_context(bench: Bench, seams: Seams) -> Seams:
    """Keys and values of the language model to those of the action expert."""
    count = bench.model.config.expert.num_layers
    layers = [(bench.to_model(seams[f"k_{i}"]), bench.to_model(seams[f"v_{i}"])) for i in range(count)]
    visible = torch.as_tensor(seams["encoder_mask"])
    if bench.golden.kind == "depth":
        layers = bench.model.gate_depth(layers, visible, bench.model.classify(*_with_map(seams))[1])
    context = bench.model.action_expert.project_context(layers, visible)
    keys = {f"ctx_k_{layer}": k.transpose(1, 2) for layer, k in enumerate(context.keys)}  # [B, S, H, E]
    return keys | {f"ctx_v_{layer}": v.transpose(1, 2) for layer, v in enumerate(context.values)}


def integrate(bench: Bench, seams: Seams) -> Seams:
    """Noise to actions: one integration in the chain, single steps where the steps before are given."""
    context = _context(bench, seams)
    noise = bench.to_model(bench.golden.arrays["noise"])
    steps = len(bench.golden.arrays["step_x"])
    pairs: list[tuple[Tensor, Tensor]] = []
    if "step_x" not in seams:
        expert = bench.model.action_expert
        end = flow.integrate_flow(expert, noise, context, steps, bench.keep, watch=lambda *pair: pairs.append(pair))
    else:
        given_x, given_v = bench.to_model(seams["step_x"]), bench.to_model(seams["step_v"])
        end = noise * bench.keep
        for step in range(steps):
            time = torch.full((len(noise),), step / steps)
            pairs.append((end, bench.model.predict_velocity(given_x[step], time, context)))
            end = flow.euler_update(given_x[step], given_v[step], steps, bench.keep)
    step_x, step_v = (torch.stack(values) for values in zip(*pairs, strict=True))  # [steps, B, T, A]
    return {"step_x": step_x, "step_v": step_v, "normalised": end}


def decode_tokens(bench: Bench, seams: Seams) -> Seams:
    """Prompt to answer tokens, with the reference's steering of the logits."""
    ids = torch.from_numpy(seams["in_input_ids"])
    length = bench.golden.arrays["generated"].shape[1]
    prompt = bench.model.prefill(ids, bench.to_model(seams["visual"]), capacity=ids.shape[1] + length)
    generated = generate(bench.model, prompt, length, _steering(bench.model, length))
    return {"generated": np.asarray([generated])}


def stand_in_for_tokenizer(bench: Bench, seams: Seams) -> Seams:
    """Answer tokens to a chunk, drawn from their number: the reference run had no action tokenizer either.

    The draw is of the tag's whole chunk; which of its rows are actions is decided where it is decoded.
    """
    bins = action_bins(seams["generated"][0].tolist(), bench.model.config.tokens)
    tag = bench.processor.stats.tag(bench.golden.norm_tag)
    chunk = np.random.default_rng(len(bins)).uniform(-1, 1, (1, tag.action_horizon, len(tag.action.names)))
    return {"normalised": torch.from_numpy(chunk)}


def decode_actions(bench: Bench, seams: Seams) -> Seams:
    """Normalised actions to policy units."""
    rows = bench.golden.arrays["actions"].shape[1]
    normalised = seams["normalised"][0].float().numpy()
    return {"actions": bench.processor.decode(normalised, bench.golden.norm_tag, rows)[None]}


STAGES: dict[str, tuple[Stage, ...]] = {
    "continuous": (process, encode_images, build_masks, prefill, project_context, integrate, decode_actions),
    "discrete": (process, encode_images, decode_tokens, stand_in_for_tokenizer, decode_actions),
    "depth": (
        process,
        encode_images,
        find_changes,
        write_depth,
        build_depth_masks,
        project_context,
        integrate,
        decode_actions,
    ),
}


def _layers(read: Prefill) -> Seams:
    layers = [read.cache.flat(layer) for layer in range(read.cache.num_layers)]  # [B, S, H*E]
    keys = {f"k_{layer}": k for layer, (k, _) in enumerate(layers)}
    return keys | {f"v_{layer}": v for layer, (_, v) in enumerate(layers)}


def _with_map(seams: Seams) -> tuple[Tensor, Tensor]:
    """Return the ids of prompt and depth map, and that all of them count."""
    ids = torch.from_numpy(np.concatenate((seams["in_input_ids"], seams["gen"]), axis=1))
    return ids, torch.ones_like(ids, dtype=torch.bool)


def _context(bench: Bench, seams: Seams) -> Context:
    layers = range(bench.model.config.expert.num_layers)
    return Context(
        keys=tuple(bench.to_model(seams[f"ctx_k_{i}"]).transpose(1, 2) for i in layers),  # [B, H, S, E]
        values=tuple(bench.to_model(seams[f"ctx_v_{i}"]).transpose(1, 2) for i in layers),
        bias=bench.model.action_expert.context_bias(torch.as_tensor(seams["encoder_mask"])),
    )


def _steering(model: MolmoAct2, length: int) -> LogitsHook:
    """Force the marks of an answer of `length` tokens, and prefer action tokens between them."""
    tokens = model.config.tokens
    forced = {0: tokens.action_start, length - 2: tokens.action_end, length - 1: tokens.eos[0]}

    def steer(step: int, logits: Tensor) -> Tensor:
        logits = logits.clone()
        if step in forced:
            logits[:, forced[step]] += FORCE
        else:
            logits[:, tokens.action_first : tokens.action_first + tokens.num_actions] += FAVOUR
        return logits

    return steer


def _steer_depth_end(model: MolmoAct2) -> LogitsHook:
    """Force the end of the depth map."""

    def steer(_: int, logits: Tensor) -> Tensor:
        logits = logits.clone()
        if model.config.depth is not None:
            logits[:, model.config.depth.end] += FORCE
        return logits

    return steer


def _shift_windows(windows: Array, pixels: Array, sign: int) -> Array:
    """Count patches of [R, 4] windows from the first image (sign 1), or from each window's own image (sign -1)."""
    images, patches = pixels.shape[:2]
    offsets = np.repeat(np.arange(images) * patches, len(windows) // images)[:, None]
    return np.where(windows < 0, -1, windows + sign * offsets)
