# SPDX-License-Identifier: Apache-2.0
"""Which depth codes may be used again, by what perception saw of their cells.

Perception states facts on pairs of images: "this cell looks as in observation N". A code decoded from N then still
stands. Who holds codes asks cell by cell, so it does not matter which observations and acknowledgements were lost,
repeated or overtaken, or what perception believed of the cache: a fact on other images than the code's is no use.

Axes: R references, C cells of the grid in reading order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CHANGED = 0  # in place of a sequence; sequences count from 1


def reusable_cells(unchanged_since: NDArray[np.uint64], decoded_at: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return which cells keep their code.

    Args:
        unchanged_since: [R, C] Observation.cells_unchanged_since; sequences of one instance of perception.
        decoded_at: [C] sequence of the observation that each code was decoded from, of the same instance; 0: no code.

    Returns:
        [C] True: the code still stands; False: decode the cell.
    """
    matches: NDArray[np.bool_] = (unchanged_since == decoded_at).any(axis=0) & (decoded_at != CHANGED)
    return matches
