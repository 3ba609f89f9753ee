# SPDX-License-Identifier: Apache-2.0
"""A file of depth codes: JSON for people and programs, NPZ where there are many; both say what made the codes."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.schema import shortened

FORMAT = "molmoact2 depth codes 1"
SUFFIXES = (".json", ".npz")


@dataclass(frozen=True, eq=False)
class DepthCodeFile:
    """The codes of some frames.

    Attributes:
        codes: int64 [N, G, G], rows from above.
        frames: for each what it is: `file`, `source`, `missing` and `outside` (parts of its pixels that were
            filled, or lie outside the codec's range).
        provenance: what made the codes: `codec`, `num_codes`, `scale` and, where there was one, `teacher`.
    """

    codes: NDArray[np.int64]
    frames: Sequence[dict[str, Any]]
    provenance: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write JSON or NPZ, as the name ends.

        Raises:
            ProcessingError: the name ends otherwise.
        """
        require_suffix(path)
        head = {"format": FORMAT, **self.provenance, "grid": list(self.codes.shape[1:])}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".npz":
            facts = json.dumps({**head, "frames": list(self.frames)})
            np.savez_compressed(path, codes=self.codes.astype(np.uint16), facts=np.array(facts))
            return
        rows = [
            {**frame, "codes": codes.ravel().tolist()} for frame, codes in zip(self.frames, self.codes, strict=True)
        ]
        lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)  # one frame a line
        text = json.dumps(head, indent=1)[:-2]
        path.write_text(f'{text},\n "frames": [\n{lines}\n ]\n}}\n', encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> DepthCodeFile:
        """Read what `write` wrote.

        Raises:
            ProcessingError: it is something else.
        """
        require_suffix(path)
        try:
            facts, codes = _read_npz(path) if path.suffix == ".npz" else _read_json(path)
            if facts.pop("format") != FORMAT:
                raise ValueError("another format")
            codes = codes.reshape(-1, *facts.pop("grid"))
            frames = facts.pop("frames")
            if codes.ndim != 3 or len(codes) != len(frames):
                raise ValueError(f"{len(frames)} frames and codes of the shape {codes.shape}")
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
            zipfile.BadZipFile,
        ) as error:
            raise ProcessingError(
                f"{path} holds no depth codes ({shortened(f'{type(error).__name__}: {error}', 150)}): expected a file "
                "that `molmoact2 depth-codes` wrote"
            ) from error
        return cls(codes, frames, facts)


def require_suffix(path: Path) -> None:
    """Raise ProcessingError if the name of a file of codes ends in neither .json nor .npz."""
    if path.suffix not in SUFFIXES:
        raise ProcessingError(f"{path}: a file of depth codes ends in {' or '.join(SUFFIXES)}")


def _read_npz(path: Path) -> tuple[dict[str, Any], NDArray[np.int64]]:
    with np.load(path, allow_pickle=False) as archive:
        return json.loads(str(archive["facts"])), archive["codes"].astype(np.int64)


def _read_json(path: Path) -> tuple[dict[str, Any], NDArray[np.int64]]:
    facts = json.loads(path.read_text(encoding="utf-8"))
    codes = np.array([frame.pop("codes") for frame in facts["frames"]])
    if codes.dtype.kind != "i":
        raise ValueError("codes must be whole numbers")
    return facts, codes.astype(np.int64)
