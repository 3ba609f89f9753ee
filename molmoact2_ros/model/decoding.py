# SPDX-License-Identifier: Apache-2.0
"""Actions as tokens: greedy decoding after the prompt, and finding the action tokens in what came.

Axes: B batch (1 here), V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from molmoact2_ros.model.config import TokenConfig
from molmoact2_ros.model.molmoact2 import MolmoAct2, Prefill

# Tokens allowed per step of the action chunk before decoding counts as failed.
TOKENS_PER_ACTION_STEP = 16

LogitsHook = Callable[[int, Tensor], Tensor]


class DecodingError(RuntimeError):
    """The model did not produce a usable answer."""


def generate(model: MolmoAct2, prefill: Prefill, max_tokens: int, hook: LogitsHook | None = None) -> list[int]:
    """Decode greedily over the whole vocabulary until an end token, which is included.

    Args:
        model: the network.
        prefill: a prompt of batch 1 whose cache has room for `max_tokens` more.
        max_tokens: tokens after which to give up.
        hook: may replace the logits [B, V] of each step before the choice.

    Raises:
        DecodingError: if no end token came within `max_tokens`.
    """
    hidden = prefill.hidden[:, -1:]  # [B, 1, D]
    generated: list[int] = []
    while len(generated) < max_tokens:
        logits = model.lm_head(hidden[:, -1])  # [B, V]
        logits = hook(len(generated), logits) if hook else logits
        token = logits.argmax(-1)  # [B]
        generated.append(int(token))
        if generated[-1] in model.config.tokens.eos:
            return generated
        hidden = append(model, prefill, token[:, None])
    raise DecodingError(f"no end token within {max_tokens} generated tokens: the answer is not usable")


def append(model: MolmoAct2, prefill: Prefill, ids: Tensor) -> Tensor:
    """Feed one more token [1, 1] after a prompt without padding; return its hidden state [1, 1, D]."""
    position = torch.full_like(ids, prefill.cache.length)
    return model.transformer(model.transformer.wte(ids), position, None, prefill.cache)


def action_bins(generated: Sequence[int], tokens: TokenConfig) -> list[int]:
    """Extract the action tokens as numbers from 0.

    They stand between the first start token and the next end token; without such a pair all of the answer counts.
    Other tokens in between are skipped.

    Raises:
        DecodingError: if there is no action token at all.
    """
    answer = _between(list(generated), tokens.action_start, tokens.action_end)
    bins = [token - tokens.action_first for token in answer]
    bins = [number for number in bins if 0 <= number < tokens.num_actions]
    if not bins:
        raise DecodingError(f"the answer of {len(generated)} tokens holds no action token")
    return bins


def _between(ids: list[int], start: int, end: int) -> list[int]:
    if start not in ids:
        return ids
    first = ids.index(start) + 1
    return ids[first : ids.index(end, first)] if end in ids[first:] else ids
