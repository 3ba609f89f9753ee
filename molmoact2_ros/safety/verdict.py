# SPDX-License-Identifier: Apache-2.0
"""The evidence that comes with every refusal and every stop."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .causes import Cause


@dataclass(frozen=True)
class Verdict:
    """Why motion may not go on.

    `text` is one sentence for the operator. `joint` is empty and `step` (point of the command, from 0) is -1 where the
    cause names none; `value` broke `limit`, both in the unit of the check, NaN where there is no such number.
    """

    cause: Cause
    text: str
    joint: str = ""
    step: int = -1
    value: float = math.nan
    limit: float = math.nan
