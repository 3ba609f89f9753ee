# SPDX-License-Identifier: Apache-2.0
"""Whether the cells of two pictures differ.

The cosine is relative to a cell's brightness: 0.996 is a difference of 9 % of the cell's RMS level. On a bright cell
that is 16 grey levels, which hides real changes; on a dark one it is less than the noise of a sensor. The noise
statistic asks for a number of grey levels instead, in multiples of the sensor's own noise, wherever in the cell it is
largest; a change of exposure, which is one factor for all cells, is taken out first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.processing.depth_cells import cosines

from .cell_picture import CellPicture
from .change_settings import COSINE, ChangeSettings

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]


def changed_cells(reference: CellPicture, picture: CellPicture, settings: ChangeSettings, noise_levels: float) -> Mask:
    """Compare a picture with a reference.

    Args:
        reference: what it is held against; its cells may come from several frames.
        picture: cells of one frame.
        settings: statistic and threshold.
        noise_levels: the noise of a block mean's difference, grey levels; the cosine does not look at it.

    Returns:
        [C] True where the cell changed.
    """
    if settings.statistic == COSINE:
        return likeness(reference, picture) < np.float32(settings.limit)
    return difference_levels(reference, picture) > np.float32(settings.limit * noise_levels)


def likeness(reference: CellPicture, picture: CellPicture) -> FloatArray:
    """Return the cosine of each cell [C], as the reference implementation computes it."""
    return cosines(reference.values, picture.values, (reference.lengths, picture.lengths))


def difference_levels(reference: CellPicture, picture: CellPicture) -> FloatArray:
    """Return the largest difference of block means in each cell [C], in grey levels at the picture's exposure."""
    gain = np.float32(reference.gain_to(picture)) / reference.exposure  # [C]
    largest: FloatArray = np.abs(picture.blocks - reference.blocks * gain[:, None]).max(axis=1)
    return largest
