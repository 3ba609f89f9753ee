# SPDX-License-Identifier: Apache-2.0
"""Pins properties of the network that the stored outputs do not reach: batches, padding, decoding, other grids.

The outputs themselves are compared in test/parity.
"""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from molmoact2_ros.model.action_expert import TimeEmbedding
from molmoact2_ros.model.config import MolmoAct2Config
from molmoact2_ros.model.decoding import append
from molmoact2_ros.model.kv_cache import KVCache
from molmoact2_ros.model.molmoact2 import MolmoAct2
from molmoact2_ros.model.vision import ImageTransformer, snap_to_uint8_grid

PATCH, EOS, TEXT, START, END, BIN = 770, 2, 100, 648, 649, 650


def _ids(*text: int) -> Tensor:
    """A prompt of one image and some text."""
    return torch.tensor([[EOS, 768, *[PATCH] * 9, 769, *text]])


def _visual(rows: int = 9) -> Tensor:
    return torch.randn(rows, 64, generator=torch.Generator().manual_seed(0))


def _context_of(model: MolmoAct2, ids: Tensor, visual: Tensor) -> list[Tensor]:
    context = model.project_context(model.prefill(ids, visual))
    return [*context.keys, *context.values]


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.inference_mode():
        yield


def test_a_batch_gives_what_its_rows_give_alone(tiny_model: MolmoAct2) -> None:
    first, second, visual = _ids(TEXT, 101), _ids(102, 103), _visual(18)
    both = _context_of(tiny_model, torch.cat((first, second)), visual)
    alone = _context_of(tiny_model, second, visual[9:])
    for batched, single in zip(both, alone, strict=True):
        torch.testing.assert_close(batched[1:], single, atol=1e-5, rtol=0)


def test_left_padding_changes_nothing_for_the_valid_tokens(tiny_model: MolmoAct2) -> None:
    ids, visual = _ids(TEXT, 101), _visual()
    padded = torch.cat((torch.zeros(1, 3, dtype=torch.int64), ids), dim=1)
    valid = torch.arange(padded.shape[1])[None] >= 3
    found = tiny_model.prefill(padded, visual, valid)
    torch.testing.assert_close(found.hidden[:, 3:], tiny_model.prefill(ids, visual).hidden, atol=1e-5, rtol=0)
    assert not found.visible[:, :3].any()


def test_tokens_fed_one_by_one_give_what_one_prefill_gives(tiny_model: MolmoAct2) -> None:
    visual, answer = _visual(), [START, BIN, BIN + 5]
    whole = tiny_model.prefill(_ids(TEXT, *answer), visual)
    stepped = tiny_model.prefill(_ids(TEXT), visual, capacity=whole.hidden.shape[1])
    hidden = [append(tiny_model, stepped, torch.tensor([[token]])) for token in answer]
    torch.testing.assert_close(torch.cat(hidden, 1), whole.hidden[:, -3:], atol=1e-5, rtol=0)


def test_image_tokens_see_later_ones_and_text_does_not(tiny_model: MolmoAct2) -> None:
    first, changed = _visual(), _visual()
    changed[-1] += 1
    a, b = (tiny_model.prefill(_ids(TEXT), visual).hidden for visual in (first, changed))
    assert (a[0, 2] != b[0, 2]).any(), "the first image token must see the last"
    assert torch.equal(a[0, 0], b[0, 0]), "the text before the image must not"


def test_the_mask_of_training_is_causal(tiny_model: MolmoAct2) -> None:
    ids = _ids(TEXT)
    bias = tiny_model.prompt_bias(ids, torch.ones_like(ids, dtype=torch.bool), bidirectional_images=False)
    assert torch.equal(bias[0, 0] == 0, torch.ones(13, 13).tril().bool())


def test_answers_and_end_tokens_are_hidden_from_the_expert(tiny_model: MolmoAct2) -> None:
    text = [TEXT, START, BIN, END, TEXT, END, TEXT, START, TEXT]
    visible = tiny_model.prefill(_ids(*text), _visual()).visible
    assert visible[0, 12:].tolist() == [True, False, False, False, True, True, True, False, False]
    assert visible[0, :2].tolist() == [False, True]


def test_added_ids_read_the_second_table_and_padding_the_first_row(tiny_model: MolmoAct2) -> None:
    table = tiny_model.transformer.wte
    found = table(torch.tensor([[-1, 767, 768, 895]]))
    expected = [table.embedding[0], table.embedding[767], table.new_embedding[0], table.new_embedding[127]]
    assert torch.equal(found[0], torch.stack(expected))


def test_padding_of_the_action_width_stays_zero_throughout(tiny_model: MolmoAct2) -> None:
    context = tiny_model.project_context(tiny_model.prefill(_ids(TEXT), _visual()))
    noise = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(1))
    other = noise.clone()
    other[..., 7:] = 9.0
    a, b = (tiny_model.integrate_flow(start, context, 7, 3) for start in (noise, other))
    assert a.shape == (1, 5, 7)
    assert torch.equal(a, b)


def test_the_cache_refuses_more_tokens_than_it_holds(tiny_model: MolmoAct2) -> None:
    prefill = tiny_model.prefill(_ids(TEXT), _visual())
    with pytest.raises(ValueError, match="holds 13 tokens, but 14 are needed"):
        append(tiny_model, prefill, torch.tensor([[TEXT]]))


def test_a_reset_cache_starts_over(tiny_model: MolmoAct2) -> None:
    cache = KVCache(tiny_model.config.language, 1, 4, torch.float32, torch.device("cpu"))
    cache.write(0, torch.ones(1, 2, 3, 16), torch.ones(1, 2, 3, 16))
    cache.advance(3)
    cache.reset()
    assert cache.flat(0)[0].shape == (1, 0, 32)


def test_another_image_grid_interpolates_the_learned_positions(tiny_model: MolmoAct2) -> None:
    vision = dataclasses.replace(tiny_model.config.vision, image_size=(42, 98))
    vit = ImageTransformer(vision)
    ramp = torch.arange(25.0).view(25, 1).expand(25, 32)
    vit.positional_embedding.copy_(ramp)
    grid = vit._positions()[:, 0].view(3, 7)
    assert (grid.diff(dim=0) > 0).all()
    assert (grid.diff(dim=1) > 0).all()


def test_interpolated_positions_are_those_of_float32_in_any_dtype(tiny_model: MolmoAct2) -> None:
    vit = ImageTransformer(dataclasses.replace(tiny_model.config.vision, image_size=(42, 98)))
    vit.positional_embedding.copy_(tiny_model.vision_backbone.image_vit.positional_embedding.bfloat16())
    wanted = vit._positions().to(torch.bfloat16)
    assert torch.equal(vit.to(torch.bfloat16)._positions(), wanted)


def test_one_time_frequency_is_one() -> None:
    sinusoid = TimeEmbedding(2, 8)._sinusoid(torch.tensor([0.25]))
    torch.testing.assert_close(sinusoid, torch.tensor([[np.sin(0.25), np.cos(0.25)]], dtype=torch.float32))


def test_pixels_are_put_on_the_cameras_grid() -> None:
    levels = torch.arange(256.0) / 255 * 2 - 1
    assert torch.equal(snap_to_uint8_grid(levels + 0.003), snap_to_uint8_grid(levels))
    assert snap_to_uint8_grid(torch.tensor([-3.0, 3.0])).tolist() == [-1.0, 1.0]


def test_image_tokens_must_match_the_image_vectors(tiny_model: MolmoAct2) -> None:
    with pytest.raises(ValueError, match="18 image-patch tokens, but the images give 9"):
        tiny_model.check_inputs(18, 9, 40)


@pytest.mark.parametrize("horizon", [0, 31])
def test_noise_beyond_the_trained_horizon_is_refused(tiny_model: MolmoAct2, horizon: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 30 steps in this checkpoint, but {horizon}"):
        tiny_model.draw_noise(1, horizon)


def test_noise_follows_its_generator(tiny_model: MolmoAct2) -> None:
    a, b = (tiny_model.draw_noise(1, 5, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(a, b)


def test_the_released_sizes_have_the_published_number_of_parameters(released_config: MolmoAct2Config) -> None:
    with torch.device("meta"):
        model = MolmoAct2(released_config)
    assert sum(p.numel() for p in model.parameters()) == 5_442_196_208
    assert sum(p.numel() for p in model.action_expert.parameters()) == 577_564_448
    assert np.prod(model.transformer.wte.embedding.shape) == 154_624 * 2560
