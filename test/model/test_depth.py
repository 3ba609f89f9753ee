# SPDX-License-Identifier: Apache-2.0
"""Pins depth reasoning: draft and verification give what token by token gives, in as few passes as promised.

The reference is written here again: it reads prompt and span from the start for every token.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.decoding import DecodingError, generate
from molmoact2_ros.model.depth import DepthDraft, DepthReading, closing_tokens, read_depth
from molmoact2_ros.model.molmoact2 import MolmoAct2
from molmoact2_ros.model.tiny import TinySizes, write_tiny_checkpoint

PROMPT_TOKENS = 12
SHARES = (0.0, 0.01, 0.1, 0.5, 1.0)
PROMPTS, DRAFTS_PER_SHARE = 10, 10  # 500 cases with the five shares
SMALL = TinySizes(layers=1, text_width=32, text_mlp_width=32, depth_codes=64, depth_levels=128)


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def _prompt(model: MolmoAct2, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(3, 600, (1, PROMPT_TOKENS), generator=torch.Generator().manual_seed(seed))
    return ids, torch.zeros(1, model.config.language.width)


def _ends_at_once(model: MolmoAct2, after: int = 0):
    def steer(step: int, logits: torch.Tensor) -> torch.Tensor:
        token = model.config.depth.end if step >= after else 100
        return torch.nn.functional.one_hot(torch.tensor([token]), logits.shape[-1]).float()

    return steer


def _read(model: MolmoAct2, seed: int, draft: DepthDraft | None = None, after: int = 0, room: int = 0) -> DepthReading:
    return read_depth(model, *_prompt(model, seed), draft, room=room, closing_hook=_ends_at_once(model, after))


def _from_scratch(model: MolmoAct2, seed: int, draft: DepthDraft | None = None) -> list[int]:
    """Decode token by token, and read everything again for each."""
    (ids, visual), depth, codes = _prompt(model, seed), model.config.depth, []
    for cell in range(depth.num_cells):
        span = [depth.start, *(depth.first + code for code in codes)]
        hidden = model.prefill(torch.cat((ids, torch.tensor([span])), 1), visual).hidden[0, -1]
        best = int(model.lm_head(hidden)[depth.first : depth.first + depth.num_levels].argmax())
        codes.append(draft.codes[cell] if draft and draft.keep[cell] else best)
    return codes


def _altered(codes: tuple[int, ...], levels: int, share: float, random: np.random.Generator) -> DepthDraft:
    chosen = random.choice(len(codes), round(share * len(codes)), replace=False)
    wrong = np.array(codes)
    wrong[chosen] = (wrong[chosen] + random.integers(1, levels, len(chosen))) % levels
    return DepthDraft(wrong.tolist(), [False] * len(codes))


def test_without_a_draft_each_code_takes_one_pass(think_model: MolmoAct2) -> None:
    for seed in range(10):
        reading = _read(think_model, seed)
        assert list(reading.codes) == _from_scratch(think_model, seed)
        assert reading.forwards == think_model.config.depth.num_cells + 1


@pytest.fixture(scope="module")
def grid_of_64(tmp_path_factory: pytest.TempPathFactory) -> MolmoAct2:
    folder: Path = tmp_path_factory.mktemp("think")
    write_tiny_checkpoint(folder, 3, SMALL, think=True)
    return load_model(folder)


@pytest.mark.parametrize("share", SHARES)
def test_any_draft_gives_what_token_by_token_gives_in_one_pass_more_than_its_errors(
    grid_of_64: MolmoAct2, share: float
) -> None:
    random = np.random.default_rng(round(100 * share))
    for seed in range(PROMPTS):
        truth = _read(grid_of_64, seed)
        for _ in range(DRAFTS_PER_SHARE):
            draft = _altered(truth.codes, 128, share, random)
            reading = _read(grid_of_64, seed, draft)
            assert (reading.codes, reading.tokens) == (truth.codes, truth.tokens)
            assert reading.forwards <= round(64 * share) + 1


@pytest.mark.parametrize("seed", range(20))
def test_kept_cells_keep_their_code_and_the_others_are_decoded_after_them(think_model: MolmoAct2, seed: int) -> None:
    random = np.random.default_rng(seed)
    codes, keep = random.integers(0, 16, 16).tolist(), (random.random(16) < random.random()).tolist()
    draft = DepthDraft(codes, keep)
    reading, expected = _read(think_model, seed, draft), _from_scratch(think_model, seed, draft)
    assert list(reading.codes) == expected
    assert reading.forwards <= sum(code != found for code, found in zip(codes, expected, strict=True)) + 1


def test_a_map_of_kept_cells_alone_takes_the_one_pass_that_reads_the_prompt(think_model: MolmoAct2) -> None:
    draft = DepthDraft([3] * 16, [True] * 16)
    reading = _read(think_model, 0, draft)
    assert (reading.codes, reading.forwards) == ((3,) * 16, 1)


@pytest.mark.parametrize("wrong", [0, 1, 16])
def test_what_is_in_the_cache_does_not_depend_on_the_draft(think_model: MolmoAct2, wrong: int) -> None:
    truth = _read(think_model, 5, after=2)
    draft = _altered(truth.codes, 16, wrong / 16, np.random.default_rng(0))
    reading = _read(think_model, 5, draft, after=2)
    assert reading.tokens == truth.tokens
    assert reading.prefill.cache.length == PROMPT_TOKENS + len(truth.tokens)
    for layer in range(3):
        for found, expected in zip(reading.prefill.cache.flat(layer), truth.prefill.cache.flat(layer), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(reading.prefill.hidden, truth.prefill.hidden, atol=1e-4, rtol=1e-4)


def test_reading_on_after_the_map_is_as_if_all_had_been_the_prompt(think_model: MolmoAct2) -> None:
    reading = _read(think_model, 1, room=1)
    ids, visual = _prompt(think_model, 1)
    whole = think_model.prefill(torch.cat((ids, torch.tensor([reading.tokens])), 1), visual, capacity=80)
    torch.testing.assert_close(reading.prefill.hidden, whole.hidden[:, -1:], atol=1e-4, rtol=1e-4)
    assert torch.equal(reading.prefill.visible, whole.visible)
    assert torch.equal(reading.prefill.is_depth, whole.is_depth)

    def end(_: int, logits: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(torch.tensor([2]), logits.shape[-1]).float()

    assert generate(think_model, reading.prefill, 1, end) == [2]


@pytest.mark.parametrize("draft", [None, DepthDraft([0] * 16, [True] * 16)], ids=["no draft", "all kept"])
def test_a_map_that_does_not_end_is_refused(think_model: MolmoAct2, draft: DepthDraft | None) -> None:
    limit = closing_tokens(think_model)
    with pytest.raises(DecodingError, match=f"did not end within {limit} tokens after its 16 codes"):
        _read(think_model, 0, draft, after=limit)
    assert len(_read(think_model, 0, draft, after=limit - 1).tokens) == 1 + 16 + limit


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        (DepthDraft([0] * 15, [False] * 15), "15 codes and 15 marks was given, but the depth grid has 16 cells"),
        (DepthDraft([0] * 16, [False] * 4), "16 codes and 4 marks"),
        (DepthDraft([0] * 15 + [16], [False] * 16), "depth codes are 0 to 15"),
    ],
)
def test_a_draft_that_does_not_fit_the_grid_is_refused(think_model: MolmoAct2, draft: DepthDraft, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _read(think_model, 0, draft)


def test_a_checkpoint_without_depth_and_a_batch_are_refused(tiny_model: MolmoAct2, think_model: MolmoAct2) -> None:
    with pytest.raises(ValueError, match="no depth tokens"):
        read_depth(tiny_model, *_prompt(tiny_model, 0))
    ids, visual = _prompt(think_model, 0)
    with pytest.raises(ValueError, match="one prompt at a time, but 2 were given"):
        read_depth(think_model, ids.repeat(2, 1), visual)
