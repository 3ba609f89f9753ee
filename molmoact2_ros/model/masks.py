# SPDX-License-Identifier: Apache-2.0
"""Who may look at whom: attention masks of the prompt and of the action expert.

Axes: B batch, S prompt tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molmoact2_ros.model.config import DepthConfig, TokenConfig


def is_any_of(ids: Tensor, wanted: tuple[int, ...]) -> Tensor:
    """Mark the ids that are in `wanted`.

    Compares with numbers one by one: a tensor of them would be a copy from the host, which a CUDA graph cannot hold.
    """
    found = torch.zeros_like(ids, dtype=torch.bool)
    for token in wanted:
        found = found | (ids == token)
    return found


def prompt_bias(valid: Tensor, image_typed: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Build the additive mask of a prompt.

    Args:
        valid: [B, S] bool, false for padding.
        image_typed: [B, S] bool, tokens that see each other in both directions, across images too; None for a
            purely causal mask. The released robot models infer with the first and were trained with the second.
        dtype: of the result; hidden entries are its most negative number.

    Returns:
        [B, 1, S, S], query by key.
    """
    size = valid.shape[1]
    allowed = torch.ones(size, size, dtype=torch.bool, device=valid.device).tril()[None]  # [1, S, S]
    if image_typed is not None:
        allowed = allowed | (image_typed[:, :, None] & image_typed[:, None, :])
    return additive(allowed & valid[:, None, :], dtype)[:, None]


def causal_bias(past: int, count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Build the additive mask of `count` tokens that follow `past` cached ones, [1, 1, count, past + count]."""
    allowed = torch.ones(count, past + count, dtype=torch.bool, device=device).tril(past)
    return additive(allowed, dtype)[None, None]


def is_depth(ids: Tensor, depth: DepthConfig) -> Tensor:
    """Mark the tokens of a depth map, its marks and the token that asks for one included."""
    is_level = (ids >= depth.first) & (ids < depth.first + depth.num_levels)
    return is_level | is_any_of(ids, (depth.output, depth.start, depth.end))


def additive(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn a boolean mask into numbers to add to attention scores."""
    return torch.zeros_like(allowed, dtype=dtype).masked_fill(~allowed, torch.finfo(dtype).min)


def visible_to_expert(ids: Tensor, valid: Tensor, tokens: TokenConfig, hides_answers: bool) -> Tensor:
    """Mark the tokens that the action expert may read, [B, S] bool.

    Checkpoints trained for both kinds of action hide the end-of-text token, which is also the first token of every
    prompt, and each answer from its start to its end token: a start without an end hides all that follows.
    """
    if not hides_answers:
        return valid
    ends = torch.stack([ids == eos for eos in tokens.eos]).any(0)
    return valid & ~ends & ~_inside_spans(ids == tokens.action_start, ids == tokens.action_end)


def _inside_spans(starts: Tensor, ends: Tensor) -> Tensor:
    """Mark everything from each start to the next end, both included."""
    index = torch.arange(starts.shape[1], device=starts.device).expand_as(starts)
    last_start = torch.where(starts, index, -1).cummax(dim=1).values
    last_end = torch.where(ends, index, -1).cummax(dim=1).values.roll(1, dims=1)
    last_end[:, 0] = -1
    return last_start > last_end
