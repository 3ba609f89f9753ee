# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint says of every robot it was trained on: `norm_stats.json`, by norm tag.

Source: allenai/molmoact2 checkpoint converter (format molmoact2_norm_stats.v1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from molmoact2_ros.schema import brief, shortened

from .checkpoint_files import optional_list, read_json, require_int, require_typed
from .errors import ProcessingError
from .normalizer import MODES, Normalizer


@dataclass(frozen=True)
class TagStats:
    """One robot of a checkpoint.

    Attributes:
        norm_tag: its key in the file.
        setup: setup text of the prompt.
        control: control mode of the prompt.
        camera_keys: cameras in training order; empty where training shuffled them.
        action_horizon: rows in a chunk.
        n_action_steps: rows of a chunk meant to be executed; all of them where the file does not say.
        normalize_gripper: false where grippers pass the normalisers as they are.
        state: statistics of the state vector.
        action: statistics of an action row.
    """

    norm_tag: str
    setup: str
    control: str
    camera_keys: tuple[str, ...]
    action_horizon: int
    n_action_steps: int
    normalize_gripper: bool
    state: Normalizer
    action: Normalizer

    @classmethod
    def from_metadata(cls, norm_tag: str, metadata: dict[str, Any], mode: str, where: str) -> TagStats:
        """Read one entry of `metadata_by_tag`.

        Raises:
            ProcessingError: a field is missing or of the wrong type, or its statistics do not fit together.
        """
        horizon = require_int(metadata, "action_horizon", where, at_least=1)
        steps = horizon if metadata.get("n_action_steps") is None else require_int(metadata, "n_action_steps", where)
        if not 1 <= steps <= horizon:
            raise ProcessingError(
                f"{where} field 'n_action_steps' must be from 1 to action_horizon {horizon}, not {steps}."
            )
        return cls(
            norm_tag=norm_tag,
            setup=require_typed(metadata, "setup_type", str, where),
            control=require_typed(metadata, "control_mode", str, where),
            camera_keys=tuple(optional_list(metadata, "camera_keys", str, where)),
            action_horizon=horizon,
            n_action_steps=steps,
            normalize_gripper=require_typed(metadata, "normalize_gripper", bool, where),
            state=_normalizer(metadata, "state_stats", mode, where),
            action=_normalizer(metadata, "action_stats", mode, where),
        )


@dataclass(frozen=True)
class NormStats:
    """All robots of a checkpoint.

    Attributes:
        tags: the robots by norm tag.
        unusable: what is wrong with the entries of the others, by norm tag; each matters to its own robot alone.
    """

    tags: Mapping[str, TagStats]
    unusable: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path, filename: str = "norm_stats.json") -> NormStats:
        """Read the statistics of a checkpoint folder.

        Args:
            folder: checkpoint folder.
            filename: name of the file; `norm_stats_filename` of config.json.

        Raises:
            ProcessingError: the file is unusable as a whole: it or a field of it is missing or has the wrong type.
        """
        content = read_json(folder, filename)
        mode = require_typed(content, "norm_mode", str, filename)
        if mode not in MODES:
            raise ProcessingError(f"{filename} uses the norm_mode {brief(mode)}; known modes are {', '.join(MODES)}.")
        metadata_by_tag = require_typed(content, "metadata_by_tag", dict, filename)
        tags: dict[str, TagStats] = {}
        unusable: dict[str, str] = {}
        for tag in metadata_by_tag:
            try:
                metadata = require_typed(metadata_by_tag, tag, dict, f"{filename} metadata_by_tag")
                tags[tag] = TagStats.from_metadata(tag, metadata, mode, f"{filename} tag {brief(tag)}")
            except ProcessingError as error:
                unusable[tag] = str(error)
        return cls(tags, unusable)

    def tag(self, norm_tag: str) -> TagStats:
        """Return one robot.

        Raises:
            ProcessingError: its entry is unusable, or the tag is empty or not in the checkpoint; the known ones are
                listed.
        """
        if norm_tag in self.tags:
            return self.tags[norm_tag]
        if norm_tag in self.unusable:
            raise ProcessingError(self.unusable[norm_tag])
        given = f"has no norm tag '{norm_tag}'" if norm_tag else "needs a norm tag, none was given"
        known = shortened(", ".join(sorted({*self.tags, *self.unusable})) or "none: it has no robot at all")
        raise ProcessingError(f"The checkpoint {given}; choose one of {known}.")


def _normalizer(metadata: dict[str, Any], key: str, mode: str, where: str) -> Normalizer:
    return Normalizer.from_stats(require_typed(metadata, key, dict, where), mode, f"{where} {key}")
