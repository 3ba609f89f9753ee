# SPDX-License-Identifier: Apache-2.0
"""Pins how robots are read from norm_stats.json."""

import pytest

from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.norm_stats import NormStats


def test_tag_gives_the_robot_as_the_file_describes_it(checkpoint) -> None:
    droid = NormStats.load(checkpoint.folder).tag("franka_droid")
    assert droid.setup == "single franka robotic arm in droid"
    assert droid.control == "absolute joint pose"
    assert (droid.action_horizon, droid.n_action_steps) == (15, 15)
    assert droid.state.names == (*(f"joint_{i}" for i in range(7)), "gripper")
    assert droid.action.mask.tolist() == [True] * 7 + [False]


def test_action_and_state_have_their_own_widths(checkpoint) -> None:
    libero = NormStats.load(checkpoint.folder).tag("libero")
    assert (len(libero.state.names), len(libero.action.names)) == (8, 7)


@pytest.mark.parametrize("tag", ["", "franka", "FRANKA_DROID"])
def test_unknown_or_empty_tag_is_refused_with_the_known_ones(checkpoint, tag: str) -> None:
    with pytest.raises(ProcessingError, match="franka_droid, libero, so100_so101_molmoact2, yam_dual_molmoact2"):
        NormStats.load(checkpoint.folder).tag(tag)


def test_missing_action_steps_mean_the_whole_chunk(checkpoint) -> None:
    folder = checkpoint.edit("norm_stats.json", "metadata_by_tag", "libero", "n_action_steps", value=None)
    assert NormStats.load(folder).tag("libero").n_action_steps == 10


@pytest.mark.parametrize("field", ["setup_type", "control_mode", "action_horizon", "action_stats", "state_stats"])
def test_missing_field_is_named_with_its_tag(checkpoint, field: str) -> None:
    folder = checkpoint.edit("norm_stats.json", "metadata_by_tag", "libero", field, value=None)
    with pytest.raises(ProcessingError, match=f"norm_stats.json tag 'libero' lacks the field '{field}'"):
        NormStats.load(folder)
