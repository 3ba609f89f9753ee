# SPDX-License-Identifier: Apache-2.0
"""The tokenizer of a tiny checkpoint: byte-level BPE with the released special tokens in the released order.

The words of the prompt template are single tokens, as in the released vocabulary; anything else falls into bytes.
Merges are spelled out rather than trained, so that the files do not depend on the version of a trainer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .sizes import TinySizes

PAD, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
STATE_TOKENS = 256
# What stands behind the vocabulary, where the image tokens are.
IMAGE_TOKENS = (
    "<im_start>",
    "<im_end>",
    "<im_patch>",
    "<im_col>",
    "<low_res_im_start>",
    "<|image|>",
    "<im_low>",
    "<frame_start>",
    "<frame_end>",
    "<|video|>",
    "<|points|>",
    "<|token_index|>",
    "<|vit_index|>",
    "<|vit_loc|>",
)
# Vocabulary sizes are multiples of this; fillers take up the rest.
VOCAB_STEP = 256

# Words that follow a space come first: what they merge is more urgent, so that they stay whole.
_WORDS = (
    " The task is to setup current state of the robot expected control mode these what action should take complete",
    " first predict depth map main image and then joint pose end effector end-effector",
    " franka robotic arm arms in droid yam molmoact libero so",
    "Image user The Given single bimanual absolute delta assistant",
)


@dataclass(frozen=True)
class TinyTokenizer:
    """A vocabulary and its merges.

    Attributes:
        base: plain tokens by id, from 0.
        merges: pairs of plain tokens, most urgent first.
        added: special tokens by id, straight after the plain ones.
        vocab_size: rows of the language model's head; the image tokens come after.
    """

    base: tuple[str, ...]
    merges: tuple[tuple[str, str], ...]
    added: tuple[str, ...]
    vocab_size: int

    @classmethod
    def build(cls, sizes: TinySizes, think: bool) -> TinyTokenizer:
        """Build the tokenizer; `think` adds the depth tokens."""
        merges = _merges()
        base = (PAD, TURN_START, TURN_END, *_byte_letters(), *(left + right for left, right in merges))
        added = ["<setup_start>", "<setup_end>", "<control_start>", "<control_end>", "<state_start>", "<state_end>"]
        added += [f"<state_{level}>" for level in range(STATE_TOKENS)]
        added += ["<action_output>", "<action_start>", "<action_end>"]
        added += [f"<action_{bin_}>" for bin_ in range(sizes.action_tokens)]
        if think:
            added += ["<depth_output>", "<depth_start>", "<depth_end>"]
            added += [f"<depth_{code}>" for code in range(sizes.depth_levels)]
        vocab_size = -(-(len(base) + len(added)) // VOCAB_STEP) * VOCAB_STEP
        added += [f"<extra_{index}>" for index in range(vocab_size - len(base) - len(added))]
        return cls(base, merges, tuple(added), vocab_size)

    def ids(self) -> dict[str, int]:
        """Return the id of every token."""
        tokens = (*self.base, *self.added, *IMAGE_TOKENS)
        return {token: index for index, token in enumerate(tokens)}

    def tokenizer_json(self) -> dict[str, Any]:
        """Build the content of `tokenizer.json`."""
        ids = self.ids()
        special = (PAD, TURN_START, TURN_END, *self.added, *IMAGE_TOKENS)
        byte_level = {"type": "ByteLevel", "trim_offsets": True, "use_regex": True}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [_added_token(token, ids[token]) for token in special],
            "normalizer": None,
            "pre_tokenizer": {**byte_level, "add_prefix_space": False},
            "post_processor": None,
            "decoder": {**byte_level, "add_prefix_space": True},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {token: index for index, token in enumerate(self.base)},
                "merges": [list(pair) for pair in self.merges],
            },
        }


def tokenizer_config_json() -> dict[str, Any]:
    """Build the content of `tokenizer_config.json`."""
    return {
        "bos_token": TURN_END,
        "clean_up_tokenization_spaces": False,
        "eos_token": TURN_END,
        "model_max_length": 1_000_000_000_000_000_019_884_624_838_656,
        "pad_token": PAD,
        "padding_side": "left",
        "tokenizer_class": "TokenizersBackend",
    }


def _added_token(token: str, index: int) -> dict[str, Any]:
    """Mark the robot's tokens as the released files do: not special, unlike turns, images and fillers."""
    special = token in (PAD, TURN_START, TURN_END, *IMAGE_TOKENS) or token.startswith("<extra_")
    return {
        "id": index,
        "content": token,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": not special,
        "special": special,
    }


def _merges() -> tuple[tuple[str, str], ...]:
    """Grow every word of the template from the left, letter by letter."""
    words = [word for line in _WORDS for word in _with_spaces(line)]
    merges = {(word[:end], word[end]): None for word in words for end in range(1, len(word))}
    return tuple(merges)


def _with_spaces(line: str) -> list[str]:
    """Split a line; one that starts with a space holds words that follow a space."""
    space = _byte_letters()[ord(" ")] if line.startswith(" ") else ""
    return [space + word for word in line.split()]


def _byte_letters() -> tuple[str, ...]:
    """Return the printable letter of each byte that byte-level BPE writes: itself, or one from 256 up."""
    printable = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    letters, next_free = [], 256
    for byte in range(256):
        letters.append(chr(byte if byte in printable else next_free))
        next_free += byte not in printable
    return tuple(letters)
