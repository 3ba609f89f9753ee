# SPDX-License-Identifier: Apache-2.0
"""Depth reasoning: the network writes a map of depth codes before it acts.

After the prompt comes a span of tokens: a start, which is forced; one code per cell of the grid, each the best of the
depth tokens given all before it; and the end token, the best of the whole vocabulary. The action expert then reads
prompt and span. Must equal `_generate_depth_prefix` of the published modelling code.

Token by token, each code costs a pass through the language model. With a draft, which is the map of an earlier frame,
one pass reads the whole span; where the network agrees with the draft, the code was right, and all before it stands.
At the first difference the code is corrected and the rest is read again. What comes out is what decoding token by token
gives, in at most one pass more than the number of codes that differ from the draft. The first pass reads the prompt
too. Cells that are kept are not verified: their codes are taken as they are.

Axes: N tokens of a block, D width, S prompt tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from molmoact2_ros.model import masks
from molmoact2_ros.model.config import DepthConfig
from molmoact2_ros.model.decoding import DecodingError, LogitsHook
from molmoact2_ros.model.molmoact2 import MolmoAct2, Prefill

# Tokens after the codes until which the end token must come: this, or the longest chunk if that is longer.
LEAST_CLOSING_TOKENS = 8


@dataclass(frozen=True)
class DepthDraft:
    """What an earlier frame knows of a depth map.

    codes: of all cells, row-major, from 0.
    keep: the cells whose code is to stay; the others are decoded, with the code as a guess that costs nothing.
    """

    codes: Sequence[int]
    keep: Sequence[bool]


@dataclass(frozen=True)
class DepthReading:
    """A prompt and the depth map after it.

    prefill: of both, for the action expert or for decoding further; its hidden state is that of the last token alone.
    codes: of all cells, row-major, from 0.
    tokens: the span, from its start to its end token.
    forwards: passes through the language model that read tokens of the span.
    """

    prefill: Prefill
    codes: tuple[int, ...]
    tokens: tuple[int, ...]
    forwards: int


def read_depth(
    model: MolmoAct2,
    ids: Tensor,
    visual: Tensor,
    draft: DepthDraft | None = None,
    *,
    room: int = 0,
    closing_hook: LogitsHook | None = None,
) -> DepthReading:
    """Read a prompt that asks for a depth map, and write the map.

    Args:
        model: of a checkpoint with depth tokens.
        ids: [1, S] prompt.
        visual: [R, D] image vectors.
        draft: of an earlier frame; without one, the map is written token by token.
        room: token slots of the cache beyond the map, for those who decode further.
        closing_hook: may replace the logits [1, V] of each step after the codes.

    Raises:
        ValueError: if the checkpoint has no depth tokens, the batch is not 1, or the draft does not fit the grid.
        DecodingError: if the map does not end.
    """
    depth = model.config.depth
    if depth is None:
        raise ValueError("this checkpoint has no depth tokens: read its prompts without a depth map")
    if ids.shape[0] != 1:
        raise ValueError(f"a depth map is written for one prompt at a time, but {ids.shape[0]} were given")
    _check_draft(draft, depth)
    span = _Span(model, depth, (ids, visual), draft, room)
    while not span.settled_all:
        span.advance()
    span.close(closing_hook)
    return span.reading()


def closing_tokens(model: MolmoAct2) -> int:
    """Return the number of tokens after the codes until which the end token must have come."""
    return max(LEAST_CLOSING_TOKENS, model.config.expert.max_horizon)


def _check_draft(draft: DepthDraft | None, depth: DepthConfig) -> None:
    if draft is None:
        return
    if not len(draft.codes) == len(draft.keep) == depth.num_cells:
        raise ValueError(
            f"a draft of {len(draft.codes)} codes and {len(draft.keep)} marks was given, but the depth grid has "
            f"{depth.num_cells} cells"
        )
    if not all(0 <= code < depth.num_levels for code in draft.codes):
        raise ValueError(f"depth codes are 0 to {depth.num_levels - 1}, but the draft is {list(draft.codes)}")


class _Span:
    """A span in the making: its tokens, how many of them stand, and how many of those are in the cache."""

    def __init__(
        self, model: MolmoAct2, depth: DepthConfig, prompt: tuple[Tensor, Tensor], draft: DepthDraft | None, room: int
    ) -> None:
        self._model, self._depth = model, depth
        self._ids, self._visual = ids, visual = prompt
        cells = depth.num_cells
        codes = draft.codes if draft else [0] * cells
        self._keep = list(draft.keep) if draft else [False] * cells
        self._has_guesses = draft is not None
        self._tokens = [depth.start, *(depth.first + code for code in codes), depth.end]
        self._capacity = ids.shape[1] + len(self._tokens) + closing_tokens(model) + room
        self._prefill: Prefill | None = None
        self._settled, self._fed = 1, 0
        self._hidden = self._last = visual.new_empty(0)  # [1, 1, D] of the last token read; [D] of the last code
        self._forwards = 0

    @property
    def settled_all(self) -> bool:
        """Whether every code stands."""
        return self._settled > self._depth.num_cells

    def advance(self) -> None:
        """Read on, and settle codes up to the first that was guessed wrong."""
        start, end = self._fed, self._block_end()
        hidden = self._feed(self._tokens[start:end])  # [N, D]
        best = (hidden @ self._levels().T).argmax(-1).tolist()
        for place in range(self._settled, min(end, self._depth.num_cells) + 1):
            self._settled = place + 1
            found = self._depth.first + best[place - 1 - start]
            if not self._keep[place - 1] and found != self._tokens[place]:
                self._tokens[place] = found
                self._cut(min(place, end))
                break
        if self.settled_all and self._fed > self._depth.num_cells:
            self._last = hidden[self._depth.num_cells - start]

    def close(self, hook: LogitsHook | None) -> None:
        """Decode over the whole vocabulary until the end token has been read."""
        cells = self._depth.num_cells
        if self._fed <= cells:  # the last code was corrected
            start = self._fed
            self._last = self._feed(self._tokens[start:])[cells - start]
        hidden, limit = self._last, closing_tokens(self._model)
        for step in range(limit):
            logits = self._model.lm_head(hidden)[None]  # [1, V]
            token = int((hook(step, logits) if hook else logits).argmax(-1))
            if step == 0 and token == self._depth.end:
                return  # it was read as a guess
            if step == 0:
                del self._tokens[-1]
                self._cut(cells + 1)
            self._tokens.append(token)
            hidden = self._feed([token])[0]
            if token == self._depth.end:
                return
        raise DecodingError(
            f"the depth map did not end within {limit} tokens after its {cells} codes: the answer is not usable"
        )

    def reading(self) -> DepthReading:
        """Put together what was made."""
        assert self._prefill is not None
        span = self._as_ids(self._tokens)
        ids = torch.cat((self._ids, span), dim=1)
        visible, is_depth = self._model.classify(ids, torch.ones_like(ids, dtype=torch.bool))
        prefill = Prefill(self._prefill.cache, self._hidden, visible, is_depth)
        codes = tuple(token - self._depth.first for token in self._tokens[1 : self._depth.num_cells + 1])
        return DepthReading(prefill, codes, tuple(self._tokens), self._forwards)

    def _block_end(self) -> int:
        """Return the place before which to read: the end, or the first cell about which nothing is known."""
        if self._has_guesses:
            return len(self._tokens)
        return self._settled if not self.settled_all else len(self._tokens)

    def _feed(self, tokens: list[int]) -> Tensor:
        """Read tokens, the first ones with the prompt; return their hidden states [N, D]."""
        ids = self._as_ids(tokens)
        if self._prefill is None:
            prompt = torch.cat((self._ids, ids), dim=1)
            self._prefill = self._model.prefill(prompt, self._visual, capacity=self._capacity)
            hidden = self._prefill.hidden[:, self._ids.shape[1] :]
        else:
            hidden = self._append(ids, self._prefill)
        self._fed += len(tokens)
        self._forwards += 1
        self._hidden = hidden[:, -1:]  # [1, 1, D]
        return hidden[0]

    def _append(self, ids: Tensor, prefill: Prefill) -> Tensor:
        model, past, count = self._model, prefill.cache.length, ids.shape[1]
        positions = torch.arange(past, past + count, device=ids.device)[None]
        bias = masks.causal_bias(past, count, model.dtype, ids.device) if count > 1 else None
        return model.transformer(model.transformer.wte(ids), positions, bias, prefill.cache)

    def _cut(self, fed: int) -> None:
        """Forget the reading of all tokens of the span from place `fed` on."""
        assert self._prefill is not None
        self._prefill.cache.truncate(self._ids.shape[1] + fed)
        self._fed = fed

    def _levels(self) -> Tensor:
        """Rows of the head that belong to depth codes, [levels, D]: no other token can be chosen."""
        first = self._depth.first
        return self._model.lm_head.weight[first : first + self._depth.num_levels]

    def _as_ids(self, tokens: list[int]) -> Tensor:
        return torch.tensor([tokens], dtype=self._ids.dtype, device=self._ids.device)
