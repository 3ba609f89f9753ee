# SPDX-License-Identifier: Apache-2.0
"""What the processor hands to the network for one observation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ModelInputs:
    """Inputs of one observation; `C` cameras, `P` patches per image, `W` pooling windows per image, `S` tokens.

    Attributes:
        input_ids: int64 [S], starts with the beginning-of-sequence token.
        pixel_values: float32 [C, P, patch * patch * 3], in -1 to 1.
        pooling_index: int64 [C * W, 4], rows of the flattened [C * P] patches; -1 is a place outside the image.
        prompt: the text before the image placeholders were expanded.
    """

    input_ids: NDArray[np.int64]
    pixel_values: NDArray[np.float32]
    pooling_index: NDArray[np.int64]
    prompt: str
