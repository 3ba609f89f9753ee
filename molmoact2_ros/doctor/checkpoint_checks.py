# SPDX-License-Identifier: Apache-2.0
"""Whether the checkpoint is here, and made for this robot. Nothing is downloaded, and no weight is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.model.hub import missing_files, refuse_foreign
from molmoact2_ros.policy.handshake import check_handshake
from molmoact2_ros.processing.processor import Processor

from .check import Check, failed, ok, warning

NAME = "checkpoint"
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
    """Judge a checkpoint as configure will, by the loader's own code; its weights are not read."""
    from molmoact2_ros.model.checkpoint import count_parameters  # imports torch, which takes seconds

    expected = f"a checkpoint of norm tag {robot.policy.norm_tag}"
    name, folder = checkpoint.name, checkpoint.folder
    if folder is None:
        return _not_here(name, expected)
    try:
        refuse_foreign(folder)
        missing = missing_files(folder)
        if missing:
            return failed(NAME, f"{folder} lacks {', '.join(missing)}", expected, "fetch the checkpoint again")
        processor = Processor.load(folder)
        check_handshake(robot, processor.stats.tag(robot.policy.norm_tag))
        count_parameters(folder)
    except (ValueError, OSError) as error:  # those of hub, processor, handshake, config and weights
        return failed(
            NAME, str(error), expected, "correct it, or choose the checkpoint of this robot with --checkpoint"
        )
    height, width = processor.image_size
    return ok(NAME, f"{name} fits the robot, images {width} x {height} px", expected)


def check_statistics(robot: Embodiment, checkpoint: LocalCheckpoint) -> Iterator[Check]:
    """Warn of statistics that can be used and make little sense; nothing of a checkpoint that cannot be used."""
    if checkpoint.folder is None:
        return
    try:
        tag = Processor.load(checkpoint.folder).stats.tag(robot.policy.norm_tag)
        doubts = check_handshake(robot, tag)
    except (ValueError, OSError):
        return  # `check_checkpoint` says it
    for doubt in doubts:
        yield warning("checkpoint statistics", doubt, "joints that move", "compute them on more varied data")


def parameters_of(checkpoint: LocalCheckpoint) -> int | None:
    """Return the number of parameters of a checkpoint that can be loaded, else None."""
    from molmoact2_ros.model.checkpoint import count_parameters

    try:
        return count_parameters(checkpoint.folder) if checkpoint.folder else None
    except (ValueError, OSError):
        return None


def _not_here(name: str, expected: str) -> Check:
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        return failed(NAME, f"there is no folder {name}", expected, "correct --checkpoint")
    repo_id, _, revision = name.partition("@")
    fetch = f"hf download {repo_id}" + (f" --revision {revision}" if revision else "")
    return warning(NAME, f"{name} is not on this machine yet", expected, f"fetch it first: {fetch}")
