# SPDX-License-Identifier: Apache-2.0
"""Pins that every hyperparameter comes from config.json: what is absent, contradictory or unsupported is named."""

from pathlib import Path
from typing import Any

import pytest

from molmoact2_ros.model.config import ConfigError, MolmoAct2Config

TINY = Path(__file__).parents[1] / "data" / "parity" / "tiny_base"

READ_FIELDS = """
text_config text_config.hidden_size text_config.intermediate_size text_config.num_hidden_layers
text_config.num_attention_heads text_config.num_key_value_heads text_config.head_dim
text_config.hidden_act text_config.layer_norm_eps text_config.vocab_size
text_config.additional_vocab_size text_config.qkv_bias text_config.use_qk_norm text_config.qk_norm_type
text_config.norm_after text_config.tie_word_embeddings vit_config vit_config.hidden_size
vit_config.intermediate_size vit_config.num_hidden_layers vit_config.head_dim
vit_config.num_attention_heads vit_config.num_key_value_heads vit_config.hidden_act
vit_config.layer_norm_eps vit_config.image_patch_size vit_config.image_default_input_size
vit_config.image_num_pos vit_config.float32_attention adapter_config adapter_config.vit_layers
adapter_config.hidden_size adapter_config.intermediate_size adapter_config.num_attention_heads
adapter_config.num_key_value_heads adapter_config.head_dim adapter_config.hidden_act
adapter_config.pooling_attention_mask adapter_config.float32_attention adapter_config.text_hidden_size
action_expert_config action_expert_config.hidden_size action_expert_config.num_layers
action_expert_config.num_heads action_expert_config.mlp_ratio action_expert_config.ffn_multiple_of
action_expert_config.timestep_embed_dim action_expert_config.qk_norm_eps
action_expert_config.context_layer_norm action_expert_config.qk_norm action_expert_config.rope
action_expert_config.causal_attn max_action_horizon max_action_dim flow_matching_num_steps
flow_matching_cutoff flow_matching_time_offset flow_matching_time_scale flow_matching_beta_alpha
flow_matching_beta_beta mask_action_dim_padding image_patch_id image_col_id image_start_token_id
low_res_image_start_token_id frame_start_token_id image_end_token_id frame_end_token_id
image_low_res_id eos_token_id action_start_token_id action_end_token_id action_token_start_id
num_action_tokens action_mode n_obs_steps state_format add_action_expert action_expert_depth_gate
action_expert_depth_gate_per_layer num_depth_tokens
"""

DEPTH_FIELDS = "num_depth_codes depth_output_token_id depth_start_token_id depth_end_token_id depth_token_start_id"

UNSUPPORTED = [
    ("text_config.qk_norm_type", "olmo"),
    ("text_config.norm_after", True),
    ("text_config.rope_scaling", {"factor": 2.0}),
    ("text_config.rope_parameters.rope_type", "yarn"),
    ("text_config.rope_theta", 1_000_000.0),
    ("text_config.num_attention_heads", 3),
    ("action_expert_config.causal_attn", True),
    ("action_expert_config.hidden_size", 50),
    ("action_expert_config.num_layers", 2),
    ("adapter_config.vit_layers", [-3, -10]),
    ("adapter_config.text_hidden_size", 65),
    ("vit_config.image_default_input_size", [70, 71]),
    ("vit_config.image_num_pos", 24),
    ("add_action_expert", False),
]


@pytest.mark.parametrize("field", READ_FIELDS.split())
def test_a_missing_field_is_named_with_its_file(checkpoint: Any, field: str) -> None:
    checkpoint.edit_config(field, None)
    with pytest.raises(ConfigError, match=rf"config\.json: {field} is missing"):
        MolmoAct2Config.load(checkpoint.folder)


@pytest.mark.parametrize("field", DEPTH_FIELDS.split())
def test_a_missing_field_of_depth_reasoning_is_named_where_there_are_depth_tokens(checkpoint: Any, field: str) -> None:
    checkpoint.edit_config("num_depth_tokens", 16)
    for present in DEPTH_FIELDS.split():
        checkpoint.edit_config(present, None if present == field else 16)
    with pytest.raises(ConfigError, match=rf"config\.json: {field} is missing"):
        MolmoAct2Config.load(checkpoint.folder)


def test_a_depth_grid_that_is_no_square_is_refused(checkpoint: Any) -> None:
    for field in ("num_depth_tokens", *DEPTH_FIELDS.split()):
        checkpoint.edit_config(field, 15)
    with pytest.raises(ConfigError, match="num_depth_codes must be the square of a whole number, but is 15"):
        MolmoAct2Config.load(checkpoint.folder)


def test_checkpoints_with_and_without_depth_are_distinguished() -> None:
    assert MolmoAct2Config.load(TINY).depth is None
    depth = MolmoAct2Config.load(TINY.parent / "tiny_think").depth
    assert depth is not None
    assert (depth.side, depth.num_cells, depth.num_levels) == (4, 16, 16)


@pytest.mark.parametrize(("field", "value"), UNSUPPORTED)
def test_a_setting_that_the_network_does_not_implement_is_refused(checkpoint: Any, field: str, value: object) -> None:
    checkpoint.edit_config(field, value)
    with pytest.raises(ConfigError, match=field.rpartition(".")[2]):
        MolmoAct2Config.load(checkpoint.folder)


def test_a_field_of_the_wrong_type_shows_its_value(checkpoint: Any) -> None:
    checkpoint.edit_config("text_config.hidden_size", "64")
    with pytest.raises(ConfigError, match=r"hidden_size must be of type int, but is '64'"):
        MolmoAct2Config.load(checkpoint.folder)


SIZES = """
text_config.hidden_size text_config.intermediate_size text_config.num_hidden_layers text_config.num_attention_heads
text_config.num_key_value_heads text_config.head_dim text_config.vocab_size text_config.additional_vocab_size
vit_config.hidden_size vit_config.intermediate_size vit_config.num_hidden_layers vit_config.head_dim
vit_config.num_attention_heads vit_config.num_key_value_heads vit_config.image_patch_size vit_config.image_num_pos
adapter_config.hidden_size adapter_config.intermediate_size adapter_config.num_attention_heads
adapter_config.num_key_value_heads adapter_config.head_dim action_expert_config.hidden_size
action_expert_config.num_layers action_expert_config.num_heads action_expert_config.timestep_embed_dim
max_action_horizon max_action_dim flow_matching_num_steps num_action_tokens n_obs_steps
"""


@pytest.mark.parametrize("value", [0, -4])
@pytest.mark.parametrize("field", SIZES.split())
def test_a_size_or_count_below_one_shows_its_value(checkpoint: Any, field: str, value: int) -> None:
    checkpoint.edit_config(field, value)
    with pytest.raises(ConfigError, match=rf"config\.json: {field} must be at least 1, but is {value}"):
        MolmoAct2Config.load(checkpoint.folder)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("action_expert_config.timestep_embed_dim", 33, "timestep_embed_dim must be even, but is 33"),
        ("action_expert_config.mlp_ratio", float("inf"), "mlp_ratio must be a finite number, but is inf"),
        ("action_expert_config.mlp_ratio", float("nan"), "mlp_ratio must be a finite number, but is nan"),
        ("action_expert_config.mlp_ratio", 0, "mlp_ratio must be finite and at least 1 / hidden_size 48, but is 0.0"),
        ("action_expert_config.ffn_multiple_of", -1, "ffn_multiple_of must be at least 0, but is -1"),
        ("adapter_config.vit_layers", [], r"vit_layers must be a list of at least 1 integer, but is \[\]"),
        ("vit_config.image_default_input_size", [70, 70, 70], "must be 2 integers of at least 1, but is"),
        ("vit_config.image_default_input_size", [0, 70], "must be 2 integers of at least 1, but is"),
    ],
)
def test_a_number_out_of_range_shows_its_value(checkpoint: Any, field: str, value: object, message: str) -> None:
    checkpoint.edit_config(field, value)
    with pytest.raises(ConfigError, match=message):
        MolmoAct2Config.load(checkpoint.folder)


@pytest.mark.parametrize(("field", "spelling"), [("rope_parameters", "rope_theta"), ("rope_theta", "rope_parameters")])
def test_rope_theta_is_read_in_either_spelling(checkpoint: Any, field: str, spelling: str) -> None:
    checkpoint.edit_config(f"text_config.{field}", None)
    assert MolmoAct2Config.load(checkpoint.folder).language.rope_theta == 5_000_000.0, spelling


def test_feature_layers_count_from_the_end_and_bound_the_depth() -> None:
    vision = MolmoAct2Config.load(TINY).vision
    assert (vision.feature_layers, vision.num_layers) == ((6, 0), 7)


def test_the_experts_perceptron_is_rounded_up_to_its_multiple(checkpoint: Any) -> None:
    checkpoint.edit_config("action_expert_config.mlp_ratio", 8 / 3)
    checkpoint.edit_config("action_expert_config.ffn_multiple_of", 100)
    assert MolmoAct2Config.load(checkpoint.folder).expert.mlp_width == 200


def test_a_multiple_of_zero_rounds_nothing(checkpoint: Any) -> None:
    checkpoint.edit_config("action_expert_config.mlp_ratio", 8 / 3 + 0.01)
    checkpoint.edit_config("action_expert_config.ffn_multiple_of", 0)
    config = MolmoAct2Config.load(checkpoint.folder).expert
    assert config.mlp_width == int(config.width * (8 / 3 + 0.01))


def test_a_folder_without_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json does not exist"):
        MolmoAct2Config.load(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_config_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError, match="JSON"):
        MolmoAct2Config.load(tmp_path)
