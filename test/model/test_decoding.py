# SPDX-License-Identifier: Apache-2.0
"""Pins greedy decoding and how action tokens are found in an answer."""

import pytest
import torch

from molmoact2_ros.model.decoding import DecodingError, action_bins, generate
from molmoact2_ros.model.molmoact2 import MolmoAct2, Prefill

START, END, BIN, EOS, TEXT = 648, 649, 650, 2, 100

ANSWERS = [
    ([START, BIN, BIN + 7, END, EOS], [0, 7]),
    ([BIN, START, BIN + 7, END, BIN + 3, EOS], [7]),
    ([START, BIN, TEXT, BIN + 63, BIN + 64, END, EOS], [0, 63]),
    ([BIN + 1, BIN + 2, EOS], [1, 2]),
    ([START, BIN + 1, BIN + 2, EOS], [1, 2]),
    ([START, BIN + 1, END, START, BIN + 2, END, EOS], [1]),
]


def _prompt(model: MolmoAct2, room: int) -> Prefill:
    ids = torch.tensor([[EOS, TEXT, 101, 102]])
    return model.prefill(ids, torch.zeros(1, 64), capacity=ids.shape[1] + room)


@pytest.mark.parametrize(("answer", "bins"), ANSWERS)
def test_action_tokens_are_found_between_their_marks(tiny_model: MolmoAct2, answer: list[int], bins: list[int]) -> None:
    assert action_bins(answer, tiny_model.config.tokens) == bins


def test_an_answer_without_action_tokens_is_refused(tiny_model: MolmoAct2) -> None:
    with pytest.raises(DecodingError, match="3 tokens holds no action token"):
        action_bins([START, END, EOS], tiny_model.config.tokens)


def test_decoding_ends_with_the_end_token(tiny_model: MolmoAct2) -> None:
    def steer(step: int, logits: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(torch.tensor([[5, 6, EOS][step]]), logits.shape[-1]).float()

    with torch.inference_mode():
        assert generate(tiny_model, _prompt(tiny_model, 8), 8, steer) == [5, 6, EOS]


def test_decoding_without_an_end_token_is_an_error(tiny_model: MolmoAct2) -> None:
    def never(_: int, logits: torch.Tensor) -> torch.Tensor:
        logits[:, EOS] = -torch.inf
        return logits

    with torch.inference_mode(), pytest.raises(DecodingError, match="no end token within 4"):
        generate(tiny_model, _prompt(tiny_model, 4), 4, never)


def test_each_token_is_the_likeliest_after_all_before_it(tiny_model: MolmoAct2) -> None:
    seen: list[torch.Tensor] = []

    def watch(step: int, logits: torch.Tensor) -> torch.Tensor:
        seen.append(logits.clone())
        logits[:, EOS] = torch.inf if step == 3 else -torch.inf
        return logits

    with torch.inference_mode():
        tokens = generate(tiny_model, _prompt(tiny_model, 4), 4, watch)
        whole = tiny_model.prefill(torch.tensor([[EOS, TEXT, 101, 102, *tokens[:3]]]), torch.zeros(1, 64))
        expected = tiny_model.lm_head(whole.hidden[0, 3:])
    torch.testing.assert_close(torch.cat(seen), expected, atol=1e-4, rtol=0)
