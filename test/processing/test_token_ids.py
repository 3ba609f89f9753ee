# SPDX-License-Identifier: Apache-2.0
"""Pins that ids come from the files, and that files which contradict each other are refused."""

import json

import pytest

from molmoact2_ros.processing.checkpoint_files import load_tokenizer, read_json
from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.token_ids import TokenIds


def _resolve(folder) -> TokenIds:
    return TokenIds.resolve(
        read_json(folder, "config.json"), read_json(folder, "tokenizer_config.json"), load_tokenizer(folder)
    )


def test_ids_are_those_of_the_checkpoint(checkpoint) -> None:
    ids = _resolve(checkpoint.folder)
    assert (ids.bos, ids.eos, ids.pad) == (2, 2, 0)
    assert (ids.image_start, ids.image_end, ids.image_patch) == (768, 769, 770)
    assert (ids.first_state, ids.num_states, ids.first_action, ids.num_actions) == (391, 256, 650, 64)
    assert ids.image_typed == {768, 769, 770, 771, 772, 774, 775, 776}


def test_checkpoint_without_depth_has_no_depth_ids(checkpoint) -> None:
    ids = _resolve(checkpoint.folder)
    assert (ids.depth_output, ids.first_depth, ids.num_depths) == (None, None, 0)


def test_depth_ids_are_resolved_where_the_config_has_depth_tokens(checkpoint) -> None:
    path = checkpoint.folder / "tokenizer.json"
    text = path.read_text()
    new_names = ["<depth_output>", "<depth_start>", "<depth_end>", "<depth_0>", "<depth_1>"]
    for index, name in enumerate(new_names):
        text = text.replace(f'"<extra_{index}>"', json.dumps(name))
    path.write_text(text)
    keys = ["depth_output_token_id", "depth_start_token_id", "depth_end_token_id", "depth_token_start_id"]
    for key, value in zip([*keys, "num_depth_tokens"], [714, 715, 716, 717, 2], strict=True):
        checkpoint.edit("config.json", key, value=value)
    ids = _resolve(checkpoint.folder)
    assert (ids.depth_output, ids.depth_start, ids.depth_end, ids.first_depth, ids.num_depths) == (
        714,
        715,
        716,
        717,
        2,
    )


@pytest.mark.parametrize(
    ("key", "value", "token", "found"),
    [
        ("image_patch_id", 771, "<im_patch>", 770),
        ("eos_token_id", 0, r"<\|im_end\|>", 2),
        ("state_token_start_id", 390, "<state_0>", 391),
        ("action_end_token_id", 1, "<action_end>", 649),
    ],
)
def test_disagreement_names_the_token_and_both_ids(checkpoint, key: str, value: int, token: str, found: int) -> None:
    folder = checkpoint.edit("config.json", key, value=value)
    with pytest.raises(ProcessingError, match=rf"Token {token} has id {found} in tokenizer.json but {value} by"):
        _resolve(folder)


def test_more_tokens_configured_than_in_the_tokenizer_is_refused(checkpoint) -> None:
    folder = checkpoint.edit("config.json", "num_action_tokens", value=65)
    with pytest.raises(ProcessingError, match="lacks the token <action_64>"):
        _resolve(folder)


def test_missing_id_is_named_with_its_file(checkpoint) -> None:
    folder = checkpoint.edit("config.json", "image_start_token_id", value=None)
    with pytest.raises(ProcessingError, match=r"config.json lacks the field 'image_start_token_id'"):
        _resolve(folder)


def test_beginning_of_sequence_falls_back_to_its_end(checkpoint) -> None:
    checkpoint.edit("config.json", "bos_token_id", value=None)
    folder = checkpoint.edit("tokenizer_config.json", "bos_token", value=None)
    assert _resolve(folder).bos == 2


def test_tokenizer_without_padding_token_is_refused(checkpoint) -> None:
    folder = checkpoint.edit("tokenizer_config.json", "pad_token", value=None)
    with pytest.raises(ProcessingError, match=r"tokenizer_config.json lacks 'pad_token'"):
        _resolve(folder)


@pytest.mark.parametrize("value", [3, {"id": 3}, {"content": 3}, ["<|im_end|>"]])
def test_role_of_another_type_is_named_with_what_it_holds(checkpoint, value: object) -> None:
    folder = checkpoint.edit("tokenizer_config.json", "eos_token", value=value)
    with pytest.raises(ProcessingError, match=r"tokenizer_config.json field 'eos_token' must be a text, .* not [3{\[]"):
        _resolve(folder)


@pytest.mark.parametrize(("key", "least"), [("num_state_tokens", 1), ("num_action_tokens", 1), ("num_depth_tokens", 0)])
def test_count_of_tokens_below_its_least_is_refused(checkpoint, key: str, least: int) -> None:
    folder = checkpoint.edit("config.json", key, value=least - 1)
    with pytest.raises(ProcessingError, match=f"config.json field '{key}' must be at least {least}, not {least - 1}"):
        _resolve(folder)


def test_a_list_of_end_ids_may_hold_others_than_the_tokenizers(checkpoint) -> None:
    folder = checkpoint.edit("config.json", "eos_token_id", value=[7, 2])
    assert _resolve(folder).eos == 2


def test_a_list_of_end_ids_without_the_tokenizers_is_refused(checkpoint) -> None:
    folder = checkpoint.edit("config.json", "eos_token_id", value=[7, 8])
    with pytest.raises(ProcessingError, match=r"has id 2 in tokenizer.json but \[7, 8\] by config.json eos_token_id"):
        _resolve(folder)
