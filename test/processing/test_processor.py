# SPDX-License-Identifier: Apache-2.0
"""Pins the whole protocol against the reference outputs in test/data/parity, and what the processor refuses."""

from pathlib import Path

import numpy as np
import pytest

from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.model_inputs import ModelInputs
from molmoact2_ros.processing.processor import Processor

PARITY = Path(__file__).parents[1] / "data" / "parity"
TINY = PARITY / "tiny_base"
GOLDENS = ["droid", "yam", "so101", "droid_bf16", "discrete"]
CONTINUOUS = ["droid", "yam", "so101"]
DROID_STATE = np.array([0.1, -0.5, 0.0, -2.0, 0.0, 2.0, 0.0, 0.5], dtype=np.float32)


def _golden(name: str) -> dict[str, np.ndarray]:
    with np.load(PARITY / "goldens" / f"{name}.npz") as arrays:
        return dict(arrays)


def _encode(golden: dict[str, np.ndarray]) -> ModelInputs:
    images = [golden[key] for key in sorted(golden) if key.startswith("raw_image_")]
    tag, task = golden["raw_norm_tag"].item(), golden["raw_task"].item()
    return Processor.load(TINY).encode(images, task, golden["raw_state"], tag)


def _encode_text(processor: Processor, **changes: object) -> tuple[np.ndarray, str]:
    inputs = {"task": "push it", "state": DROID_STATE, "norm_tag": "franka_droid", "num_images": 2}
    return processor.encode_text(**{**inputs, **changes})


@pytest.mark.parity
@pytest.mark.parametrize("name", GOLDENS)
def test_prompt_and_tokens_are_the_references(name: str) -> None:
    golden = _golden(name)
    inputs = _encode(golden)
    assert inputs.prompt == golden["prompt"].item()
    np.testing.assert_array_equal(inputs.input_ids, golden["in_input_ids"][0])


@pytest.mark.parity
@pytest.mark.parametrize("name", GOLDENS)
def test_pixels_and_windows_are_the_references(name: str) -> None:
    golden = _golden(name)
    inputs = _encode(golden)
    np.testing.assert_array_equal(inputs.pixel_values, golden["in_pixel_values"])
    num_patches = golden["in_pixel_values"].shape[1]
    local = np.where(inputs.pooling_index < 0, -1, inputs.pooling_index % num_patches)
    np.testing.assert_array_equal(local, golden["in_image_token_pooling"])


@pytest.mark.parity
@pytest.mark.parametrize("name", GOLDENS)
def test_image_typed_tokens_are_the_references(name: str) -> None:
    golden = _golden(name)
    image_typed = list(Processor.load(TINY).tokens.image_typed)
    typed = np.isin(golden["in_input_ids"], image_typed)
    np.testing.assert_array_equal(typed, golden["in_token_type_ids"])


@pytest.mark.parity
@pytest.mark.parametrize("name", CONTINUOUS)
def test_decoded_actions_are_the_references(name: str) -> None:
    golden = _golden(name)
    num_steps = np.float32(len(golden["step_x"]))
    final = golden["step_x"][-1, 0] + golden["step_v"][-1, 0] / num_steps
    actions = Processor.load(TINY).decode(final, golden["raw_norm_tag"].item())
    np.testing.assert_allclose(actions, golden["actions"][0], atol=1e-6)


@pytest.mark.parity
def test_decoded_tokens_become_the_actions_of_the_reference() -> None:
    golden = _golden("discrete")
    num_bins = golden["generated"].size - 3  # all but action start, action end and the end of the sequence
    stand_in = np.random.default_rng(num_bins).uniform(-1, 1, golden["actions"].shape[1:])
    actions = Processor.load(TINY).decode(stand_in, "libero")
    np.testing.assert_allclose(actions, golden["actions"][0], atol=1e-6)


def test_decode_returns_as_many_rows_as_asked_for() -> None:
    actions = Processor.load(TINY).decode(np.zeros((15, 32)), "franka_droid", n_action_steps=4)
    assert actions.shape == (4, 8)


@pytest.mark.parametrize("shape", [(14, 32), (15, 7), (15,), (1, 15, 8)])
def test_decode_refuses_a_chunk_that_is_too_small(shape: tuple[int, ...]) -> None:
    with pytest.raises(ProcessingError, match="at least 15 rows x 8 values"):
        Processor.load(TINY).decode(np.zeros(shape), "franka_droid")


def test_decode_starts_at_the_newest_observation(checkpoint) -> None:
    folder = checkpoint.edit("config.json", "n_obs_steps", value=2)
    chunk = np.zeros((16, 8), dtype=np.float32)
    chunk[1] = 1
    processor = Processor.load(folder)
    upper = [0.9, 0.9, 0.8, -1, 0.8, 3.2, 1.2, 1]
    np.testing.assert_allclose(processor.decode(chunk, "franka_droid")[0], upper, atol=1e-6)


def test_image_size_is_that_of_the_vision_encoder() -> None:
    assert Processor.load(TINY).image_size == (70, 70)


@pytest.mark.parametrize(("key", "marked"), [("add_setup_tokens", "setup"), ("add_control_tokens", "control")])
def test_setup_and_control_are_marked_only_where_the_checkpoint_says_so(checkpoint, key: str, marked: str) -> None:
    _, prompt = _encode_text(Processor.load(checkpoint.edit("config.json", key, value=False)))
    assert f"<{marked}_start>" not in prompt
    _, prompt = _encode_text(Processor.load(checkpoint.edit("config.json", key, value=True)))
    assert f"<{marked}_start>" in prompt


def test_tokens_are_neither_cut_nor_padded_as_the_tokenizer_file_may_ask(checkpoint) -> None:
    cut = {"direction": "Right", "max_length": 32, "strategy": "LongestFirst", "stride": 0}
    checkpoint.edit("tokenizer.json", "truncation", value=cut)
    pad = {"strategy": {"Fixed": 512}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0}
    folder = checkpoint.edit("tokenizer.json", "padding", value={**pad, "pad_token": "<|endoftext|>"})
    ids, _ = _encode_text(Processor.load(folder))
    np.testing.assert_array_equal(ids, _encode_text(Processor.load(TINY))[0])


def test_wrong_number_of_state_values_names_the_dimensions() -> None:
    with pytest.raises(ProcessingError, match=r"8 values \(joint_0, .*gripper\), got an array of shape \(7,\)"):
        _encode_text(Processor.load(TINY), state=DROID_STATE[:7])


def test_state_that_is_no_vector_is_refused() -> None:
    with pytest.raises(ProcessingError, match="one finite vector"):
        _encode_text(Processor.load(TINY), state=DROID_STATE[None])


def test_state_with_nan_names_the_joint() -> None:
    state = DROID_STATE.copy()
    state[3] = np.nan
    with pytest.raises(ProcessingError, match="joint_3 is NaN or infinite"):
        _encode_text(Processor.load(TINY), state=state)


@pytest.mark.parametrize("task", ["", "  ", "Task:", "'!'"])
def test_task_that_says_nothing_is_refused(task: str) -> None:
    with pytest.raises(ProcessingError, match="is empty; say what the robot should do"):
        _encode_text(Processor.load(TINY), task=task)


@pytest.mark.parametrize("task", ["look at <|image|> please", "push<|im_end|>now", "go <action_5> there"])
def test_task_with_the_models_own_tokens_is_refused(task: str) -> None:
    with pytest.raises(ProcessingError, match="holds the model's own tokens <"):
        _encode_text(Processor.load(TINY), task=task)


@pytest.mark.parametrize("tag", ["", "nonsense"])
def test_unknown_tag_is_refused_on_both_ways(tag: str) -> None:
    with pytest.raises(ProcessingError, match="choose one of franka_droid, "):
        _encode_text(Processor.load(TINY), norm_tag=tag)
    with pytest.raises(ProcessingError, match="choose one of franka_droid, "):
        Processor.load(TINY).decode(np.zeros((15, 8)), tag)


def test_depth_asked_of_a_checkpoint_without_depth_tokens_is_refused() -> None:
    with pytest.raises(ProcessingError, match="needs depth tokens"):
        _encode_text(Processor.load(TINY), depth=True)


@pytest.mark.parametrize(
    "name", ["config.json", "norm_stats.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json"]
)
def test_checkpoint_that_lacks_a_file_is_refused_by_name(checkpoint, name: str) -> None:
    (checkpoint.folder / name).unlink()
    with pytest.raises(ProcessingError, match=f"lacks {name}"):
        Processor.load(checkpoint.folder)


@pytest.mark.parametrize("name", ["config.json", "norm_stats.json", "tokenizer.json"])
def test_checkpoint_with_a_cut_file_is_refused_by_name(checkpoint, name: str) -> None:
    path = checkpoint.folder / name
    path.write_text(path.read_text()[:100])
    with pytest.raises(ProcessingError, match=f"{name} is not a? ?readable"):
        Processor.load(checkpoint.folder)


def test_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProcessingError, match="does not exist"):
        Processor.load(tmp_path / "nowhere")


def test_statistics_file_may_have_another_name(checkpoint) -> None:
    (checkpoint.folder / "norm_stats.json").rename(checkpoint.folder / "stats.json")
    folder = checkpoint.edit("config.json", "norm_stats_filename", value="stats.json")
    assert Processor.load(folder).stats.tag("libero").action_horizon == 10


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("norm_stats_filename", 5, "config.json field 'norm_stats_filename' must be a text, not 5"),
        ("add_setup_tokens", "yes", "config.json field 'add_setup_tokens' must be true or false, not 'yes'"),
        ("n_obs_steps", 0, "config.json field 'n_obs_steps' must be at least 1, not 0"),
    ],
)
def test_setting_of_another_type_or_size_is_refused_by_name(checkpoint, key: str, value: object, message: str) -> None:
    with pytest.raises(ProcessingError, match=message):
        Processor.load(checkpoint.edit("config.json", key, value=value))


def test_an_instruction_is_checked_with_room_for_what_follows_the_prompt() -> None:
    processor = Processor.load(TINY)
    ids, _ = _encode_text(processor, task="lift the cup")
    left = processor.max_tokens - len(ids)
    processor.check_task("lift the cup", "franka_droid", 2, room=left)
    with pytest.raises(ProcessingError, match="makes 513 tokens with all else, but the model reads at most 512"):
        processor.check_task("lift the cup", "franka_droid", 2, room=left + 1)


@pytest.mark.parametrize("task", ["lift <|image|>", "lift \udcff", "x" * 10**6, "lift " * 1000])
def test_an_instruction_that_cannot_be_read_is_refused_in_a_short_sentence(task: str) -> None:
    with pytest.raises(ProcessingError) as caught:
        Processor.load(TINY).check_task(task, "franka_droid", 2)
    assert len(str(caught.value)) < 300


def test_without_a_stated_length_the_smaller_published_one_counts(checkpoint) -> None:
    folder = checkpoint.edit("config.json", "text_config", "max_position_embeddings", value=None)
    assert Processor.load(folder).max_tokens == 16_384
