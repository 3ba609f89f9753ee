# SPDX-License-Identifier: Apache-2.0
"""Pins that other sorts of checkpoints are recognised by their files, and the released layout never is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from molmoact2_ros.model.hub import REQUIRED_FILES, HubError, resolve_checkpoint
from molmoact2_ros.model.layout import foreign_folder, foreign_layout

RELEASED = (
    *REQUIRED_FILES,
    "model.safetensors.index.json",
    "model-00001-of-00005.safetensors",
    "modeling_molmoact2.py",
)


@pytest.mark.parametrize(
    "names", [RELEASED, REQUIRED_FILES, (*REQUIRED_FILES, "model.safetensors"), ("config.json",), ()]
)
def test_the_released_layout_is_no_other(names: tuple[str, ...]) -> None:
    assert foreign_layout(names) == ""


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("config.json", "model.safetensors", "policy_preprocessor.json"), "LeRobot's layout"),
        (("config.json", "model.safetensors", "train_config.json"), "LeRobot's layout"),
        (("adapter_config.json", "adapter_model.safetensors"), "PEFT (LoRA) adapter"),
        ((*RELEASED, "adapter_config.json"), "merge it into its base model"),
        (("config.yaml", "model_and_optim/.metadata"), "Ai2's training code"),
        (("config.json", "model-q4.gguf"), "GGUF"),
        (("config.json", "pytorch_model.bin"), "save them as safetensors"),
        (("pretrained_model/config.json", "pretrained_model/model.safetensors"), "its folder pretrained_model does"),
        (("config.json", "__0_0.distcp"), "a training run"),
        (("meta/info.json", "data/chunk-000/file-000.parquet"), "data set"),
    ],
)
def test_another_sort_is_named_with_what_to_do(names: tuple[str, ...], words: str) -> None:
    assert words in foreign_layout(names)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("config.json", {"type": "molmoact2"}, "has type 'molmoact2'"),
        ("config.json", {"model_type": "molmo2"}, "checkpoint of another model"),
        ("config.json", {"model_type": "molmoact2", "quantization_config": {"bits": 4}}, "quantised weights"),
        ("adapter_config.json", {"base_model_name_or_path": "lab/base"}, "its base model 'lab/base'"),
    ],
)
def test_a_folder_is_also_asked_for_what_its_files_say(tmp_path: Path, file: str, content: dict, words: str) -> None:
    (tmp_path / file).write_text(json.dumps(content))
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert words in foreign_folder(tmp_path)
    with pytest.raises(HubError, match=r"Ai2|adapter|quantised"):
        resolve_checkpoint(str(tmp_path))
