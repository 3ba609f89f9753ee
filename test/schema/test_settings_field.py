# SPDX-License-Identifier: Apache-2.0
"""Settings describe themselves where they are declared; what all rooms declare is held to the same few rules."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from molmoact2_ros.interpolation import InterpolationSettings
from molmoact2_ros.perception import Budgets, ChangeSettings
from molmoact2_ros.safety import Settings
from molmoact2_ros.schema import group_in, param, parameter_name, settings_in

ROOMS = [Settings, InterpolationSettings, Budgets, ChangeSettings]
SETTINGS = {f"{kind.__name__}.{setting.name}": setting for kind in ROOMS for setting in settings_in(kind)}
UNITS = {"_rad_s": "rad/s", "_per_s": "strokes/s", "_s": "s", "_rad": "rad", "_hz": "Hz"}


@dataclasses.dataclass(frozen=True)
class Inner:
    width: int = param(3, "How wide", unit="px", low=1, high=9, name="image_width")


@dataclasses.dataclass(frozen=True)
class Outer:
    robot: str = param("droid", "Which robot")
    inner: Inner = dataclasses.field(default_factory=Inner)


@pytest.fixture(params=SETTINGS.values(), ids=SETTINGS.keys())
def setting(request: pytest.FixtureRequest) -> dataclasses.Field[Any]:
    return request.param


def test_a_group_is_entered_and_its_settings_keep_their_parameter_names() -> None:
    assert [parameter_name(field) for field in settings_in(Outer)] == ["robot", "image_width"]
    assert [group_in(field) for field in dataclasses.fields(Outer)] == [None, Inner]


def test_a_described_field_has_its_default() -> None:
    assert Outer() == Outer("droid", Inner(3))
    assert Inner.width == 3


def test_every_setting_is_described(setting: dataclasses.Field[Any]) -> None:
    assert setting.metadata["description"]


def test_every_default_lies_in_its_range(setting: dataclasses.Field[Any]) -> None:
    low, high = setting.metadata["low"], setting.metadata["high"]
    assert low is None or low <= setting.default
    assert high is None or setting.default <= high


def test_every_number_has_a_range(setting: dataclasses.Field[Any]) -> None:
    is_number = isinstance(setting.default, (int, float)) and not isinstance(setting.default, bool)
    assert (setting.metadata["low"] is not None) == (setting.metadata["high"] is not None) == is_number


def test_every_name_that_ends_in_a_unit_has_it(setting: dataclasses.Field[Any]) -> None:
    suffix = next((suffix for suffix in UNITS if setting.name.endswith(suffix)), None)
    assert suffix is None or setting.metadata["unit"] == UNITS[suffix]
