# SPDX-License-Identifier: Apache-2.0
"""Whether the checkpoint is here, and made for this robot. Nothing is downloaded, and no weight is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.model.hub import missing_files
from molmoact2_ros.policy.handshake import check_handshake
from molmoact2_ros.policy.policy import PolicyError
from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.processor import Processor

from .check import Check, failed, ok, warning

NAME = "checkpoint"
_HEADER_LENGTH_BYTES = 8
_CONFIG = "config.json"


@dataclass(frozen=True)
class LocalCheckpoint:
    """What a name means on this machine: a folder, or None where it is still to be fetched."""

    name: str
    folder: Path | None


def find_checkpoint(name: str) -> LocalCheckpoint:
    """Find a folder, or the cached copy of a hub id with an optional `@revision`."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    folder = Path(name).expanduser()
    if folder.is_dir():
        return LocalCheckpoint(name, folder)
    repo_id, _, revision = name.partition("@")
    try:
        cached = try_to_load_from_cache(repo_id, _CONFIG, revision=revision or None)
    except HFValidationError:
        return LocalCheckpoint(name, None)
    return LocalCheckpoint(name, Path(cached).parent if isinstance(cached, str) else None)


def check_checkpoint(robot: Embodiment, checkpoint: LocalCheckpoint) -> Check:
    """Judge a checkpoint against the robot, as configure will."""
    expected = f"a checkpoint of norm tag {robot.policy.norm_tag}"
    name, folder = checkpoint.name, checkpoint.folder
    if folder is None:
        if name.startswith((".", "/", "~")) or name.count("/") != 1:
            return failed(NAME, f"there is no folder {name}", expected, "correct --checkpoint")
        repo_id, _, revision = name.partition("@")
        fetch = f"hf download {repo_id}" + (f" --revision {revision}" if revision else "")
        return warning(NAME, f"{name} is not on this machine yet", expected, f"fetch it first: {fetch}")
    missing = missing_files(folder)
    if missing:
        return failed(NAME, f"{folder} lacks {', '.join(missing)}", expected, "fetch the checkpoint anew")
    try:
        processor = Processor.load(folder)
        check_handshake(robot, processor.stats.tag(robot.policy.norm_tag))
    except (ProcessingError, PolicyError) as error:
        return failed(NAME, str(error), expected, "choose the checkpoint of this robot with --checkpoint")
    height, width = processor.image_size
    return ok(NAME, f"{name} fits the robot, images {width} x {height} px", expected)


def count_parameters(folder: Path) -> int:
    """Return the number of parameters in a folder's safetensors files, by their headers."""
    return sum(_parameters_in(path) for path in sorted(folder.glob("*.safetensors")))


def _parameters_in(path: Path) -> int:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_HEADER_LENGTH_BYTES), "little")
        header = json.loads(file.read(length))
    return sum(prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
