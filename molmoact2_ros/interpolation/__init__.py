# SPDX-License-Identifier: Apache-2.0
"""The chunk timeline: where each row belongs in time, seams between chunks, the brake that ends every command."""

from .home import rests_at_home
from .interpolator import Interpolator
from .settings import InterpolationSettings
from .statistics import Statistics

__all__ = [
    "InterpolationSettings",
    "Interpolator",
    "Statistics",
    "rests_at_home",
]
