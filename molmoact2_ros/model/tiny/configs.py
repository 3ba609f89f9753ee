# SPDX-License-Identifier: Apache-2.0
"""`config.json` and `processor_config.json` of a tiny checkpoint: every field of a released one.

Sizes are those of `TinySizes`; switches, constants and names are the released ones.
"""

from __future__ import annotations

from typing import Any

from .sizes import TinySizes
from .tags import ACTION_WIDTH
from .tokenizer import PAD, STATE_TOKENS, TURN_END, TinyTokenizer

PATCH_SIZE_PX = 14
EXTRA_VOCAB = 128
MAX_HORIZON = 30
FLOW_STEPS = 10
VIT_LAYERS, VIT_FEATURES, VIT_WIDTH, VIT_HEADS = 9, [-3, -9], 32, 2


def config_json(sizes: TinySizes, tokenizer: TinyTokenizer, think: bool) -> dict[str, Any]:
    """Build the content of `config.json`."""
    return {
        "architectures": ["MolmoAct2ForConditionalGeneration"],
        "model_type": "molmoact2",
        "dtype": "float32",
        "initializer_range": 0.02,
        "tie_word_embeddings": False,
        "norm_stats_filename": "norm_stats.json",
        **_protocol(think),
        **_token_ids(sizes, tokenizer, think),
        **_flow(),
        "text_config": _text(sizes, tokenizer.vocab_size),
        "vit_config": _vit(sizes),
        "adapter_config": _adapter(sizes),
        "action_expert_config": _expert(sizes),
    }


def processor_config_json(sizes: TinySizes) -> dict[str, Any]:
    """Build the content of `processor_config.json`."""
    size = {"height": sizes.image_size_px, "width": sizes.image_size_px}
    return {
        "image_processor": {
            "size": size,
            "resample": 2,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
            "do_convert_rgb": True,
            "max_crops": 8,
            "overlap_margins": [4, 4],
            "crop_mode": "resize",
            "patch_size": PATCH_SIZE_PX,
            "pooling_size": [2, 2],
        },
        "video_processor": {"size": size, "patch_size": PATCH_SIZE_PX, "pooling_size": [3, 3]},
        "image_use_col_tokens": True,
        "use_single_crop_col_tokens": False,
        "use_single_crop_start_token": True,
        "video_use_col_tokens": False,
        "use_frame_special_tokens": True,
        "processor_class": "MolmoAct2Processor",
    }


def _protocol(think: bool) -> dict[str, Any]:
    return {
        "action_mode": "both",
        "add_action_expert": True,
        "add_setup_tokens": True,
        "add_control_tokens": True,
        "state_format": "discrete",
        "n_obs_steps": 1,
        "max_action_dim": ACTION_WIDTH,
        "max_action_horizon": MAX_HORIZON,
        "mask_action_dim_padding": True,
        "use_frame_special_tokens": True,
        "enable_depth_reasoning": think,
        "depth_mode": 2,
        "action_expert_depth_gate": think,
        "action_expert_depth_gate_per_layer": think,
        "action_expert_depth_gate_init_bias": -4.0,
    }


def _token_ids(sizes: TinySizes, tokenizer: TinyTokenizer, think: bool) -> dict[str, Any]:
    ids = tokenizer.ids()
    return {
        "bos_token_id": ids[TURN_END],
        "eos_token_id": ids[TURN_END],
        "pad_token_id": ids[PAD],
        "state_start_token_id": ids["<state_start>"],
        "state_end_token_id": ids["<state_end>"],
        "state_token_start_id": ids["<state_0>"],
        "num_state_tokens": STATE_TOKENS,
        "action_output_token_id": ids["<action_output>"],
        "action_start_token_id": ids["<action_start>"],
        "action_end_token_id": ids["<action_end>"],
        "action_token_start_id": ids["<action_0>"],
        "num_action_tokens": sizes.action_tokens,
        "depth_output_token_id": ids.get("<depth_output>"),
        "depth_start_token_id": ids.get("<depth_start>"),
        "depth_end_token_id": ids.get("<depth_end>"),
        "depth_token_start_id": ids.get("<depth_0>"),
        "num_depth_tokens": sizes.depth_levels if think else 0,
        "num_depth_codes": sizes.depth_codes,
        "image_start_token_id": ids["<im_start>"],
        "image_end_token_id": ids["<im_end>"],
        "image_patch_id": ids["<im_patch>"],
        "image_high_res_id": ids["<im_patch>"],
        "image_col_id": ids["<im_col>"],
        "low_res_image_start_token_id": ids["<low_res_im_start>"],
        "image_low_res_id": ids["<im_low>"],
        "frame_start_token_id": ids["<frame_start>"],
        "frame_end_token_id": ids["<frame_end>"],
    }


def _flow() -> dict[str, Any]:
    return {
        "flow_matching_num_steps": FLOW_STEPS,
        "flow_matching_cutoff": 1.0,
        "flow_matching_time_offset": 0.001,
        "flow_matching_time_scale": 0.999,
        "flow_matching_beta_alpha": 1.0,
        "flow_matching_beta_beta": 1.5,
    }


def _text(sizes: TinySizes, vocab_size: int) -> dict[str, Any]:
    return {
        "model_type": "molmoact2_text",
        "attn_implementation": "sdpa",
        "hidden_size": sizes.text_width,
        "intermediate_size": sizes.text_mlp_width,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.text_heads,
        "num_key_value_heads": sizes.text_kv_heads,
        "head_dim": sizes.text_head_width,
        "hidden_act": "silu",
        "layer_norm_eps": 1e-6,
        "norm_after": False,
        "qkv_bias": False,
        "use_qk_norm": True,
        "qk_norm_type": "qwen3",
        "rope_theta": sizes.rope_theta,
        "rope_parameters": {"rope_theta": sizes.rope_theta, "rope_type": "default"},
        "rope_scaling_layers": None,
        "max_position_embeddings": 512,
        "vocab_size": vocab_size,
        "additional_vocab_size": EXTRA_VOCAB,
        "attention_dropout": 0.0,
        "embedding_dropout": 0.0,
        "residual_dropout": 0.0,
        "initializer_range": 0.02,
        "tie_word_embeddings": False,
        "use_cache": True,
    }


def _vit(sizes: TinySizes) -> dict[str, Any]:
    return {
        "model_type": "molmoact2",
        "attn_implementation": "sdpa",
        "hidden_size": VIT_WIDTH,
        "intermediate_size": 48,
        "num_hidden_layers": VIT_LAYERS,
        "num_attention_heads": VIT_HEADS,
        "num_key_value_heads": VIT_HEADS,
        "head_dim": VIT_WIDTH // VIT_HEADS,
        "hidden_act": "gelu_pytorch_tanh",
        "layer_norm_eps": 1e-6,
        "image_default_input_size": [sizes.image_size_px, sizes.image_size_px],
        "image_patch_size": PATCH_SIZE_PX,
        "image_num_pos": (sizes.image_size_px // PATCH_SIZE_PX) ** 2,
        "attention_dropout": 0.0,
        "residual_dropout": 0.0,
        "float32_attention": True,
        "initializer_range": 0.02,
    }


def _adapter(sizes: TinySizes) -> dict[str, Any]:
    return {
        "model_type": "molmoact2",
        "attn_implementation": "sdpa",
        "vit_layers": VIT_FEATURES,
        "pooling_attention_mask": True,
        "hidden_size": VIT_WIDTH,
        "num_attention_heads": VIT_HEADS,
        "num_key_value_heads": VIT_HEADS,
        "head_dim": VIT_WIDTH // VIT_HEADS,
        "hidden_act": "silu",
        "intermediate_size": 40,
        "text_hidden_size": sizes.text_width,
        "attention_dropout": 0.0,
        "residual_dropout": 0.0,
        "image_feature_dropout": 0.0,
        "float32_attention": True,
        "initializer_range": 0.02,
    }


def _expert(sizes: TinySizes) -> dict[str, Any]:
    return {
        "model_type": "molmoact2_action_expert",
        "hidden_size": sizes.expert_width,
        "num_layers": sizes.layers,
        "num_heads": sizes.expert_heads,
        "mlp_ratio": sizes.expert_mlp_ratio,
        "ffn_multiple_of": 16,
        "timestep_embed_dim": 32,
        "context_layer_norm": True,
        "qk_norm": True,
        "qk_norm_eps": 1e-6,
        "rope": True,
        "causal_attn": False,
        "dropout": 0.0,
        "attn_dropout": 0.0,
    }
