# SPDX-License-Identifier: Apache-2.0
"""A copy of the tiny checkpoint to break, and one loaded model for those who only read it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.config import MolmoAct2Config
from molmoact2_ros.model.molmoact2 import MolmoAct2

DATA = Path(__file__).parents[1] / "data" / "parity"


class BreakableCheckpoint:
    """The tiny checkpoint in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("config.json", "model.safetensors"):
            shutil.copyfile(DATA / "tiny_base" / name, folder / name)

    @property
    def weights(self) -> Path:
        return self.folder / "model.safetensors"

    def edit_config(self, path: str, value: Any) -> None:
        """Set a field by its dotted path; None deletes it."""
        config = json.loads((self.folder / "config.json").read_text())
        *sections, field = path.split(".")
        section = config
        for name in sections:
            section = section[name]
        section[field] = value
        if value is None:
            del section[field]
        (self.folder / "config.json").write_text(json.dumps(config))

    def edit_weights(self, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
        tensors = load_file(self.weights)
        change(tensors)
        save_file(tensors, self.weights)

    def split(self, shards: int = 3) -> list[Path]:
        """Replace the single weight file by shards and an index, as the released checkpoints have them."""
        tensors = load_file(self.weights)
        self.weights.unlink()
        files = [self.folder / f"model-{i + 1:05}-of-{shards:05}.safetensors" for i in range(shards)]
        for i, file in enumerate(files):
            save_file({key: tensors[key] for key in list(tensors)[i::shards]}, file)
        weight_map = {key: files[i % shards].name for i, key in enumerate(tensors)}
        (self.folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
        return files


@pytest.fixture
def checkpoint(tmp_path: Path) -> BreakableCheckpoint:
    return BreakableCheckpoint(tmp_path)


@pytest.fixture(scope="session")
def tiny_model() -> MolmoAct2:
    return load_model(DATA / "tiny_base")


@pytest.fixture(scope="session")
def think_model() -> MolmoAct2:
    """A checkpoint with depth tokens, on a grid of 4 x 4 cells."""
    return load_model(DATA / "tiny_think")


@pytest.fixture(scope="session")
def released_config() -> MolmoAct2Config:
    """The sizes of the released checkpoints."""
    return MolmoAct2Config.load(Path(__file__).parents[2] / "benchmarks" / "data" / "released")
