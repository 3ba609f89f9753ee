# SPDX-License-Identifier: Apache-2.0
"""The tuning refuses what cannot work, in a sentence that names the value."""

from __future__ import annotations

from typing import Any

import pytest

from molmoact2_ros.interpolation import InterpolationSettings


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"executed_steps": 1}, "executed_steps: expected 0 .* at least 2, got 1"),
        ({"executed_steps": -3}, "executed_steps: expected 0"),
        ({"blend_s": 0.0}, "blend_s: expected a positive number, got 0.0"),
        ({"ramp_s": float("nan")}, "ramp_s: expected a positive number, got nan"),
        ({"brake_acceleration_ratio": 1.5}, "brake_acceleration_ratio: expected at most 1, got 1.5"),
        ({"mode": "magic"}, "mode: expected one of receding, ensemble, rtc, got 'magic'"),
        ({"seam": "glue"}, "seam: expected one of fade, correction, got 'glue'"),
        ({"ensemble_decay": float("inf")}, "ensemble_decay: expected a finite number, got inf"),
        ({"ramp_start_ratio": 0.9}, "ramp_start_ratio 0.9 exceeds ramp_full_ratio 0.8"),
    ],
)
def test_settings_refuse_what_cannot_work(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        InterpolationSettings(**wrong)
