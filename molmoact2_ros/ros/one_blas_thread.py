# SPDX-License-Identifier: Apache-2.0
"""Import this before NumPy: it then computes in the thread that asks, and starts no others.

Those others would take the real-time priority of their process (see `realtime`), one on each core, and leave nothing to
the rest of the graph whenever one of these processes multiplies matrices. It gains nothing by them: its own are small.
"""

from __future__ import annotations

import os

# Read once, as the library is loaded. A shell may set them to more for other programs: here they do not count.
VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")

os.environ.update(dict.fromkeys(VARIABLES, "1"))
