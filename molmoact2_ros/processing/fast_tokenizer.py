# SPDX-License-Identifier: Apache-2.0
"""OpenFAST: action chunks as short token sequences, by cosine transform and byte-pair encoding.

A chunk is transformed along time, the coefficients are rounded after a scale, each becomes one character, and the text
is encoded byte by byte as GPT-2 does.

Holes: a fitted vocabulary holds the bytes that its training chunks used. A coefficient whose character needs another
byte cannot be encoded at all: the encoder drops it, the text gets too short, and the reference implementation then
moves the robot to an all-zero chunk. Here `encode` and `decode` raise instead.

Source: allenai/MolmoAct2-FAST-Tokenizer (UniversalActionProcessor), after physical-intelligence/fast.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from .checkpoint_files import load_tokenizer, read_json, require_int, require_typed
from .errors import ProcessingError

FloatArray = NDArray[np.float32]

_CONFIG_FILE = "processor_config.json"
_TOKENIZER_FILE = "tokenizer.json"
# What `decode` gives for bytes that are no character.
_BROKEN_CHARACTER = "\N{REPLACEMENT CHARACTER}"
# Characters from here on are surrogates, which no text may hold.
_MAX_SYMBOLS = 0xD800
# A vocabulary needs room for merges in addition to the single characters.
_MERGE_ROOM = 100

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FastTokenizer:
    """Encode and decode action chunks.

    Attributes:
        tokenizer: byte-level encoding of the coefficient text.
        scale: levels per unit of a coefficient.
        vocab_size: upper bound of the token ids.
        min_token: rounded coefficient that the first character stands for.
    """

    tokenizer: Tokenizer
    scale: float
    vocab_size: int
    min_token: int

    @classmethod
    def load(cls, folder: Path) -> FastTokenizer:
        """Read a tokenizer folder in the released layout.

        Raises:
            ProcessingError: a file or field is missing, or a field has the wrong type.
        """
        folder = Path(folder)
        config = read_json(folder, _CONFIG_FILE)
        return cls(
            tokenizer=load_tokenizer(folder, _TOKENIZER_FILE),
            scale=_scale(config),
            vocab_size=require_int(config, "vocab_size", _CONFIG_FILE),
            min_token=require_int(config, "min_token", _CONFIG_FILE),
        )

    def save(self, folder: Path) -> None:
        """Write the files of a tokenizer folder; `folder` is made if needed."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save(str(folder / _TOKENIZER_FILE))
        processor = {
            "processor_class": "UniversalActionProcessor",
            "scale": self.scale,
            "vocab_size": self.vocab_size,
            "min_token": self.min_token,
            "action_dim": None,
            "time_horizon": None,
        }
        tokenizer = {"clean_up_tokenization_spaces": False, "tokenizer_class": "PreTrainedTokenizerFast"}
        contents = {_CONFIG_FILE: processor, "tokenizer_config.json": tokenizer, "special_tokens_map.json": {}}
        for name, content in contents.items():
            (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def fit(cls, chunks: Sequence[NDArray[Any]], vocab_size: int = 2048, scale: float = 10) -> FastTokenizer:
        """Learn a vocabulary.

        Args:
            chunks: arrays [T, D] of actions in -1 to 1; T and D may differ between chunks.
            vocab_size: number of tokens at most.
            scale: levels per unit of a coefficient.

        Raises:
            ProcessingError: there is no chunk, one is not a finite [T, D] array, or `vocab_size` is too small for the
                range of coefficients.
        """
        if not chunks:
            raise ProcessingError("Fitting an action tokenizer needs at least one chunk, got none.")
        levels = [_quantise(chunk, scale) for chunk in chunks]
        min_token = min(int(level.min()) for level in levels)
        num_symbols = max(int(level.max()) for level in levels) - min_token + 1
        _check_vocabulary(num_symbols, vocab_size)
        tokenizer = _train((_to_text(level, min_token) for level in levels), num_symbols, vocab_size)
        return cls(tokenizer, scale, vocab_size, min_token)

    def encode(self, chunk: NDArray[Any]) -> list[int]:
        """Turn a chunk into tokens.

        Args:
            chunk: [T, D] actions in -1 to 1, without padding. A coefficient below `min_token` becomes `min_token`, as
                in the reference.

        Returns:
            Token ids, each below `vocab_size`.

        Raises:
            ProcessingError: the chunk is not a finite [T, D] array, or a coefficient falls in a hole.
        """
        text = _to_text(_quantise(chunk, self.scale), self.min_token)
        ids = self._ids(text)
        if self._text(ids) != text:
            holes = ", ".join(str(value) for value in self._holes(text))
            raise ProcessingError(
                f"The action tokenizer has no token for the coefficients {holes} (in units of 1/{self.scale:g});"
                " fit it on data that covers them."
            )
        return ids

    def decode(self, ids: Sequence[int], horizon: int, action_dim: int) -> FloatArray:
        """Turn tokens into a chunk.

        Args:
            ids: token ids.
            horizon: rows of the chunk, T.
            action_dim: values per row, D.

        Returns:
            float32 [T, D].

        Raises:
            ProcessingError: the tokens do not make up exactly T * D coefficients, or are no text at all. The reference
                returns zeros there, which a robot would take for a target.
        """
        text = self._text(ids)
        if _BROKEN_CHARACTER in text:
            raise ProcessingError(f"The {len(ids)} action tokens break off within a coefficient; predict again.")
        if len(text) != horizon * action_dim:
            raise ProcessingError(
                f"The {len(ids)} action tokens hold {len(text)} coefficients, but {horizon} steps x {action_dim} values"
                f" need {horizon * action_dim}; predict again."
            )
        levels = np.array([ord(character) for character in text]).reshape(horizon, action_dim) + self.min_token
        return (_cosine_transform(horizon).T @ (levels / self.scale)).astype(np.float32)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def _text(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False))

    def _holes(self, text: str) -> list[int]:
        lost = (symbol for symbol in sorted(set(text)) if self._text(self._ids(symbol)) != symbol)
        return [ord(symbol) + self.min_token for symbol in lost]


def _scale(config: dict[str, Any]) -> float:
    scale = require_typed(config, "scale", float, _CONFIG_FILE)
    if not 0 < scale < math.inf:
        raise ProcessingError(f"{_CONFIG_FILE} field 'scale' must be a finite number above 0, not {scale}.")
    return scale


@lru_cache(maxsize=16)
def _cosine_transform(length: int) -> NDArray[np.float64]:
    """Return the orthonormal DCT-II of `length` samples as a matrix [frequency, sample]; its transpose inverts it."""
    frequency = np.arange(length)[:, None]
    sample = np.arange(length)
    matrix = np.cos(np.pi * (2 * sample + 1) * frequency / (2 * length)) * np.sqrt(2 / length)
    matrix[0] /= np.sqrt(2)
    return matrix


def _quantise(chunk: NDArray[Any], scale: float) -> NDArray[np.int64]:
    """Return the rounded coefficients [T, D] of a chunk [T, D]."""
    values = np.asarray(chunk, dtype=np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ProcessingError(f"An action chunk must be a finite array (steps, values), got the shape {values.shape}.")
    return np.rint(_cosine_transform(len(values)) @ values * scale).astype(np.int64)


def _to_text(levels: NDArray[np.int64], min_token: int) -> str:
    symbols = np.maximum(levels.ravel() - min_token, 0)
    if symbols.max() >= _MAX_SYMBOLS:
        raise ProcessingError(f"A coefficient of {levels.max()} is no action in -1 to 1; normalise the chunk first.")
    return "".join(map(chr, symbols))


def _check_vocabulary(num_symbols: int, vocab_size: int) -> None:
    if num_symbols > vocab_size:
        raise ProcessingError(
            f"The coefficients take {num_symbols} values, more than the {vocab_size} tokens of the vocabulary;"
            " use a larger one or a smaller scale."
        )
    if num_symbols + _MERGE_ROOM > vocab_size:
        _log.warning("%d of %d tokens are single coefficients, few are left to merge them.", num_symbols, vocab_size)


def _train(texts: Iterable[str], num_symbols: int, vocab_size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=[chr(symbol) for symbol in range(num_symbols)],
        max_token_length=10_000,
    )
    tokenizer.train_from_iterator(texts, trainer=trainer)
    return tokenizer
