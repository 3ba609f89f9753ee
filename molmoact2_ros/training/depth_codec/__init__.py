# SPDX-License-Identifier: Apache-2.0
"""Depth codes as labels: fit an auto-encoder, measure it, and estimate the depth of images that have none."""

from .fit import BATCH, STEPS, fit_depth_vae
from .score import DepthScore, score_codec
from .teacher import DEPTH_ANYTHING, DepthTeacher, TeacherError

__all__ = [
    "BATCH",
    "DEPTH_ANYTHING",
    "STEPS",
    "DepthScore",
    "DepthTeacher",
    "TeacherError",
    "fit_depth_vae",
    "score_codec",
]
