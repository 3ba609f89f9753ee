# SPDX-License-Identifier: Apache-2.0
"""The whole network: images and prompt in, action chunk out.

    pixels -> encode_images -> prefill -> project_context -> integrate_flow -> normalised actions
                                  |-> decoding.generate -> action tokens
                                  `-> depth.read_depth -> depth codes, and a longer prefill for what follows

Each arrow is a method, so that a caller may time, replace or check one stage. None of them switches gradients off:
that is for the caller who wants inference.

Axes: B batch, S prompt tokens, D language width, V vocabulary, C images, P patches, X numbers in a patch,
R pooled windows, W patches in a window, T steps of the action chunk, A action numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from molmoact2_ros.model import depth_gate, flow, masks
from molmoact2_ros.model.action_expert import ActionExpert, Context
from molmoact2_ros.model.config import MolmoAct2Config
from molmoact2_ros.model.kv_cache import KVCache
from molmoact2_ros.model.language import LanguageModel
from molmoact2_ros.model.rtc import RtcGuidance
from molmoact2_ros.model.vision import VisionBackbone


@dataclass(frozen=True)
class Prefill:
    """A prompt that has been read.

    cache: keys and values of every layer.
    hidden: [B, S, D] after the final norm.
    visible: [B, S] bool, the tokens that the action expert may read.
    is_depth: [B, S] bool, the tokens of a depth map; None where the checkpoint has none.
    """

    cache: KVCache
    hidden: Tensor
    visible: Tensor
    is_depth: Tensor | None = None


class MolmoAct2(nn.Module):
    """MolmoAct2 with its action expert; sub-modules bear the names of the checkpoint's keys."""

    def __init__(self, config: MolmoAct2Config) -> None:
        super().__init__()
        self.config = config
        self.transformer = LanguageModel(config.language)
        self.vision_backbone = VisionBackbone(config.vision, config.connector, config.language.width)
        self.action_expert = ActionExpert(config.expert, config.language.kv_width)
        if config.has_depth_gate:
            self.action_expert_depth_gate = depth_gate.build(config)
        self.lm_head = nn.Linear(config.language.width, config.language.vocab_size, bias=False)

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the weights and of everything between images and actions."""
        return self.lm_head.weight.dtype

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.lm_head.weight.device

    def check_inputs(self, num_image_tokens: int, num_windows: int, num_tokens: int) -> None:
        """Check what the hot path cannot without waiting for the device.

        Raises:
            ValueError: if image tokens != pooled windows, or the prompt is empty.
        """
        if num_tokens == 0:
            raise ValueError("the prompt is empty")
        if num_image_tokens != num_windows:
            raise ValueError(
                f"the prompt has {num_image_tokens} image-patch tokens, but the images give {num_windows} vectors: "
                "prompt and images must come from the same call of the processor"
            )

    def encode_images(self, pixels: Tensor, windows: Tensor) -> Tensor:
        """[C, P, X] patches and [R, W] windows -> [R, D]; see `VisionBackbone.forward`."""
        return self.vision_backbone(pixels, windows)

    def embed(self, ids: Tensor, visual: Tensor) -> Tensor:
        """Look up [B, S] tokens and add the image vectors [R, D] to the image-patch tokens, in reading order."""
        x = self.transformer.wte(ids)  # [B, S, D]
        is_patch = ids == self.config.tokens.image_patch
        row = (is_patch.flatten().cumsum(0) - 1).clamp(min=0).view_as(ids)  # [B, S]
        return x + visual.to(x.dtype)[row] * is_patch[..., None].to(x.dtype)

    def prompt_bias(self, ids: Tensor, valid: Tensor, bidirectional_images: bool = True) -> Tensor:
        """Return the additive attention mask of a prompt, [B, 1, S, S]; see `masks.prompt_bias`."""
        image_typed = masks.is_any_of(ids, self.config.tokens.image_typed) if bidirectional_images else None
        return masks.prompt_bias(valid, image_typed, self.dtype)

    def prefill(
        self,
        ids: Tensor,
        visual: Tensor,
        valid: Tensor | None = None,
        *,
        capacity: int | None = None,
        bidirectional_images: bool = True,
    ) -> Prefill:
        """Read a prompt.

        Args:
            ids: [B, S] token ids.
            visual: [R, D] image vectors of the whole batch, one per image-patch token.
            valid: [B, S] bool, false for padding; padding shifts no positions. Default: all valid.
            capacity: token slots of the cache, for those who decode further. Default: S.
            bidirectional_images: image tokens see each other, as at inference; false gives the mask of training.
        """
        valid = torch.ones_like(ids, dtype=torch.bool) if valid is None else valid
        batch, size = ids.shape
        cache = KVCache(self.config.language, batch, capacity or size, self.dtype, self.device)
        positions = (valid.cumsum(1) - 1).clamp(min=0)
        bias = self.prompt_bias(ids, valid, bidirectional_images)
        hidden = self.transformer(self.embed(ids, visual), positions, bias, cache)
        return Prefill(cache, hidden, *self.classify(ids, valid))

    def classify(self, ids: Tensor, valid: Tensor) -> tuple[Tensor, Tensor | None]:
        """[B, S] ids and validity -> `visible` and `is_depth` of a `Prefill`."""
        visible = masks.visible_to_expert(ids, valid, self.config.tokens, self.config.hides_answers)
        return visible, None if self.config.depth is None else masks.is_depth(ids, self.config.depth)

    def project_context(self, prefill: Prefill) -> Context:
        """Project the cache into what every action-expert block reads; once per observation."""
        cache = prefill.cache
        layers = [cache.flat(layer) for layer in range(cache.num_layers)]
        layers = self.gate_depth(layers, prefill.visible, prefill.is_depth)
        return self.action_expert.project_context(layers, prefill.visible)

    def gate_depth(
        self, layers: list[tuple[Tensor, Tensor]], visible: Tensor, is_depth: Tensor | None
    ) -> list[tuple[Tensor, Tensor]]:
        """Scale keys and values of depth tokens by the checkpoint's gate, if it has one; see `depth_gate.scale`."""
        if is_depth is None or not self.config.has_depth_gate:
            return layers
        return depth_gate.scale(self.action_expert_depth_gate, layers, visible, is_depth)

    def predict_velocity(self, actions: Tensor, times: Tensor, context: Context) -> Tensor:
        """[B, T, A] noisy actions at [B] times in 0..1 -> [B, T, A] velocity."""
        return self.action_expert(actions, self.action_expert.modulate_at(times), context)

    def integrate_flow(
        self,
        noise: Tensor,
        context: Context,
        real_width: int,
        num_steps: int | None = None,
        *,
        guidance: RtcGuidance | None = None,
    ) -> Tensor:
        """Turn noise into normalised actions.

        Args:
            noise: [B, T, A] standard normal, in the model's dtype.
            context: of the observation.
            real_width: action numbers the robot has.
            num_steps: Euler steps. Default: the checkpoint's.
            guidance: the chunk to continue, in the model's width and dtype. Default: none.

        Returns:
            [B, T, real_width] in the model's dtype, robot-normalised, about -1..1.
        """
        steps = self.config.flow.num_steps if num_steps is None else num_steps
        keep = self.keep_real(real_width)
        actions = flow.integrate_flow(self.action_expert, noise, context, steps, keep, guidance=guidance)
        return actions[..., :real_width]

    def keep_real(self, real_width: int) -> Tensor:
        """Return the [A] mask of the action numbers that the flow moves."""
        width = self.config.expert.action_width
        if not self.config.flow.masks_padding:
            real_width = width
        return flow.keep_real(width, real_width, self.action_expert.action_embed.weight)

    def draw_noise(self, batch: int, horizon: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw where a chunk starts, [B, T, A], in the model's dtype (which decides the numbers drawn).

        Raises:
            ValueError: if the horizon is longer than the checkpoint was trained for.
        """
        longest = self.config.expert.max_horizon
        if not 1 <= horizon <= longest:
            raise ValueError(
                f"an action chunk has 1 to {longest} steps in this checkpoint, but {horizon} were asked for"
            )
        shape = (batch, horizon, self.config.expert.action_width)
        return torch.randn(shape, dtype=self.action_expert.dtype, device=self.device, generator=generator)
