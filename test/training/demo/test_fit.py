# SPDX-License-Identifier: Apache-2.0
"""The fit of the demo's checkpoint, in a few steps: what it writes, what it repeats, what it refuses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from molmoact2_ros.embodiment import Affine, Embodiment
from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.tiny import write_tiny_checkpoint
from molmoact2_ros.policy.handshake import check_handshake
from molmoact2_ros.processing.norm_stats import NormStats
from molmoact2_ros.processing.processor import Processor
from molmoact2_ros.sim import DemoMotion
from molmoact2_ros.training.demo import fit_demo
from molmoact2_ros.training.demo.examples import ExampleSource
from molmoact2_ros.training.demo.fit import norm_tag, smooth_tokens

pytestmark = pytest.mark.slow

DROID = Embodiment.load("droid")


def _fitted(folder: Path, steps: int = 2, seed: int = 0) -> list[float]:
    torch.set_num_threads(1)
    losses: list[float] = []
    fit_demo(folder, [DROID], seed=seed, steps=steps, batch=4, on_step=lambda _, loss: losses.append(loss))
    return losses


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _source(folder: Path) -> tuple[ExampleSource, Processor]:
    write_tiny_checkpoint(folder, tags=dict([norm_tag(DROID)]))
    processor = Processor.load(folder)
    return ExampleSource(DROID, load_model(folder), processor, np.random.default_rng(0)), processor


def test_result_loads_and_passes_the_handshake(tmp_path):
    _fitted(tmp_path / "a")
    load_model(tmp_path / "a")
    check_handshake(DROID, NormStats.load(tmp_path / "a").tag(DROID.policy.norm_tag))


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        _fitted(tmp_path / name, seed=seed)
    assert _contents(tmp_path / "a") == _contents(tmp_path / "b")
    assert _contents(tmp_path / "a") != _contents(tmp_path / "c")


def test_training_lowers_the_loss(tmp_path):
    losses = _fitted(tmp_path / "a", steps=72)
    assert len(losses) == 72
    polish = 60  # the rest is drawn where the flow ends, and cannot be compared
    assert np.mean(losses[polish - 10 : polish]) < 0.9 * np.mean(losses[:10])


def test_an_interrupted_fit_leaves_the_folder_alone(tmp_path):
    _fitted(tmp_path / "a")
    before = _contents(tmp_path / "a")

    def interrupt(_step: int, _loss: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_demo(tmp_path / "a", [DROID], seed=1, steps=2, batch=4, on_step=interrupt)
    assert _contents(tmp_path / "a") == before


def test_another_checkpoint_is_refused_before_any_work(tmp_path):
    write_tiny_checkpoint(tmp_path / "a")
    with pytest.raises(ValueError, match="was not written by `molmoact2 fit-demo`"):
        _fitted(tmp_path / "a")


@pytest.mark.parametrize(("robots", "steps", "batch"), [([], 1, 1), ([DROID], 0, 1), ([DROID], 1, 0)])
def test_nothing_to_do_is_refused(tmp_path, robots, steps, batch):
    with pytest.raises(ValueError, match="expected at least 1 robot, 1 step and 1 example"):
        fit_demo(tmp_path / "a", robots, steps=steps, batch=batch)


def test_examples_start_at_the_state_that_their_tokens_stand_for(tmp_path):
    source, processor = _source(tmp_path)
    examples, tokens = source.draw(16), processor.tokens
    tag = processor.stats.tag(DROID.policy.norm_tag)
    first = int((examples.ids[0] == tokens.state_start).nonzero()) + 1
    levels = examples.ids[:, first : first + len(DROID.joints)].numpy() - tokens.first_state
    assert (examples.ids[:, first + len(DROID.joints)] == tokens.state_end).all()
    arm = ~DROID.is_gripper
    states = tag.state.unnormalize(2 * levels / 255 - 1)
    starts = tag.action.unnormalize(examples.actions[:, 0, : len(DROID.joints)].numpy())
    np.testing.assert_allclose(starts[:, arm], states[:, arm], atol=1e-5)


def test_examples_mark_the_padding_of_the_action_row(tmp_path):
    examples = _source(tmp_path)[0].draw(3)
    assert examples.real.sum(1).tolist() == [len(DROID.joints)] * 3
    assert not examples.actions[..., len(DROID.joints) :].any()


def test_norm_tag_leaves_a_gripper_of_0_to_1_raw_and_scales_one_in_percent():
    assert norm_tag(DROID)[1]["action_stats"]["mask"] == [True] * 7 + [False]
    percent = replace(DROID, joints=(*DROID.joints[:7], replace(DROID.joints[7], policy=Affine(100.0, 0.0))))
    assert norm_tag(percent)[1]["normalize_gripper"] is True
    assert norm_tag(percent)[1]["action_stats"]["q99"][-1] == 100.0


def test_norm_tag_range_is_that_of_the_motion():
    stats, motion = norm_tag(DROID)[1]["state_stats"], DemoMotion.of(DROID)
    np.testing.assert_allclose(stats["q01"][:7], motion.low[:7], atol=1e-8)
    np.testing.assert_allclose(stats["q99"][:7], motion.high[:7], atol=1e-8)


def test_smooth_tokens_makes_neighbours_similar_and_far_states_different(tmp_path):
    write_tiny_checkpoint(tmp_path / "a")
    model, tokens = load_model(tmp_path / "a"), Processor.load(tmp_path / "a").tokens
    smooth_tokens(model, tokens.first_state, tokens.num_states)
    curve = model.transformer.wte.embedding[tokens.first_state : tokens.first_state + tokens.num_states].detach()
    steps = (curve[1:] - curve[:-1]).norm(dim=1)
    assert steps.max() < 0.05 * (curve[-1] - curve[0]).norm()
