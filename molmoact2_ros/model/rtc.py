# SPDX-License-Identifier: Apache-2.0
"""Real-time chunking: pull a flow towards the rows of the chunk that the robot executes meanwhile.

After Black, Galliker and Levine, arXiv 2506.07339, with the identity in place of the vector-Jacobian product, so that
no gradient is needed and the loop keeps its shapes. Where no chunk came before, weights of zero give the plain flow,
bit by bit.

Axes: B batch, T steps of the action chunk, A action numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

LARGEST_GUIDANCE = 10.0  # beta of LeRobot: one of ten Euler steps then goes all the way
DECAYS = ("linear", "exponential", "smooth")


@dataclass(frozen=True)
class RtcGuidance:
    """Where a chunk is pulled.

    target: [B, T, A] the chunk before, moved to the new chunk's rows; finite where the weight is zero, too.
    weights: [T] 1 where the row will have been executed before the new chunk arrives, falling to 0 where the chunk
        before has no rows.
    largest: bound of the guidance weight, which has poles at both ends of the flow.
    """

    target: Tensor
    weights: Tensor
    largest: float = LARGEST_GUIDANCE

    def bend(self, x: Tensor, velocity: Tensor, time: float) -> Tensor:
        """Return the velocity [B, T, A] at `x` and `time`, corrected towards the target."""
        expected = x + (1.0 - time) * velocity  # the chunk that the flow is heading for
        pull = guidance_weight(time, self.largest) * self.weights[:, None].to(x.dtype)
        return velocity + pull * (self.target - expected)


def guidance_weight(time: float, largest: float = LARGEST_GUIDANCE) -> float:
    """Return min(largest, (1 - t) / t * (t**2 + (1 - t)**2) / (1 - t)**2) at flow time t: 0 is noise, 1 the chunk."""
    if time <= 0.0:
        return largest
    return min(largest, (time**2 + (1.0 - time) ** 2) / (time * (1.0 - time)))


def prefix_weights(horizon: int, delay: int, end: int, decay: str, device: torch.device | str = "cpu") -> Tensor:
    """Return [horizon] float32: 1 in rows before `delay`, then falling, 0 from row `end` on.

    Args:
        horizon: rows of a chunk.
        delay: rows that pass before the new chunk arrives.
        end: rows that the chunk before still has.
        decay: `linear`; `exponential`, that of the paper, c * (e**c - 1) / (e - 1) with c the linear one; `smooth`, the
            minimum-jerk polynomial of it.
        device: of the result.

    Raises:
        ValueError: if the decay is unknown.
    """
    rows = torch.arange(horizon, device=device, dtype=torch.float32)
    line = ((end - rows) / max(1, end - delay + 1)).clamp(0.0, 1.0)
    if decay == "linear":
        falling = line
    elif decay == "exponential":
        falling = line * torch.expm1(line) / (math.e - 1.0)
    elif decay == "smooth":
        falling = line**3 * (10.0 - 15.0 * line + 6.0 * line**2)
    else:
        raise ValueError(f"decay: expected one of {', '.join(DECAYS)}, got {decay!r}")
    return torch.where(rows < delay, torch.ones_like(rows), falling) * (rows < end)
