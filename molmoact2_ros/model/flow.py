# SPDX-License-Identifier: Apache-2.0
"""Flow matching: from noise at time 0 to actions at time 1, and the loss that teaches the way.

Axes: B batch, K times drawn per example, T steps of the action chunk, A action numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from molmoact2_ros.model.action_expert import ActionExpert, Context
from molmoact2_ros.model.config import FlowConfig
from molmoact2_ros.model.rtc import RtcGuidance

StepWatcher = Callable[[Tensor, Tensor], None]
VelocityField = Callable[[Tensor, int], Tensor]


def keep_real(action_width: int, real_width: int, like: Tensor) -> Tensor:
    """Return [A] ones for the robot's own action numbers and zeros for the padding after them."""
    return (torch.arange(action_width, device=like.device) < real_width).to(like.dtype)


def integrate_flow(
    expert: ActionExpert,
    noise: Tensor,
    context: Context,
    num_steps: int,
    keep: Tensor,
    *,
    guidance: RtcGuidance | None = None,
    watch: StepWatcher | None = None,
) -> Tensor:
    """Follow the expert's flow from time 0 to time 1; see `follow`.

    Args:
        expert: velocity field.
        noise: [B, T, A] in the expert's dtype, where the integration starts.
        context: of the observation.
        num_steps: number of steps.
        keep: [A] mask; the other numbers stay zero throughout.
        guidance: what to continue; None: nothing.
        watch: called at each step with the actions before it and the expert's velocity there.

    Returns:
        [B, T, A].
    """
    times = torch.arange(num_steps, device=noise.device, dtype=torch.float32) / num_steps
    modulation = expert.modulate_at(times)

    def field(x: Tensor, step: int) -> Tensor:
        velocity = expert(x, modulation.row(step), context)
        if watch:
            watch(x, velocity)
        return velocity

    return follow(field, noise, num_steps, keep, guidance)


def follow(
    field: VelocityField, noise: Tensor, num_steps: int, keep: Tensor, guidance: RtcGuidance | None = None
) -> Tensor:
    """Follow a velocity field from time 0 to time 1 in equal Euler steps, pulled by a guidance if there is one.

    Shapes and the number of operations depend on nothing but the arguments' shapes, and nothing waits for the device.

    Args:
        field: [B, T, A] actions and the number of the step to their velocity [B, T, A].
        noise: [B, T, A] where the integration starts.
        num_steps: number of steps.
        keep: [A] mask; the other numbers stay zero throughout.
        guidance: what to continue; None: nothing.

    Returns:
        [B, T, A].
    """
    x = noise * keep
    for step in range(num_steps):
        velocity = field(x, step)
        if guidance is not None:
            velocity = guidance.bend(x, velocity, step / num_steps)
        x = euler_update(x, velocity, num_steps, keep)
    return x


def euler_update(x: Tensor, velocity: Tensor, num_steps: int, keep: Tensor) -> Tensor:
    """Move [B, T, A] actions one of `num_steps` steps along the velocity."""
    return (x + velocity * keep / num_steps) * keep


def draw_times(config: FlowConfig, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
    """Draw training times: Beta-distributed, then scaled and shifted as the checkpoint's config says."""
    # A Beta draw is a ratio of two Gamma draws; unlike torch.distributions, this sampler takes a generator.
    first = torch._standard_gamma(torch.full(shape, config.beta_alpha), generator)
    second = torch._standard_gamma(torch.full(shape, config.beta_beta), generator)
    times = config.time_offset + config.time_scale * first / (first + second)
    return times.clamp(max=config.time_cutoff)


def flow_matching_loss(
    expert: ActionExpert, context: Context, actions: Tensor, real: Tensor, *, times: Tensor, noise: Tensor
) -> Tensor:
    """Mean squared error between predicted and straight-line velocity.

    Args:
        expert: velocity field to train.
        context: of the B observations.
        actions: [B, T, A] normalised, padded to the action width.
        real: [B, A] bool, the numbers each robot has; the others count in neither loss nor input.
        times: [B, K] in 0..1.
        noise: [B, K, T, A] standard normal.

    Returns:
        A scalar: the mean over the real numbers of each sample, then over everything else.
    """
    keep = real[:, None, None, :].float()  # [B, 1, 1, A]
    target, start = actions[:, None].float() * keep, noise.float() * keep
    t = times[:, :, None, None].float()  # [B, K, 1, 1]
    noisy = (1 - t) * start + t * target  # [B, K, T, A]
    velocity = expert(
        noisy.flatten(0, 1).to(expert.dtype),
        expert.modulate_at(times.flatten()),
        context.repeat(times.shape[1]),
    )
    error = (velocity.float().view_as(noisy) - (target - start)).square() * keep
    return (error.sum(-1) / keep.sum(-1)).mean()
