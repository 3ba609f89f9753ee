# SPDX-License-Identifier: Apache-2.0
"""Teaching depth to a demo checkpoint, in a few steps: what it keeps, what it adds, what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from molmoact2_ros.embodiment import Embodiment, share_folder
from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.tiny import write_tiny_checkpoint
from molmoact2_ros.policy.handshake import check_handshake
from molmoact2_ros.processing.norm_stats import NormStats
from molmoact2_ros.sim import DemoMotion
from molmoact2_ros.training.demo import DepthScenes, fit_think

pytestmark = pytest.mark.slow

DROID = Embodiment.load("droid")
BASE = share_folder() / "checkpoints" / f"demo_{DROID.policy.norm_tag}"


def _scenes(count: int = 4) -> DepthScenes:
    """Grey images and codes that count up."""
    states = DemoMotion.of(DROID).draw_states(count, np.random.default_rng(0))
    images = [[np.full((70, 70, 3), 60 + 20 * scene, np.uint8)] * 2 for scene in range(count)]
    return DepthScenes(states, images, np.tile(np.arange(100), (count, 1)), "some_codec@0123")


def _fitted(folder: Path, steps: int = 2) -> list[float]:
    torch.set_num_threads(1)
    losses: list[float] = []
    fit_think(folder, DROID, BASE, _scenes(), steps=steps, batch=4, on_step=lambda _, loss: losses.append(loss))
    return losses


def test_result_has_depth_and_passes_the_handshake(tmp_path: Path) -> None:
    _fitted(tmp_path / "a")
    depth = load_model(tmp_path / "a").config.depth
    assert depth is not None
    assert (depth.side, depth.num_levels, depth.codec) == (10, 128, "some_codec@0123")
    check_handshake(DROID, NormStats.load(tmp_path / "a").tag(DROID.policy.norm_tag))


def test_it_starts_from_the_demo_checkpoint_and_leaves_its_eyes_and_words_alone(tmp_path: Path) -> None:
    _fitted(tmp_path / "a")
    base, model = load_model(BASE), load_model(tmp_path / "a")
    for name, weight in base.vision_backbone.named_parameters():
        assert torch.equal(model.vision_backbone.get_parameter(name), weight), name
    words, new = (one.transformer.wte.embedding for one in (base, model))
    assert torch.equal(new[: model.config.depth.output], words[: model.config.depth.output])
    ours, theirs = (one.transformer.blocks.state_dict() for one in (model, base))
    near = [torch.nn.functional.cosine_similarity(ours[key].flatten(), theirs[key].flatten(), dim=0) for key in theirs]
    assert min(near) > 0.99  # two steps away


def test_depth_is_learnt(tmp_path: Path) -> None:
    losses = _fitted(tmp_path / "a", steps=100)
    thinking = losses[1::2]  # every other step has depth; the last sixth polishes the flow and cannot be compared
    assert np.mean(thinking[36:41]) < 0.7 * np.mean(thinking[:5])


def test_another_checkpoint_is_refused_before_any_work(tmp_path: Path) -> None:
    write_tiny_checkpoint(tmp_path / "a")
    with pytest.raises(ValueError, match="was not written by `molmoact2 fit-demo`"):
        _fitted(tmp_path / "a")


def test_nothing_to_do_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected at least 1 step and 1 example"):
        _fitted(tmp_path / "a", steps=0)
