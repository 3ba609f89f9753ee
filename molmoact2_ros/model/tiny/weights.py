# SPDX-License-Identifier: Apache-2.0
"""Random weights under the released names, from the config alone.

Every parameter is random, also those that training initialises to zero: nothing that a loader or a forward pass drops
can hide behind a zero. Matrices keep the size of what they multiply; gains scatter around 1, biases around 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shapes = Iterator[tuple[str, tuple[int, ...]]]
SCATTER = 0.1


def random_weights(config: dict[str, Any], seed: int) -> dict[str, NDArray[np.float32]]:
    """Draw every tensor of a checkpoint; the same config and seed give the same numbers."""
    generator = np.random.default_rng(seed)
    weights = {name: _draw(name, shape, generator) for name, shape in weight_shapes(config)}
    text = config["text_config"]
    exponents = np.arange(0, text["head_dim"], 2) / text["head_dim"]
    weights["model.transformer.rotary_emb.inv_freq"] = (text["rope_theta"] ** -exponents).astype(np.float32)
    return weights


def weight_shapes(config: dict[str, Any]) -> Shapes:
    """List all parameters of a checkpoint with their shapes."""
    text = config["text_config"]
    yield "lm_head.weight", (text["vocab_size"], text["hidden_size"])
    yield from _language(text)
    yield from _vision(config["vit_config"], config["adapter_config"])
    yield from _expert(config)


def _draw(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.float32]:
    values = generator.standard_normal(shape)
    if len(shape) > 1:
        return (values / math.sqrt(shape[-1])).astype(np.float32)
    module, leaf = name.split(".")[-2:]
    is_gain = leaf == "weight" and module.endswith(("norm", "ln_f"))
    return (is_gain + SCATTER * values).astype(np.float32)


def _language(text: dict[str, Any]) -> Shapes:
    width, mlp, head = text["hidden_size"], text["intermediate_size"], text["head_dim"]
    queries, keys = text["num_attention_heads"] * head, text["num_key_value_heads"] * head
    prefix = "model.transformer"
    yield f"{prefix}.wte.embedding", (text["vocab_size"], width)
    yield f"{prefix}.wte.new_embedding", (text["additional_vocab_size"], width)
    for layer in range(text["num_hidden_layers"]):
        block = f"{prefix}.blocks.{layer}"
        yield f"{block}.attn_norm.weight", (width,)
        yield f"{block}.self_attn.att_proj.weight", (queries + 2 * keys, width)
        yield f"{block}.self_attn.q_norm.weight", (head,)
        yield f"{block}.self_attn.k_norm.weight", (head,)
        yield f"{block}.self_attn.attn_out.weight", (width, queries)
        yield f"{block}.ff_norm.weight", (width,)
        yield f"{block}.mlp.ff_proj.weight", (2 * mlp, width)
        yield f"{block}.mlp.ff_out.weight", (width, mlp)
    yield f"{prefix}.ln_f.weight", (width,)


def _vision(vit: dict[str, Any], adapter: dict[str, Any]) -> Shapes:
    width, mlp = vit["hidden_size"], vit["intermediate_size"]
    prefix = "model.vision_backbone.image_vit"
    yield from _linear(f"{prefix}.patch_embedding", vit["image_patch_size"] ** 2 * 3, width)
    yield f"{prefix}.positional_embedding", (vit["image_num_pos"], width)
    # Layers above the highest one that the connector reads are not stored.
    for layer in range(vit["num_hidden_layers"] + 1 + max(adapter["vit_layers"])):
        block = f"{prefix}.transformer.resblocks.{layer}"
        for name in ("wq", "wk", "wv", "wo"):
            yield from _linear(f"{block}.attention.{name}", width, width)
        yield from _linear(f"{block}.feed_forward.w1", width, mlp)
        yield from _linear(f"{block}.feed_forward.w2", mlp, width)
        for name in ("attention_norm", "ffn_norm"):
            yield f"{block}.{name}.weight", (width,)
            yield f"{block}.{name}.bias", (width,)
    yield from _connector(adapter, width * len(adapter["vit_layers"]))


def _connector(adapter: dict[str, Any], features: int) -> Shapes:
    width, mlp, text_width = adapter["hidden_size"], adapter["intermediate_size"], adapter["text_hidden_size"]
    pooling = "model.vision_backbone.image_pooling_2d"
    for name in ("wq", "wk", "wv"):
        yield from _linear(f"{pooling}.{name}", features, width)
    yield from _linear(f"{pooling}.wo", width, width)
    projector = "model.vision_backbone.image_projector"
    yield f"{projector}.w1.weight", (mlp, width)
    yield f"{projector}.w2.weight", (text_width, mlp)
    yield f"{projector}.w3.weight", (mlp, width)


def _expert(config: dict[str, Any]) -> Shapes:
    expert, text = config["action_expert_config"], config["text_config"]
    width, actions = expert["hidden_size"], config["max_action_dim"]
    step = expert["ffn_multiple_of"]
    mlp = math.ceil(int(width * expert["mlp_ratio"]) / step) * step
    context = text["num_key_value_heads"] * text["head_dim"]
    prefix = "model.action_expert"
    yield from _linear(f"{prefix}.time_embed.1", expert["timestep_embed_dim"], width)
    yield from _linear(f"{prefix}.time_embed.3", width, width)
    yield from _linear(f"{prefix}.action_embed", actions, width)
    yield f"{prefix}.context_k_proj.weight", (width, context)
    yield f"{prefix}.context_v_proj.weight", (width, context)
    for layer in range(expert["num_layers"]):
        block = f"{prefix}.blocks.{layer}"
        yield from _linear(f"{block}.self_attn.qkv", width, 3 * width)
        yield from _linear(f"{block}.self_attn.out_proj", width, width)
        yield from _linear(f"{block}.cross_attn.q_proj", width, width)
        yield from _linear(f"{block}.cross_attn.out_proj", width, width)
        yield from _linear(f"{block}.mlp.up_proj", width, mlp)
        yield from _linear(f"{block}.mlp.gate_proj", width, mlp)
        yield from _linear(f"{block}.mlp.down_proj", mlp, width)
        yield from _linear(f"{block}.modulation.linear", width, 9 * width)
    yield from _linear(f"{prefix}.final_layer.modulation.linear", width, 2 * width)
    yield from _linear(f"{prefix}.final_layer.linear", width, actions)
    if config["action_expert_depth_gate"]:
        for layer in range(expert["num_layers"]):
            yield from _linear(f"{prefix}_depth_gate.{layer}", context, 1)


def _linear(name: str, inputs: int, outputs: int) -> Shapes:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)
