# SPDX-License-Identifier: Apache-2.0
"""A checkpoint folder to break: the small files of the tiny checkpoint, without its weights."""

import json
import shutil
from pathlib import Path

import pytest

TINY = Path(__file__).parents[1] / "data" / "parity" / "tiny_base"


class EditableCheckpoint:
    """A copy of the tiny checkpoint's small files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for path in TINY.glob("*.json"):
            shutil.copy(path, folder)

    def edit(self, name: str, *keys: str, value: object) -> Path:
        """Set one field of a JSON file, None deletes it, and return the folder."""
        content = json.loads((self.folder / name).read_text())
        section = content
        for key in keys[:-1]:
            section = section[key]
        section[keys[-1]] = value
        if value is None:
            del section[keys[-1]]
        (self.folder / name).write_text(json.dumps(content))
        return self.folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> EditableCheckpoint:
    return EditableCheckpoint(tmp_path)
