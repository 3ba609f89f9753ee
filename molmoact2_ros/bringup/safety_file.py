# SPDX-License-Identifier: Apache-2.0
"""Read the thresholds of safety from a file such as config/safety.yaml, as parameters of its node. No ROS in here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from molmoact2_ros.embodiment import share_folder
from molmoact2_ros.schema import Section, read_yaml


def shipped_safety_file() -> Path:
    """Return the file that comes with the package."""
    return share_folder() / "config" / "safety.yaml"


def load_safety_file(path: str | Path) -> dict[str, object]:
    """Return the thresholds that a file gives, the others at their defaults. A file of comments alone gives none.

    Raises:
        EmbodimentError: no such file, an unknown key, or a value of another type. The node refuses what lies out of
            range.
    """
    from molmoact2_ros.safety.settings import Settings  # loads MuJoCo with its room: not for every command's --help

    file = Path(path)
    content = read_yaml(file)
    section = Section({} if content is None else content, file.name)
    readers: dict[type, Callable[..., object]] = {bool: section.flag, int: section.integer, float: section.number}
    values = {field.name: readers[type(field.default)](field.name, field.default) for field in fields(Settings)}
    section.finish()
    return values
