# SPDX-License-Identifier: Apache-2.0
"""The image half of the processor: `processor_config.json` applied to camera images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from molmoact2_ros.schema import brief

from .checkpoint_files import read_json, require_field, require_int, require_typed
from .errors import ProcessingError
from .images import ByteImage, FloatArray, IndexArray, patchify, pooling_windows, resize_bilinear

_FILE = "processor_config.json"
_SECTION = f"{_FILE} image_processor"
# PIL's number for bilinear, which the released files use.
_BILINEAR = 2


@dataclass(frozen=True)
class ImageEncoder:
    """Turn camera images into patches.

    Attributes:
        image_size: (height, width) in pixels of the vision encoder's input.
        patch_size: side of a patch in pixels.
        pool: rows and columns of a pooling window.
        column_tokens: whether the prompt carries a token at the end of each row of windows.
    """

    image_size: tuple[int, int]
    patch_size: int
    pool: tuple[int, int]
    column_tokens: bool

    @classmethod
    def load(cls, folder: Path) -> ImageEncoder:
        """Read the image settings of a checkpoint folder.

        Raises:
            ProcessingError: the file or a field is missing, has the wrong type, or asks for a preprocessing other than
                the robots'.
        """
        config = read_json(folder, _FILE)
        image = require_typed(config, "image_processor", dict, _FILE)
        _require_value(image, "crop_mode", "resize")
        _require_value(image, "resample", _BILINEAR)
        _require_value(image, "image_mean", [0.5, 0.5, 0.5])
        _require_value(image, "image_std", [0.5, 0.5, 0.5])
        size = require_typed(image, "size", dict, _SECTION)
        height, width = (require_int(size, side, f"{_SECTION} size", at_least=1) for side in ("height", "width"))
        patch_size = require_int(image, "patch_size", _SECTION, at_least=1)
        if height % patch_size or width % patch_size:
            raise ProcessingError(
                f"{_SECTION}: {brief(height)} x {brief(width)} does not divide into patches of {patch_size} pixels."
            )
        single_crop = config.get("use_single_crop_col_tokens") is not None
        return cls(
            image_size=(height, width),
            patch_size=patch_size,
            pool=_pool(image),
            column_tokens=require_typed(
                config, "use_single_crop_col_tokens" if single_crop else "image_use_col_tokens", bool, _FILE
            ),
        )

    @property
    def patch_grid(self) -> tuple[int, int]:
        """Rows and columns of patches in an image."""
        return self.image_size[0] // self.patch_size, self.image_size[1] // self.patch_size

    @property
    def token_grid(self) -> tuple[int, int]:
        """Rows and columns of image-patch tokens, one per pooling window, in an image."""
        rows, columns = self.patch_grid
        return -(-rows // self.pool[0]), -(-columns // self.pool[1])

    def encode(self, images: Sequence[ByteImage]) -> tuple[FloatArray, IndexArray]:
        """Resize and cut images.

        Args:
            images: `C` images uint8 [H, W, 3], RGB, in camera order; sizes may differ.

        Returns:
            float32 [C, P, patch * patch * 3] patches, and int64 [C * W, 4] their pooling windows, where the indices
            of image j are shifted by j * P.

        Raises:
            ProcessingError: there is no image, or one is not a colour image.
        """
        if not images:
            raise ProcessingError("The model needs at least one camera image, got none.")
        patches = [patchify(resize_bilinear(image, self.image_size), self.patch_size) for image in images]
        windows = pooling_windows(self.patch_grid, self.pool)
        step = self.patch_grid[0] * self.patch_grid[1]
        shifted = [np.where(windows < 0, -1, windows + index * step) for index in range(len(images))]
        return np.stack(patches), np.concatenate(shifted)

    def image_text(self) -> str:
        """Return the tokens that stand for one image in the prompt."""
        rows, columns = self.token_grid
        row = "<im_patch>" * columns + ("<im_col>" if self.column_tokens else "")
        return f"<im_start>{row * rows}<im_end>"


def _pool(image: dict[str, Any]) -> tuple[int, int]:
    pool = require_typed(image, "pooling_size", list, _SECTION)
    if len(pool) != 2 or not all(type(side) is int and side > 0 for side in pool):
        raise ProcessingError(
            f"{_SECTION} field 'pooling_size' must be two whole numbers of at least 1, not {brief(pool)}."
        )
    return pool[0], pool[1]


def _require_value(image: dict[str, Any], key: str, wanted: object) -> None:
    given = require_field(image, key, _SECTION)
    if given != wanted:
        raise ProcessingError(
            f"{_SECTION} has {key} = {brief(given)}, but robot checkpoints use {wanted!r}; this package does no other."
        )
