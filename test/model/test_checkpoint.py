# SPDX-License-Identifier: Apache-2.0
"""Pins that weights load strictly: all wrong keys in one error, damaged files in one sentence, stale keys skipped."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from molmoact2_ros.model.checkpoint import CheckpointError, _batches, count_parameters, load_model
from molmoact2_ros.model.molmoact2 import MolmoAct2

LN_F = "model.transformer.ln_f.weight"
INV_FREQ = "model.transformer.rotary_emb.inv_freq"
STALE = ("model.action_expert.state_encoder.weight", "action_expert.blocks.0.cross_attn.kv_proj.bias")


def _same(a: MolmoAct2, b: MolmoAct2) -> bool:
    pairs = zip(a.named_parameters(), b.named_parameters(), strict=True)
    return all(x[0] == y[0] and torch.equal(x[1], y[1]) for x, y in pairs)


def test_shards_load_as_the_single_file_does(checkpoint: Any, tiny_model: MolmoAct2) -> None:
    checkpoint.split()
    assert _same(load_model(checkpoint.folder), tiny_model)


def test_weights_are_rounded_to_the_wanted_dtype(checkpoint: Any, tiny_model: MolmoAct2) -> None:
    found = load_model(checkpoint.folder, torch.bfloat16)
    assert torch.equal(found.lm_head.weight, tiny_model.lm_head.weight.to(torch.bfloat16))
    assert {parameter.dtype for parameter in found.parameters()} == {torch.bfloat16}


def test_loaded_weights_can_be_trained_and_none_is_left_on_meta(tiny_model: MolmoAct2) -> None:
    assert all(p.requires_grad and p.device.type == "cpu" for p in tiny_model.parameters())
    assert not list(tiny_model.buffers())


def test_unknown_missing_and_misshapen_keys_are_listed_together(checkpoint: Any) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["model.transformer.extra"] = tensors.pop(LN_F)
        tensors["lm_head.weight"] = torch.zeros(3, 4)

    checkpoint.edit_weights(change)
    with pytest.raises(CheckpointError) as error:
        load_model(checkpoint.folder)
    for part in (
        "1 unknown: model.transformer.extra",
        f"1 missing: {LN_F}",
        r"lm_head.weight [3, 4] instead of [768, 64]",
    ):
        assert part in str(error.value)


def test_a_tensor_that_is_not_floating_point_is_listed(checkpoint: Any) -> None:
    checkpoint.edit_weights(lambda tensors: tensors.update({LN_F: torch.ones(64, dtype=torch.int32)}))
    with pytest.raises(CheckpointError, match=f"{LN_F} of type I32"):
        load_model(checkpoint.folder)


def test_stale_keys_are_skipped_with_a_warning(checkpoint: Any, tiny_model: MolmoAct2) -> None:
    checkpoint.edit_weights(lambda tensors: tensors.update({key: torch.zeros(2) for key in STALE}))
    with pytest.warns(UserWarning, match="skipped 2 keys"):
        assert _same(load_model(checkpoint.folder), tiny_model)


def test_a_key_that_only_resembles_a_stale_one_is_unknown(checkpoint: Any) -> None:
    key = "model.action_expert.blocks.0.cross_attn.kv_projection.weight"
    checkpoint.edit_weights(lambda tensors: tensors.update({key: torch.zeros(2)}))
    with pytest.raises(CheckpointError, match=f"1 unknown: {key}"):
        load_model(checkpoint.folder)


def test_stored_rotary_frequencies_are_only_a_cross_check(checkpoint: Any, tiny_model: MolmoAct2) -> None:
    key = "model.transformer.rotary_emb.inv_freq"
    checkpoint.edit_weights(lambda tensors: tensors.update({key: tensors[key] * 2}))
    with pytest.warns(UserWarning, match="rope_theta 5e\\+06"):
        assert _same(load_model(checkpoint.folder), tiny_model)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_rotary_frequencies_of_another_shape_are_only_a_warning(checkpoint: Any, shape: tuple[int, ...]) -> None:
    checkpoint.edit_weights(lambda tensors: tensors.update({INV_FREQ: torch.ones(shape)}))
    with pytest.warns(UserWarning, match="rope_theta"):
        load_model(checkpoint.folder)


def test_rotary_frequencies_may_be_absent(checkpoint: Any, tiny_model: MolmoAct2) -> None:
    checkpoint.edit_weights(lambda tensors: tensors.pop(INV_FREQ))
    assert _same(load_model(checkpoint.folder), tiny_model)


def _renamed(rename: Callable[[str], str]) -> Callable[[dict[str, torch.Tensor]], None]:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        renamed = {rename(key): tensor for key, tensor in tensors.items()}
        tensors.clear()
        tensors.update(renamed)

    return change


@pytest.mark.parametrize(
    ("rename", "words"),
    [
        (lambda key: f"_orig_mod.{key}", r"`_orig_mod\.`, which torch\.compile puts there"),
        (lambda key: key.replace("model.", "model._orig_mod.", 1), r"`_orig_mod\.`, which torch\.compile"),
        (lambda key: f"module.{key}", r"`module\.`, which DistributedDataParallel"),
        (lambda key: f"model.{key}", r"all keys begin with `model\.`"),
        (lambda key: f"policy.net.{key}", r"all keys begin with `policy\.net\.`"),
        (lambda key: key.removeprefix("model."), r"all keys lack `model\.`"),
        (lambda key: f"base_model.model.{key}", r"`base_model\.model\.`, which PEFT"),
        (lambda key: key.replace("att_proj.", "att_proj.base_layer."), "LoRA adapters that are not merged"),
    ],
)
def test_keys_that_a_wrapper_renamed_are_recognised(checkpoint: Any, rename: Callable[[str], str], words: str) -> None:
    checkpoint.edit_weights(_renamed(rename))
    with pytest.raises(CheckpointError, match=words) as caught:
        load_model(checkpoint.folder)
    assert "missing" not in str(caught.value)


def test_a_git_lfs_pointer_is_named_with_what_to_run(checkpoint: Any) -> None:
    checkpoint.weights.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{0:064}\nsize 21800000000\n")
    with pytest.raises(CheckpointError, match=r"model\.safetensors is a git-lfs pointer.* run `git lfs pull`"):
        load_model(checkpoint.folder)


def test_an_error_over_many_keys_stays_short(checkpoint: Any) -> None:
    checkpoint.edit_weights(_renamed(lambda key: key[::-1] * 9))
    with pytest.raises(CheckpointError) as caught:
        load_model(checkpoint.folder)
    assert len(str(caught.value)) < 1000


def test_parameters_are_counted_from_headers_after_the_same_checks(checkpoint: Any, tiny_model: MolmoAct2) -> None:
    assert count_parameters(checkpoint.folder) == sum(each.numel() for each in tiny_model.parameters())
    checkpoint.edit_weights(lambda tensors: tensors.pop(LN_F))
    with pytest.raises(CheckpointError, match=f"1 missing: {LN_F}"):
        count_parameters(checkpoint.folder)


def test_sizes_that_no_tensor_can_have_are_refused_in_a_sentence(checkpoint: Any) -> None:
    for field in ("hidden_size", "intermediate_size"):
        checkpoint.edit_config(f"text_config.{field}", 2**31 - 2)
    checkpoint.edit_config("adapter_config.text_hidden_size", 2**31 - 2)
    with pytest.raises(CheckpointError, match="describes no network that can be built"):
        load_model(checkpoint.folder)


@pytest.mark.parametrize("missing_bytes", [1, 1000, 1_900_000, 1_982_410])
def test_a_truncated_file_is_named_with_its_length(checkpoint: Any, missing_bytes: int) -> None:
    size = checkpoint.weights.stat().st_size - missing_bytes
    with checkpoint.weights.open("r+b") as file:
        file.truncate(size)
    with pytest.raises(CheckpointError, match=rf"model\.safetensors holds {size} bytes, but .*download it again"):
        load_model(checkpoint.folder)


@pytest.mark.parametrize("damage", [b"\xff" * 8, b"\x10" + b"\0" * 7 + b"not json at all!", b""])
def test_a_corrupt_header_is_one_sentence(checkpoint: Any, damage: bytes) -> None:
    content = checkpoint.weights.read_bytes()
    checkpoint.weights.write_bytes(damage + content[len(damage) :] if damage else b"")
    with pytest.raises(CheckpointError, match="delete it and download it again"):
        load_model(checkpoint.folder)


def test_missing_shards_are_all_named(checkpoint: Any) -> None:
    first, second, _ = checkpoint.split()
    first.unlink()
    second.unlink()
    with pytest.raises(CheckpointError, match=re.escape(f"lacks {first.name}, {second.name} of 3 shards")):
        load_model(checkpoint.folder)


def test_a_key_stored_in_two_shards_is_refused(checkpoint: Any) -> None:
    first, second, _ = checkpoint.split()
    second.write_bytes(first.read_bytes())
    with pytest.raises(CheckpointError, match="is stored twice"):
        load_model(checkpoint.folder)


@pytest.mark.parametrize("index", ["", "[]", '{"weight_map": 3}'])
def test_an_index_that_is_none_is_refused(checkpoint: Any, index: str) -> None:
    checkpoint.weights.unlink()
    (checkpoint.folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(CheckpointError, match="is not an index of shards"):
        load_model(checkpoint.folder)


@pytest.mark.parametrize("name", [3, None, ["x"], "", "../model.safetensors"])
def test_an_index_that_holds_something_else_than_file_names_shows_it(checkpoint: Any, name: object) -> None:
    checkpoint.weights.unlink()
    (checkpoint.folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(CheckpointError, match=re.escape(f"must hold plain file names, but has {name!r} for a")):
        load_model(checkpoint.folder)


def test_a_header_whose_dtype_is_a_number_names_the_key(checkpoint: Any) -> None:
    header = json.dumps({"lm_head.weight": {"dtype": 3, "shape": [768, 64], "data_offsets": [0, 0]}}).encode()
    checkpoint.weights.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(CheckpointError, match=r"dtype of lm_head\.weight must be a text, but is 3.* download it again"):
        load_model(checkpoint.folder)


def test_a_folder_without_weights_is_refused(checkpoint: Any) -> None:
    checkpoint.weights.unlink()
    with pytest.raises(CheckpointError, match=r"neither model\.safetensors nor"):
        load_model(checkpoint.folder)


@pytest.mark.parametrize("per_layer", [True, False])
def test_the_gate_of_a_depth_checkpoint_is_loaded(checkpoint: Any, per_layer: bool) -> None:
    names = [f"{i}." for i in range(3)] if per_layer else [""]
    checkpoint.edit_config("action_expert_depth_gate", True)
    checkpoint.edit_config("action_expert_depth_gate_per_layer", per_layer)
    for name in names:
        gate = f"model.action_expert_depth_gate.{name}"
        new = {f"{gate}weight": torch.ones(1, 32), f"{gate}bias": torch.ones(1)}
        checkpoint.edit_weights(lambda tensors, new=new: tensors.update(new))
    assert sum(p.numel() for p in load_model(checkpoint.folder).action_expert_depth_gate.parameters()) == 33 * len(
        names
    )


def test_files_are_reopened_before_too_much_of_them_is_resident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("molmoact2_ros.model.checkpoint.REOPEN_AFTER_BYTES", 10)
    assert list(_batches({"a": 4, "b": 6, "c": 1, "big": 50, "d": 1})) == [["a", "b"], ["c"], ["big"], ["d"]]
