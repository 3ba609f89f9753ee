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
        NormStats.load(folder).tag("libero")


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        ([], [], "norm_stats.json field 'metadata_by_tag' must be an object, not \\[\\]"),
        (["libero"], [1], "norm_stats.json metadata_by_tag field 'libero' must be an object, not \\[1\\]"),
        (["libero", "state_stats"], [1], "tag 'libero' field 'state_stats' must be an object, not \\[1\\]"),
        (["libero", "setup_type"], 5, "tag 'libero' field 'setup_type' must be a text, not 5"),
        (["libero", "control_mode"], 5, "tag 'libero' field 'control_mode' must be a text, not 5"),
        (["libero", "action_horizon"], "15", "tag 'libero' field 'action_horizon' must be a whole number, not '15'"),
        (["libero", "normalize_gripper"], "no", "tag 'libero' field 'normalize_gripper' must be true or false"),
        (["libero", "camera_keys"], "top", "tag 'libero' field 'camera_keys' must be a list, not 'top'"),
        (["libero", "camera_keys"], [1], "tag 'libero' field 'camera_keys' must be a list, each of it a text"),
    ],
)
def test_field_of_another_type_is_named_with_what_it_holds(checkpoint, keys: list, value: object, message: str) -> None:
    folder = checkpoint.edit("norm_stats.json", "metadata_by_tag", *keys, value=value)
    with pytest.raises(ProcessingError, match=message):
        NormStats.load(folder).tag("libero")


def test_tag_that_is_null_is_refused(checkpoint) -> None:
    text = (checkpoint.folder / "norm_stats.json").read_text()
    (checkpoint.folder / "norm_stats.json").write_text(text.replace('"libero": {', '"libero": null, "moved": {', 1))
    with pytest.raises(ProcessingError, match="metadata_by_tag lacks the field 'libero'"):
        NormStats.load(checkpoint.folder).tag("libero")


def test_an_unusable_tag_of_another_robot_does_not_stop_this_one(checkpoint) -> None:
    folder = checkpoint.edit("norm_stats.json", "metadata_by_tag", "libero", value={"note": "not finished"})
    stats = NormStats.load(folder)
    assert stats.tag("franka_droid").action_horizon == 15
    with pytest.raises(ProcessingError, match="tag 'libero' lacks the field 'action_horizon'"):
        stats.tag("libero")


@pytest.mark.parametrize("steps", [0, -1, 16])
def test_steps_to_execute_that_the_chunk_does_not_have_are_refused(checkpoint, steps: int) -> None:
    folder = checkpoint.edit("norm_stats.json", "metadata_by_tag", "franka_droid", "n_action_steps", value=steps)
    with pytest.raises(ProcessingError, match=f"'n_action_steps' must be from 1 to action_horizon 15, not {steps}"):
        NormStats.load(folder).tag("franka_droid")


@pytest.mark.parametrize("section", ["state_stats", "action_stats"])
def test_a_lower_quantile_above_the_upper_one_is_named_with_its_dimension(checkpoint, section: str) -> None:
    keys = ("norm_stats.json", "metadata_by_tag", "franka_droid", section)
    folder = checkpoint.edit(*keys, "q01", value=[-0.9, -1.0, -0.8, -2.9, 0.9, 0.9, -1.2, 0.0])
    with pytest.raises(ProcessingError, match=rf"{section} has q01 0.9 above q99 0.8 for 'joint_4'"):
        NormStats.load(folder).tag("franka_droid")


def test_quantiles_of_a_constant_may_differ_by_rounding(checkpoint) -> None:
    keys = ("norm_stats.json", "metadata_by_tag", "franka_droid", "state_stats")
    folder = checkpoint.edit(*keys, "q01", value=[-0.9, -1.0, -0.8, -2.9, 0.80000005, 0.9, -1.2, 0.0])
    assert NormStats.load(folder).tag("franka_droid").state.high[4] == pytest.approx(0.8)


def test_the_training_range_comes_from_the_quantiles_whatever_the_mode(checkpoint) -> None:
    folder = checkpoint.edit("norm_stats.json", "norm_mode", value="mean_std")
    seen = NormStats.load(folder).tag("franka_droid").state.seen
    assert (seen.low[3], seen.middle[3], seen.high[3]) == pytest.approx((-2.9, -2.4, -1.0))
