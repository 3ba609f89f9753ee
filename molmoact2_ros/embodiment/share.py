# SPDX-License-Identifier: Apache-2.0
"""Where the package's data files lie: next to the code in a checkout, under share/ once installed."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = "molmoact2_ros"


def share_folder() -> Path:
    """Return the folder that holds config/, urdf/, launch/ and checkpoints/.

    Raises:
        FileNotFoundError: neither a checkout nor an installed share/molmoact2_ros is found.
    """
    package = Path(__file__).absolute().parents[1]
    prefixes = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    candidates = [package.parent, *(parent / "share" / PACKAGE for parent in [*package.parents, *prefixes])]
    for candidate in candidates:
        if (candidate / "config" / "embodiments").is_dir():
            return candidate
    looked = ", ".join(str(candidate) for candidate in candidates)
    raise FileNotFoundError(f"expected the data files of {PACKAGE} in one of: {looked}; reinstall the package")
