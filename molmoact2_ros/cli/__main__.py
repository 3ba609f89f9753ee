# SPDX-License-Identifier: Apache-2.0
"""`python -m molmoact2_ros.cli` is `molmoact2`."""

import sys

from .main import main

sys.exit(main())
