# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint's `config.json` says about the network.

Every number comes from the file: a missing field is an error, because the defaults of the published configuration
classes differ from the released values (rope theta, expert widths, qk-norm, ...) and would load without complaint.
Settings that no released checkpoint uses are refused by name rather than half supported.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmoact2_ros.schema import JsonFileError, brief, read_json_object

CONFIG_FILE = "config.json"
DEPTH_CODEC_FIELD = "depth_codec"  # of ours; released checkpoints lack it
_LARGEST_SIZE = 2**31 - 1  # no network has more of anything, and torch overflows beyond 2**63


class ConfigError(ValueError):
    """A `config.json` that lacks a field, contradicts itself, or asks for what this network does not do."""


@dataclass(frozen=True)
class VisionConfig:
    """The image transformer (`vit_config`), with the layers whose outputs the connector reads."""

    width: int
    mlp_width: int
    num_heads: int
    num_kv_heads: int
    head_width: int
    activation: str
    norm_eps: float
    patch_size: int
    image_size: tuple[int, int]
    num_positions: int
    float32_attention: bool
    feature_layers: tuple[int, ...]

    @property
    def num_layers(self) -> int:
        """Layers that exist: those deeper than the deepest feature are neither stored nor run."""
        return max(self.feature_layers) + 1

    @property
    def patch_grid(self) -> tuple[int, int]:
        """Rows and columns of patches in one image."""
        return self.image_size[0] // self.patch_size, self.image_size[1] // self.patch_size

    @property
    def patch_width(self) -> int:
        """Numbers in one patch: rows, columns, colour channels."""
        return self.patch_size * self.patch_size * 3

    @classmethod
    def read(cls, vit: _Section, feature_layers: tuple[int, ...]) -> VisionConfig:
        """Read `vit_config`; `feature_layers` may count from the end, as `adapter_config` writes them."""
        total = vit.size("num_hidden_layers")
        resolved = tuple(layer % total for layer in feature_layers if -total <= layer < total)
        if len(resolved) != len(feature_layers):
            raise ConfigError(f"{vit.name('num_hidden_layers')} is {total}, but vit_layers is {brief(feature_layers)}")
        height, width = vit.sizes("image_default_input_size", count=2)
        patch_size, positions = vit.size("image_patch_size"), vit.size("image_num_pos")
        if height % patch_size or width % patch_size:
            raise ConfigError(
                f"{vit.name('image_default_input_size')} must be multiples of image_patch_size {patch_size}"
            )
        if math.isqrt(positions) ** 2 != positions:
            raise ConfigError(f"{vit.name('image_num_pos')} must be the square of a whole number, but is {positions}")
        return cls(
            width=vit.size("hidden_size"),
            mlp_width=vit.size("intermediate_size"),
            **_heads(vit),
            head_width=vit.size("head_dim"),
            activation=vit.text("hidden_act"),
            norm_eps=vit.number("layer_norm_eps"),
            patch_size=patch_size,
            image_size=(height, width),
            num_positions=positions,
            float32_attention=vit.flag("float32_attention"),
            feature_layers=resolved,
        )


@dataclass(frozen=True)
class ConnectorConfig:
    """Pooling and projection of image features into the language model (`adapter_config`)."""

    width: int
    mlp_width: int
    num_heads: int
    num_kv_heads: int
    head_width: int
    activation: str
    masks_padding: bool
    float32_attention: bool

    @classmethod
    def read(cls, adapter: _Section) -> ConnectorConfig:
        """Read `adapter_config`."""
        return cls(
            width=adapter.size("hidden_size"),
            mlp_width=adapter.size("intermediate_size"),
            **_heads(adapter),
            head_width=adapter.size("head_dim"),
            activation=adapter.text("hidden_act"),
            masks_padding=adapter.flag("pooling_attention_mask"),
            float32_attention=adapter.flag("float32_attention"),
        )


@dataclass(frozen=True)
class LanguageConfig:
    """The language model (`text_config`)."""

    width: int
    mlp_width: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_width: int
    activation: str
    norm_eps: float
    rope_theta: float
    qkv_bias: bool
    vocab_size: int
    extra_vocab_size: int

    @property
    def kv_width(self) -> int:
        """Width of one layer's keys (or values) with their heads side by side."""
        return self.num_kv_heads * self.head_width

    @classmethod
    def read(cls, text: _Section) -> LanguageConfig:
        """Read `text_config`, refusing the variants of the architecture that no release uses."""
        text.require("norm_after", False)
        text.require("use_qk_norm", True)
        text.require("qk_norm_type", "qwen3")
        text.require("tie_word_embeddings", False)
        return cls(
            width=text.size("hidden_size"),
            mlp_width=text.size("intermediate_size"),
            num_layers=text.size("num_hidden_layers"),
            **_heads(text),
            head_width=text.size("head_dim"),
            activation=text.text("hidden_act"),
            norm_eps=text.number("layer_norm_eps"),
            rope_theta=_rope_theta(text),
            qkv_bias=text.flag("qkv_bias"),
            vocab_size=text.size("vocab_size"),
            extra_vocab_size=text.size("additional_vocab_size"),
        )


@dataclass(frozen=True)
class ActionExpertConfig:
    """The flow-matching action expert (`action_expert_config` and the two maxima next to it)."""

    width: int
    num_layers: int
    num_heads: int
    mlp_width: int
    time_width: int
    head_norm_eps: float
    max_horizon: int
    action_width: int

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.num_heads

    @classmethod
    def read(cls, expert: _Section, top: _Section) -> ActionExpertConfig:
        """Read `action_expert_config`; horizon and action width stand at the top level of the file."""
        for field, only in (
            ("context_layer_norm", True),
            ("qk_norm", True),
            ("rope", True),
            ("causal_attn", False),
        ):
            expert.require(field, only)
        width, heads = expert.size("hidden_size"), expert.size("num_heads")
        if width % (2 * heads):
            raise ConfigError(f"{expert.name('hidden_size')} {width} must be an even multiple of num_heads {heads}")
        time_width = expert.size("timestep_embed_dim")
        if time_width % 2:
            raise ConfigError(f"{expert.name('timestep_embed_dim')} must be even, but is {time_width}")
        return cls(
            width=width,
            num_layers=expert.size("num_layers"),
            num_heads=heads,
            mlp_width=_mlp_width(expert, width),
            time_width=time_width,
            head_norm_eps=expert.number("qk_norm_eps"),
            max_horizon=top.size("max_action_horizon"),
            action_width=top.size("max_action_dim"),
        )


@dataclass(frozen=True)
class FlowConfig:
    """Euler steps at inference, and how training draws its times: `offset + scale * Beta(alpha, beta)`."""

    num_steps: int
    time_cutoff: float
    time_offset: float
    time_scale: float
    beta_alpha: float
    beta_beta: float
    masks_padding: bool

    @classmethod
    def read(cls, top: _Section) -> FlowConfig:
        """Read the `flow_matching_*` fields."""
        return cls(
            num_steps=top.size("flow_matching_num_steps"),
            time_cutoff=top.number("flow_matching_cutoff"),
            time_offset=top.number("flow_matching_time_offset"),
            time_scale=top.number("flow_matching_time_scale"),
            beta_alpha=top.number("flow_matching_beta_alpha"),
            beta_beta=top.number("flow_matching_beta_beta"),
            masks_padding=top.flag("mask_action_dim_padding"),
        )


@dataclass(frozen=True)
class TokenConfig:
    """The token ids that the network itself must know; any of `eos` ends an answer."""

    image_patch: int
    image_typed: tuple[int, ...]
    eos: tuple[int, ...]
    action_start: int
    action_end: int
    action_first: int
    num_actions: int

    @classmethod
    def read(cls, top: _Section) -> TokenConfig:
        """Read the ids; the image-typed ones are those that attend to each other in both directions."""
        image_fields = (
            "image_patch_id",
            "image_col_id",
            "image_start_token_id",
            "low_res_image_start_token_id",
            "frame_start_token_id",
            "image_end_token_id",
            "frame_end_token_id",
            "image_low_res_id",
        )
        return cls(
            image_patch=top.integer("image_patch_id"),
            image_typed=tuple(top.integer(field) for field in image_fields),
            eos=top.integer_or_list("eos_token_id"),
            action_start=top.integer("action_start_token_id"),
            action_end=top.integer("action_end_token_id"),
            action_first=top.integer("action_token_start_id"),
            num_actions=top.size("num_action_tokens"),
        )


@dataclass(frozen=True)
class DepthConfig:
    """The tokens with which a checkpoint writes a depth map, and the square grid that they fill.

    `codec` names whose codes they are, where the checkpoint says so: one that `molmoact2 fit-demo` made does.
    """

    output: int
    start: int
    end: int
    first: int
    num_levels: int
    side: int
    codec: str = ""

    @property
    def num_cells(self) -> int:
        """Codes in a map."""
        return self.side * self.side

    @classmethod
    def read(cls, top: _Section) -> DepthConfig | None:
        """Read the depth fields; None for a checkpoint that has no depth tokens."""
        if top.integer("num_depth_tokens") == 0:
            return None
        cells = top.size("num_depth_codes")
        if math.isqrt(cells) ** 2 != cells:
            raise ConfigError(f"{top.name('num_depth_codes')} must be the square of a whole number, but is {cells}")
        return cls(
            output=top.integer("depth_output_token_id"),
            start=top.integer("depth_start_token_id"),
            end=top.integer("depth_end_token_id"),
            first=top.integer("depth_token_start_id"),
            num_levels=top.size("num_depth_tokens"),
            side=math.isqrt(cells),
            codec=top.text(DEPTH_CODEC_FIELD) if top.has(DEPTH_CODEC_FIELD) else "",
        )


@dataclass(frozen=True)
class MolmoAct2Config:
    """A whole checkpoint's architecture."""

    vision: VisionConfig
    connector: ConnectorConfig
    language: LanguageConfig
    expert: ActionExpertConfig
    flow: FlowConfig
    tokens: TokenConfig
    depth: DepthConfig | None
    hides_answers: bool
    num_observation_steps: int
    has_depth_gate: bool
    depth_gate_per_layer: bool

    @classmethod
    def load(cls, folder: str | Path) -> MolmoAct2Config:
        """Read `config.json` in a checkpoint folder.

        Raises:
            ConfigError: if the file is absent or not JSON, a field is missing or has the wrong type, two fields
                contradict each other, or a field asks for something no released checkpoint does.
        """
        path = Path(folder) / CONFIG_FILE
        try:
            values = read_json_object(path)
        except FileNotFoundError as error:
            raise ConfigError(f"{path} does not exist: a checkpoint folder must hold {CONFIG_FILE}") from error
        except JsonFileError as error:
            raise ConfigError(str(error)) from error
        return cls.read(_Section(values, str(path)))

    @classmethod
    def read(cls, top: _Section) -> MolmoAct2Config:
        """Read the parsed file."""
        top.require("model_type", "molmoact2")
        top.require("add_action_expert", True)
        top.require("state_format", "discrete")
        adapter = top.section("adapter_config")
        feature_layers = adapter.integers("vit_layers")
        config = cls(
            vision=VisionConfig.read(top.section("vit_config"), feature_layers),
            connector=ConnectorConfig.read(adapter),
            language=LanguageConfig.read(top.section("text_config")),
            expert=ActionExpertConfig.read(top.section("action_expert_config"), top),
            flow=FlowConfig.read(top),
            tokens=TokenConfig.read(top),
            depth=DepthConfig.read(top),
            hides_answers=top.text("action_mode") == "both",
            num_observation_steps=top.size("n_obs_steps"),
            has_depth_gate=top.flag("action_expert_depth_gate"),
            depth_gate_per_layer=top.flag("action_expert_depth_gate_per_layer"),
        )
        adapter.require("text_hidden_size", config.language.width)
        top.section("action_expert_config").require("num_layers", config.language.num_layers)
        return config


class _Section:
    """One JSON object of the file; its accessors name the field and the file when something is wrong."""

    def __init__(self, values: Mapping[str, Any], file: str, prefix: str = "") -> None:
        self._values = values
        self._file = file
        self._prefix = prefix

    def name(self, field: str) -> str:
        return f"{self._file}: {self._prefix}{field}"

    def has(self, field: str) -> bool:
        return self._values.get(field) is not None

    def section(self, field: str) -> _Section:
        return _Section(self._typed(field, dict), self._file, f"{self._prefix}{field}.")

    def integer(self, field: str) -> int:
        value = self._typed(field, int)
        if abs(value) > _LARGEST_SIZE:
            raise ConfigError(f"{self.name(field)} must be at most {_LARGEST_SIZE}, but is {brief(value)}")
        return int(value)

    def size(self, field: str) -> int:
        """Read a size or a count, which is at least 1."""
        value = self.integer(field)
        if value < 1:
            raise ConfigError(f"{self.name(field)} must be at least 1, but is {value}")
        return value

    def number(self, field: str) -> float:
        """Read a finite number."""
        value = self._typed(field, int, float)
        if not abs(value) <= sys.float_info.max:  # NaN, infinities, and whole numbers of hundreds of digits
            raise ConfigError(f"{self.name(field)} must be a finite number, but is {brief(value)}")
        return float(value)

    def flag(self, field: str) -> bool:
        return bool(self._typed(field, bool))

    def text(self, field: str) -> str:
        return str(self._typed(field, str))

    def integers(self, field: str) -> tuple[int, ...]:
        values = self._typed(field, list)
        if not values or not all(type(value) is int and abs(value) <= _LARGEST_SIZE for value in values):
            raise ConfigError(f"{self.name(field)} must be a list of at least 1 integer, but is {brief(values)}")
        return tuple(values)

    def integer_or_list(self, field: str) -> tuple[int, ...]:
        """Read one integer, or the list that some writers make of it."""
        return self.integers(field) if type(self._values.get(field)) is list else (self.integer(field),)

    def sizes(self, field: str, count: int) -> tuple[int, ...]:
        values = self.integers(field)
        if len(values) != count or min(values) < 1:
            raise ConfigError(f"{self.name(field)} must be {count} integers of at least 1, but is {brief(values)}")
        return values

    def require(self, field: str, only: Any) -> None:
        """Refuse any value but the one that this network implements or the rest of the file implies."""
        value = self._typed(field, type(only))
        if value != only:
            raise ConfigError(f"{self.name(field)} is {brief(value)}, but must be {only!r} for this network")

    def _typed(self, field: str, *kinds: type) -> Any:
        if field not in self._values:
            raise ConfigError(f"{self.name(field)} is missing: it must come from the checkpoint, there is no default")
        value = self._values[field]
        if type(value) not in kinds:
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise ConfigError(f"{self.name(field)} must be of type {expected}, but is {brief(value)}")
        return value


def _heads(section: _Section) -> dict[str, int]:
    """Read how many heads queries have, and keys and values."""
    heads, kv_heads = section.size("num_attention_heads"), section.size("num_key_value_heads")
    if heads % kv_heads:
        raise ConfigError(
            f"{section.name('num_attention_heads')} {heads} must be a multiple of num_key_value_heads {kv_heads}"
        )
    return {"num_heads": heads, "num_kv_heads": kv_heads}


def _rope_theta(text: _Section) -> float:
    """Find the rotary base in either spelling: `rope_theta`, or `rope_parameters` of newer writers."""
    if text.has("rope_scaling"):
        raise ConfigError(
            f"{text.name('rope_scaling')} must be absent or null: scaled rotary positions are not supported"
        )
    if not text.has("rope_parameters"):
        return text.number("rope_theta")
    parameters = text.section("rope_parameters")
    parameters.require("rope_type", "default")
    theta = parameters.number("rope_theta")
    if text.has("rope_theta") and text.number("rope_theta") != theta:
        raise ConfigError(f"{text.name('rope_theta')} is {text.number('rope_theta')}, but rope_parameters says {theta}")
    return theta


def _mlp_width(expert: _Section, width: int) -> int:
    """Return the ratio's share of the width, rounded up to a multiple; a multiple of 0 rounds nothing."""
    ratio, multiple = expert.number("mlp_ratio"), expert.integer("ffn_multiple_of")
    if not 1 <= width * ratio < math.inf:
        raise ConfigError(
            f"{expert.name('mlp_ratio')} must be finite and at least 1 / hidden_size {width}, but is {ratio}"
        )
    if multiple < 0:
        raise ConfigError(f"{expert.name('ffn_multiple_of')} must be at least 0, but is {multiple}")
    inner = int(width * ratio)
    return math.ceil(inner / multiple) * multiple if multiple else inner
