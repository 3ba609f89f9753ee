# SPDX-License-Identifier: Apache-2.0
"""Turn an observation into model inputs, and model outputs into actions, as a checkpoint's files say.

The image half and the text half are separate, because images change with every frame while most of the text stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from molmoact2_ros.schema import brief, shortened

from .checkpoint_files import load_tokenizer, read_json, require_int, require_typed
from .errors import ProcessingError
from .image_encoder import ImageEncoder
from .images import ByteImage, FloatArray, IndexArray
from .model_inputs import ModelInputs
from .norm_stats import NormStats
from .prompt import IMAGE_PLACEHOLDER, build_prompt, mark, normalize_task, state_text
from .token_ids import TokenIds

# Where config.json lacks max_position_embeddings: the smaller of the published defaults.
UNSTATED_MAX_TOKENS = 16_384
MOST_CHARACTERS_PER_TOKEN = 64


@dataclass(frozen=True)
class Processor:
    """The protocol of one checkpoint.

    Attributes:
        images: the image half.
        stats: the robots it knows.
        tokens: ids of its special tokens.
        tokenizer: its text tokenizer.
        mark_setup: whether the setup text stands between setup tokens.
        mark_control: whether the control mode stands between control tokens.
        first_action_row: row of a predicted chunk that belongs to the newest observation.
        max_tokens: longest sequence that the network was made for.
    """

    images: ImageEncoder
    stats: NormStats
    tokens: TokenIds
    tokenizer: Tokenizer
    mark_setup: bool
    mark_control: bool
    first_action_row: int
    max_tokens: int = UNSTATED_MAX_TOKENS

    @classmethod
    def load(cls, folder: Path) -> Processor:
        """Read a checkpoint folder in the released layout; weights are not touched.

        Raises:
            ProcessingError: a file or field is missing, a field has the wrong type, or the files contradict each other.
        """
        folder = Path(folder)
        config = read_json(folder, "config.json")
        tokenizer = load_tokenizer(folder)
        return cls(
            images=ImageEncoder.load(folder),
            stats=NormStats.load(folder, require_typed(config, "norm_stats_filename", str, "config.json")),
            tokens=TokenIds.resolve(config, read_json(folder, "tokenizer_config.json"), tokenizer),
            tokenizer=tokenizer,
            mark_setup=require_typed(config, "add_setup_tokens", bool, "config.json"),
            mark_control=require_typed(config, "add_control_tokens", bool, "config.json"),
            first_action_row=require_int(config, "n_obs_steps", "config.json", at_least=1) - 1,
            max_tokens=_max_tokens(config),
        )

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) in pixels of the images that need no resizing."""
        return self.images.image_size

    def encode(
        self, images: Sequence[ByteImage], task: str, state: NDArray[Any], norm_tag: str, *, depth: bool = False
    ) -> ModelInputs:
        """Prepare one observation.

        Args:
            images: `C` images uint8 [H, W, 3], RGB, in camera order.
            task: instruction as the operator gave it.
            state: [D] in policy units.
            norm_tag: which robot of the checkpoint.
            depth: ask for depth reasoning before the action.

        Raises:
            ProcessingError: an input does not fit the checkpoint, see `encode_images` and `encode_text`.
        """
        pixel_values, pooling_index = self.encode_images(images)
        input_ids, prompt = self.encode_text(task, state, norm_tag, len(images), depth=depth)
        return ModelInputs(input_ids, pixel_values, pooling_index, prompt)

    def encode_images(self, images: Sequence[ByteImage]) -> tuple[FloatArray, IndexArray]:
        """Prepare the images of one observation; see `ImageEncoder.encode`."""
        return self.images.encode(images)

    def encode_text(
        self, task: str, state: NDArray[Any], norm_tag: str, num_images: int, *, depth: bool = False
    ) -> tuple[IndexArray, str]:
        """Prepare the text of one observation.

        Args:
            task: instruction as the operator gave it.
            state: [D] in policy units.
            norm_tag: which robot of the checkpoint.
            num_images: number of cameras.
            depth: ask for depth reasoning before the action.

        Returns:
            int64 [S] token ids, and the prompt with image placeholders.

        Raises:
            ProcessingError: unknown tag, wrong number of state values or one not finite, a task that is empty after
                normalisation, holds special tokens or makes the prompt too long, or depth asked of a checkpoint without
                depth tokens.
        """
        if depth and not self.tokens.num_depths:
            raise ProcessingError("Depth reasoning needs depth tokens, which this checkpoint lacks; turn it off.")
        tag = self.stats.tag(norm_tag)
        prompt = build_prompt(
            self._checked_task(task),
            mark(tag.setup, "setup") if self.mark_setup else tag.setup,
            mark(tag.control, "control") if self.mark_control else tag.control,
            state_text(tag.state.normalize(state), self.tokens.num_states),
            num_images,
            depth=depth,
        )
        text = prompt.replace(IMAGE_PLACEHOLDER, self.images.image_text())
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        if ids[0] != self.tokens.bos:
            ids.insert(0, self.tokens.bos)
        self._check_length(task, len(ids))
        return np.asarray(ids, dtype=np.int64), prompt

    def check_task(self, task: str, norm_tag: str, num_images: int, *, depth: bool = False, room: int = 0) -> None:
        """Check an instruction where it is given, with a state in the middle of its range.

        Args:
            task: instruction as the operator gave it.
            norm_tag: which robot of the checkpoint.
            num_images: number of cameras.
            depth: whether depth reasoning may be asked for.
            room: tokens that are written after the prompt.

        Raises:
            ProcessingError: as `encode_text`.
        """
        stats = self.stats.tag(norm_tag).state
        middle = stats.unnormalize(np.zeros(len(stats.names), np.float32))
        ids, _ = self.encode_text(task, middle, norm_tag, num_images, depth=depth)
        self._check_length(task, len(ids) + room)

    def decode(self, actions: NDArray[Any], norm_tag: str, n_action_steps: int | None = None) -> FloatArray:
        """Turn a predicted chunk into actions of the robot.

        Args:
            actions: [H, A] in network units; columns beyond the robot's dimensions are padding.
            norm_tag: which robot of the checkpoint.
            n_action_steps: rows to return; the tag's own number when not given.

        Returns:
            float32 [n_action_steps, D] in policy units.

        Raises:
            ProcessingError: unknown tag, a chunk that is too small, or a value that is not finite.
        """
        tag = self.stats.tag(norm_tag)
        width = len(tag.action.names)
        steps = tag.n_action_steps if n_action_steps is None else n_action_steps
        end = self.first_action_row + steps
        if steps < 1 or actions.ndim != 2 or actions.shape[0] < end or actions.shape[1] < width:
            raise ProcessingError(f"A chunk of at least {end} rows x {width} values is needed, got {actions.shape}.")
        return tag.action.unnormalize(actions[self.first_action_row : end, :width])

    @cached_property
    def _added_ids(self) -> frozenset[int]:
        return frozenset(self.tokenizer.get_added_tokens_decoder())

    def _check_length(self, task: str, num_tokens: int) -> None:
        if num_tokens > self.max_tokens:
            raise ProcessingError(
                f"The instruction {brief(task)} makes {num_tokens} tokens with all else, but the model reads at most"
                f" {self.max_tokens}; say it in fewer words."
            )

    def _checked_task(self, task: str) -> str:
        if len(task) > MOST_CHARACTERS_PER_TOKEN * self.max_tokens:  # before a tokenizer works on it for minutes
            raise ProcessingError(
                f"The instruction {brief(task)} has {len(task)} characters, too many for the {self.max_tokens} tokens"
                " that the model reads; say it in fewer words."
            )
        try:
            task.encode()
        except UnicodeEncodeError as error:
            raise ProcessingError(f"The instruction {brief(task)} is no valid text; type it again.") from error
        normalized = normalize_task(task)
        if not normalized:
            raise ProcessingError(f"The instruction {brief(task)} is empty; say what the robot should do.")
        found = self.tokenizer.encode(normalized, add_special_tokens=False).ids
        names = [str(self.tokenizer.id_to_token(token)) for token in sorted(self._added_ids.intersection(found))]
        if IMAGE_PLACEHOLDER in normalized and IMAGE_PLACEHOLDER not in names:
            names.append(IMAGE_PLACEHOLDER)  # replaced in the prompt, whatever the tokenizer makes of it
        if names:
            raise ProcessingError(
                f"The instruction {brief(task)} holds the model's own tokens {shortened(', '.join(names), 100)}; use"
                " plain words."
            )
        return normalized


def _max_tokens(config: dict[str, Any]) -> int:
    text = config.get("text_config")
    if not isinstance(text, dict) or text.get("max_position_embeddings") is None:
        return UNSTATED_MAX_TOKENS
    return require_int(text, "max_position_embeddings", "config.json text_config", at_least=1)
