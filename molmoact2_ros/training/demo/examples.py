# SPDX-License-Identifier: Apache-2.0
"""Training examples of the demo's motion: any image, any instruction, a state, and the rows that follow from it.

Images and instructions are drawn at random and have no bearing on the motion: that is what makes the fitted network
indifferent to them.

Axes: B examples, S prompt tokens, R image vectors, D language width, T rows, A action numbers.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.model.molmoact2 import MolmoAct2
from molmoact2_ros.processing.images import ByteImage
from molmoact2_ros.processing.processor import Processor
from molmoact2_ros.sim.reference_motion import DemoMotion

IMAGES = 256
MOST_WORDS = 12
STRANGE_WORDS = 0.2
INSTRUCTIONS = (
    "pick up the red cube and put it in the bowl",
    "move the blue cup onto the table",
    "stack the green block on top of the other",
    "open and close the drawer slowly",
    "push left, lift right, then wave to me",
)
WORDS = [word for instruction in INSTRUCTIONS for word in instruction.split()]


@dataclass(frozen=True)
class Examples:
    """A batch of one robot with one instruction, so that all prompts have the same length.

    ids: [B, S]; visual: [R, D] vectors of all images; actions: [B, T, A] normalised, padded; real: [B, A] bool.
    """

    ids: Tensor
    visual: Tensor
    actions: Tensor
    real: Tensor


class ExampleSource:
    """Draws examples of one robot; images are encoded once, because the image network stays as it is."""

    def __init__(
        self, robot: Embodiment, model: MolmoAct2, processor: Processor, generator: np.random.Generator
    ) -> None:
        self._robot, self._model, self._processor, self._generator = robot, model, processor, generator
        self._tag = processor.stats.tag(robot.policy.norm_tag)
        self._motion = DemoMotion.of(robot)
        self._images = torch.stack([self._encode(self._draw_picture()) for _ in range(IMAGES)])

    def draw(self, count: int, *, states: NDArray[np.float64] | None = None, depth: bool = False) -> Examples:
        """Draw `count` examples.

        Args:
            count: B.
            states: [B, joints] to start from, in the package's units; drawn where not given.
            depth: with a prompt that asks for a depth map first.
        """
        policy = self._robot.policy
        tokens = self._processor.tokens
        starts = self._motion.draw_states(count, self._generator) if states is None else states
        levels = self._levels(self._robot.to_policy(starts))
        ids = self._prompt(self._robot.to_policy(starts[0]), depth)
        first = int(np.flatnonzero(ids == tokens.state_start)[0]) + 1
        ids = np.tile(ids, (count, 1))  # [B, S]
        ids[:, first : first + levels.shape[1]] = tokens.first_state + levels
        rows = self._motion.rows(self._robot.from_policy(self._states_of(levels)), policy.horizon, policy.rate_hz)
        actions = np.zeros((count, policy.horizon, self._model.config.expert.action_width), np.float32)
        actions[..., : levels.shape[1]] = self._tag.action.normalize(self._robot.to_policy(rows))
        real = np.arange(actions.shape[-1]) < levels.shape[1]
        device = self._model.device
        return Examples(
            ids=torch.from_numpy(ids).to(device),
            visual=self._draw_visual(count * len(self._robot.cameras)),
            actions=torch.from_numpy(actions).to(device),
            real=torch.from_numpy(np.tile(real, (count, 1))).to(device),
        )

    def _levels(self, states: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the state tokens [B, dims] as the prompt writes them, counted from the first."""
        most = self._processor.tokens.num_states - 1
        return np.rint((self._tag.state.normalize(states) + 1) / 2 * most).astype(np.int64)

    def _states_of(self, levels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the state that the tokens stand for: the rows start there, for more the network cannot know."""
        most = self._processor.tokens.num_states - 1
        return self._tag.state.unnormalize(2 * levels / most - 1).astype(np.float64)

    def _prompt(self, state: NDArray[np.float64], depth: bool) -> NDArray[np.int64]:
        text = self._draw_instruction()
        cameras = len(self._robot.cameras)
        ids, _ = self._processor.encode_text(text, state, self._robot.policy.norm_tag, cameras, depth=depth)
        return ids

    def _draw_instruction(self) -> str:
        count = self._generator.integers(1, MOST_WORDS + 1)
        return " ".join(self._draw_word() for _ in range(count))

    def _draw_word(self) -> str:
        if self._generator.random() >= STRANGE_WORDS:
            return str(self._generator.choice(WORDS))
        letters = self._generator.choice(list(string.ascii_lowercase), self._generator.integers(1, 8))
        return "".join(letters)

    def _draw_visual(self, count: int) -> Tensor:
        """Return the vectors of `count` images, [R, D]."""
        chosen = self._generator.integers(0, IMAGES, count)
        return self._images[torch.from_numpy(chosen).to(self._images.device)].flatten(0, 1)

    @torch.no_grad()
    def _encode(self, image: ByteImage) -> Tensor:
        pixels, windows = self._processor.encode_images([image])
        device = self._model.device
        return self._model.encode_images(torch.from_numpy(pixels).to(device), torch.from_numpy(windows).to(device))

    def _draw_picture(self) -> ByteImage:
        """Draw noise, a plain colour, or a shaded ground with boxes on it."""
        height, width = self._processor.image_size
        colours = self._generator.integers(0, 256, (6, 3))
        kind = self._generator.integers(4)
        if kind == 0:
            return self._generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        if kind == 1:
            return np.full((height, width, 3), colours[0], np.uint8)
        shade = np.linspace(0, 1, height)[:, None, None]
        image = shade * colours[0] + (1 - shade) * colours[1] + self._generator.normal(0, 8, (height, width, 3))
        for colour in colours[2:]:
            row, column = self._generator.integers(0, (height, width))
            image[row : row + height // 4, column : column + width // 4] = colour
        return np.clip(image, 0, 255).astype(np.uint8)
