# SPDX-License-Identifier: Apache-2.0
"""The ids of MolmoAct2's own tokens, taken from the checkpoint's files and checked against each other.

Depth tokens and user fine-tunes shift ids, so none may be written into code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from molmoact2_ros.schema import brief, shortened

from .checkpoint_files import require_int
from .errors import ProcessingError


@dataclass(frozen=True)
class TokenIds:
    """Vocabulary ids; `first_*` with `num_*` are contiguous ranges, the depth ids are None without depth tokens."""

    bos: int
    eos: int
    pad: int
    image_start: int
    image_end: int
    image_patch: int
    image_column: int
    image_low_res: int
    low_res_image_start: int
    frame_start: int
    frame_end: int
    state_start: int
    state_end: int
    first_state: int
    num_states: int
    action_output: int
    action_start: int
    action_end: int
    first_action: int
    num_actions: int
    depth_output: int | None
    depth_start: int | None
    depth_end: int | None
    first_depth: int | None
    num_depths: int

    @property
    def image_typed(self) -> frozenset[int]:
        """Ids of the tokens that attend to each other in both directions."""
        markers = {self.image_start, self.image_end, self.low_res_image_start, self.frame_start, self.frame_end}
        return frozenset(markers | {self.image_patch, self.image_column, self.image_low_res})

    @classmethod
    def resolve(cls, config: dict[str, Any], tokenizer_config: dict[str, Any], tokenizer: Tokenizer) -> TokenIds:
        """Look every token up in the tokenizer and compare with config.json.

        Args:
            config: content of config.json.
            tokenizer_config: content of tokenizer_config.json.
            tokenizer: loaded tokenizer.json.

        Raises:
            ProcessingError: a token or field is missing, a field has the wrong type, or the files disagree on an id.
        """
        lookup = _Lookup(config, tokenizer_config, tokenizer)
        num_depths = require_int(config, "num_depth_tokens", "config.json", at_least=0)
        return cls(
            bos=lookup.role("bos_token", fallback="eos_token"),
            eos=lookup.role("eos_token"),
            pad=lookup.role("pad_token"),
            image_start=lookup.token("<im_start>", "image_start_token_id"),
            image_end=lookup.token("<im_end>", "image_end_token_id"),
            image_patch=lookup.token("<im_patch>", "image_patch_id"),
            image_column=lookup.token("<im_col>", "image_col_id"),
            image_low_res=lookup.token("<im_low>", "image_low_res_id"),
            low_res_image_start=lookup.token("<low_res_im_start>", "low_res_image_start_token_id"),
            frame_start=lookup.token("<frame_start>", "frame_start_token_id"),
            frame_end=lookup.token("<frame_end>", "frame_end_token_id"),
            state_start=lookup.token("<state_start>", "state_start_token_id"),
            state_end=lookup.token("<state_end>", "state_end_token_id"),
            first_state=lookup.range("state"),
            num_states=int(config["num_state_tokens"]),
            action_output=lookup.token("<action_output>", "action_output_token_id"),
            action_start=lookup.token("<action_start>", "action_start_token_id"),
            action_end=lookup.token("<action_end>", "action_end_token_id"),
            first_action=lookup.range("action"),
            num_actions=int(config["num_action_tokens"]),
            depth_output=lookup.token("<depth_output>", "depth_output_token_id") if num_depths else None,
            depth_start=lookup.token("<depth_start>", "depth_start_token_id") if num_depths else None,
            depth_end=lookup.token("<depth_end>", "depth_end_token_id") if num_depths else None,
            first_depth=lookup.range("depth") if num_depths else None,
            num_depths=num_depths,
        )


@dataclass(frozen=True)
class _Lookup:
    config: dict[str, Any]
    tokenizer_config: dict[str, Any]
    tokenizer: Tokenizer

    def token(self, token: str, key: str) -> int:
        configured = require_int(self.config, key, "config.json")
        return self._agreed(token, configured, f"config.json {key}")

    def role(self, role: str, fallback: str | None = None) -> int:
        """Return the id of a role such as `eos_token`.

        A null in config.json leaves the choice to the tokenizer; of a list of ids, one must be the tokenizer's.
        """
        entry = self.tokenizer_config.get(role) or (self.tokenizer_config.get(fallback) if fallback else None)
        if entry is None:
            raise ProcessingError(f"tokenizer_config.json lacks '{role}'; download the checkpoint's tokenizer again.")
        token = entry.get("content") if isinstance(entry, dict) else entry
        if not isinstance(token, str):
            raise ProcessingError(
                f"tokenizer_config.json field '{role}' must be a text, or an object with the text as 'content', not"
                f" {brief(entry)}."
            )
        configured, where = self.config.get(f"{role}_id"), f"config.json {role}_id"
        found = self.tokenizer.token_to_id(token)
        if isinstance(configured, list) and found is not None and found in configured:
            return int(found)
        return self._agreed(token, configured, where)

    def range(self, kind: str) -> int:
        """Return the first id of `<kind_0>`, `<kind_1>`, ... after checking that the ids follow one another."""
        first = require_int(self.config, f"{kind}_token_start_id", "config.json")
        count = require_int(self.config, f"num_{kind}_tokens", "config.json", at_least=1)
        for index in range(count):
            self._agreed(f"<{kind}_{index}>", first + index, f"config.json {kind}_token_start_id + {index}")
        return first

    def _agreed(self, token: str, configured: object, where: str) -> int:
        found = self.tokenizer.token_to_id(token)
        if found is None:
            raise ProcessingError(
                f"tokenizer.json lacks the token {shortened(token, 80)}; it does not belong to this checkpoint."
            )
        if configured is not None and configured != found:
            raise ProcessingError(
                f"Token {token} has id {found} in tokenizer.json but {brief(configured)} by {where};"
                " use the tokenizer that came with the checkpoint."
            )
        return int(found)
