# SPDX-License-Identifier: Apache-2.0
"""Tiny checkpoints: same bytes for the same arguments, the released layout, and no harm to other folders."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.config import MolmoAct2Config
from molmoact2_ros.model.tiny import TinySizes, write_tiny_checkpoint
from molmoact2_ros.processing.processor import Processor

REFERENCE = Path(__file__).parents[1] / "data" / "parity" / "tiny_base"
TAGS = {"franka_droid": 8, "yam_dual_molmoact2": 14, "so100_so101_molmoact2": 6, "libero": 8}


def _written(folder: Path, seed: int = 0, think: bool = False, **sizes: int) -> Path:
    write_tiny_checkpoint(folder, seed, TinySizes(**sizes), think=think)
    return folder


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _config(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize("think", [False, True])
def test_same_arguments_give_the_same_bytes(tmp_path, think):
    first = _contents(_written(tmp_path / "a", seed=7, think=think))
    assert first == _contents(_written(tmp_path / "b", seed=7, think=think))


def test_another_seed_changes_every_weight_but_no_other_file(tmp_path):
    first, second = _written(tmp_path / "a", seed=0), _written(tmp_path / "b", seed=1)
    changed = {name for name, content in _contents(first).items() if content != _contents(second)[name]}
    assert changed == {"model.safetensors"}
    one, other = (load_file(folder / "model.safetensors") for folder in (first, second))
    same = {key for key in one if np.array_equal(one[key], other[key])}
    assert same == {"model.transformer.rotary_emb.inv_freq"}


def test_no_parameter_is_left_at_zero(tmp_path):
    weights = load_file(_written(tmp_path / "a", think=True) / "model.safetensors")
    assert all(np.all(values != 0) for values in weights.values())


def test_keys_files_and_config_fields_are_those_of_the_reference_checkpoint(tmp_path):
    folder = _written(tmp_path / "a")
    assert _contents(folder).keys() == _contents(REFERENCE).keys()
    assert load_file(folder / "model.safetensors").keys() == load_file(REFERENCE / "model.safetensors").keys()
    ours, theirs = _config(folder), _config(REFERENCE)
    assert theirs.keys() - ours.keys() == {"transformers_version"}
    for section in ("text_config", "vit_config", "adapter_config", "action_expert_config"):
        assert ours[section].keys() == theirs[section].keys()


def test_special_tokens_stand_in_the_released_order(tmp_path):
    def added(folder):
        content = json.loads((folder / "tokenizer.json").read_text())
        tokens = [token["content"] for token in content["added_tokens"]]
        return [token for token in tokens if not token.startswith("<extra_")]

    assert added(_written(tmp_path / "a")) == added(REFERENCE)


@pytest.mark.parametrize("layers", [1, 4])
def test_layers_set_both_the_language_model_and_the_action_expert(tmp_path, layers):
    config = MolmoAct2Config.load(_written(tmp_path / "a", layers=layers))
    assert (config.language.num_layers, config.expert.num_layers) == (layers, layers)


@pytest.mark.parametrize("think", [False, True])
@pytest.mark.parametrize("tag", TAGS)
@torch.inference_mode()
def test_every_tag_gives_finite_actions(tmp_path, tag, think):
    folder = _written(tmp_path / "a", think=think)
    model, processor = load_model(folder), Processor.load(folder)
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    inputs = processor.encode([image, image], "wave", np.zeros(TAGS[tag]), tag)
    visual = model.encode_images(torch.from_numpy(inputs.pixel_values), torch.from_numpy(inputs.pooling_index))
    context = model.project_context(model.prefill(torch.from_numpy(inputs.input_ids)[None], visual))
    stats = processor.stats.tag(tag)
    noise = model.draw_noise(1, stats.action_horizon)
    actions = processor.decode(model.integrate_flow(noise, context, len(stats.action.names))[0].numpy(), tag)
    assert actions.shape == (stats.action_horizon, len(stats.action.names))
    assert np.isfinite(actions).all()


def test_think_adds_depth_tokens_and_a_gate_per_layer(tmp_path):
    folder = _written(tmp_path / "a", think=True)
    tokens, config = Processor.load(folder).tokens, _config(folder)
    assert (tokens.num_depths, config["num_depth_codes"], config["enable_depth_reasoning"]) == (16, 16, True)
    gates = {key for key in load_file(folder / "model.safetensors") if "depth_gate" in key}
    expected = {f"model.action_expert_depth_gate.{i}.{leaf}" for i in range(3) for leaf in ("weight", "bias")}
    assert gates == expected


def test_template_words_are_single_tokens(tmp_path):
    tokenizer = Processor.load(_written(tmp_path / "a")).tokenizer
    tokens = tokenizer.encode(" The current state of the robot is").tokens
    assert tokens == ["ĠThe", "Ġcurrent", "Ġstate", "Ġof", "Ġthe", "Ġrobot", "Ġis"]


def test_an_earlier_tiny_checkpoint_is_replaced(tmp_path):
    folder = _written(tmp_path / "a", seed=0)
    assert _contents(_written(folder, seed=1)) == _contents(_written(tmp_path / "b", seed=1))


def test_a_folder_of_another_node_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(
        ValueError, match="is not empty and was not written by `molmoact2 tiny-checkpoint`; name another"
    ):
        _written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_tiny_checkpoint_with_a_foreign_file_is_refused(tmp_path):
    folder = _written(tmp_path / "a")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="name another folder"):
        _written(folder)


def test_a_checkpoint_of_another_origin_is_refused(tmp_path):
    (tmp_path / "config.json").write_bytes((REFERENCE / "config.json").read_bytes())
    with pytest.raises(ValueError, match="was not written by"):
        _written(tmp_path)


def test_a_file_as_target_is_refused(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(ValueError, match="is a file; name a folder"):
        _written(tmp_path / "a")


def test_impossible_numbers_are_refused(tmp_path):
    with pytest.raises(ValueError, match="expected at least 1 layer, got 0"):
        _written(tmp_path / "a", layers=0)
    with pytest.raises(ValueError, match="expected a seed of 0 or more, got -1"):
        _written(tmp_path / "a", seed=-1)
