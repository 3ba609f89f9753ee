# SPDX-License-Identifier: Apache-2.0
"""Depth images, and codes, as files: found, encoded, decoded, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from rich.progress import track

from molmoact2_ros.processing.depth_maps import fill_missing, read_depth_map, read_picture

from .plot import write_rank_picture

if TYPE_CHECKING:
    from molmoact2_ros.datasets.depth_code_file import DepthCodeFile
    from molmoact2_ros.model.depth_vae import DepthCodec

    from .teacher import DepthTeacher


def encode_file(
    path: Path, codec: DepthCodec, teacher: DepthTeacher | None, unit_m: float
) -> tuple[dict[str, Any], Any]:
    """Return what the frame is, and its codes [G, G]."""
    if teacher is not None:
        estimate = teacher.estimate(read_picture(path))
        codes = codec.encode(estimate) if teacher.is_metric else codec.encode_nearness(estimate)
        outside = round(codec.scale.outside(estimate), 4) if teacher.is_metric else 0.0
        return {"file": str(path), "source": "teacher", "missing": 0.0, "outside": outside}, codes
    depth_m = read_depth_map(path, unit_m)
    filled_m, is_png = fill_missing(depth_m, path), path.suffix.lower() == ".png"
    frame = {
        "file": str(path),
        "source": f"png16 x {unit_m} m" if is_png else "npy, m",
        "missing": round(float(np.isnan(depth_m).mean()), 4),
        "outside": round(codec.scale.outside(filled_m), 4),
    }
    return frame, codec.encode(filled_m)


def write_ranks(folder: Path, file: DepthCodeFile) -> None:
    """Draw codes as colours by their number, one PNG for each frame."""
    folder.mkdir(parents=True, exist_ok=True)
    num_codes = int(file.provenance.get("num_codes", file.codes.max() + 1))
    for name, codes in zip(frame_names(file), file.codes, strict=True):
        write_rank_picture(folder / f"{name}_codes.png", codes, num_codes)


def write_maps(folder: Path, file: DepthCodeFile, codec: DepthCodec) -> None:
    """Decode codes and write each frame as NPY and PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, codes in track(
        list(zip(frame_names(file), file.codes, strict=True)), "decode", disable=len(file.codes) == 1
    ):
        values = codec.decode(codes)
        kind = "depth" if codec.is_metric else "nearness"
        np.save(folder / f"{name}_{kind}.npy", values)
        levels = np.rint(values * 1000).astype(np.uint16) if codec.is_metric else np.rint(values * 255).astype(np.uint8)
        Image.fromarray(levels).save(folder / f"{name}_{kind}.png")


def frame_names(file: DepthCodeFile) -> list[str]:
    """Return a name for each frame: its file's, with its number in front where two files share one."""
    stems = [Path(str(frame.get("file", "frame"))).stem for frame in file.frames]
    if len(set(stems)) == len(stems):
        return stems
    return [f"{number:06d}_{stem}" for number, stem in enumerate(stems)]


def files_among(inputs: Sequence[Path], suffixes: Sequence[str]) -> list[Path]:
    """Return the files named, and those of the folders named."""
    found: list[Path] = []
    for path in inputs:
        if not path.exists():
            raise ValueError(f"there is no {path}")
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        usable = [file for file in inside if file.is_file() and file.suffix.lower() in suffixes]
        if not usable:
            raise ValueError(f"{path}: expected files that end in {', '.join(suffixes)}, found none")
        found += usable
    return found
