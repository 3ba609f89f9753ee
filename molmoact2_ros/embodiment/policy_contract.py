# SPDX-License-Identifier: Apache-2.0
"""What the policy of a robot was trained with: the half of the handshake that the embodiment file holds."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.interfaces.action_chunk import MOST_ROWS
from molmoact2_ros.schema import Section

from .errors import EmbodimentError


@dataclass(frozen=True)
class PolicyContract:
    """Norm tag, prompt strings, number of cameras, rate and chunk length that a checkpoint must agree with.

    `checkpoint` is the released one, a hub id.
    """

    checkpoint: str
    norm_tag: str
    setup: str
    control: str
    num_cameras: int
    rate_hz: float
    horizon: int

    @classmethod
    def read(cls, section: Section) -> PolicyContract:
        """Read `policy`; raise EmbodimentError if it cannot be used."""
        contract = cls(
            checkpoint=section.text("checkpoint"),
            norm_tag=section.text("norm_tag"),
            setup=section.text("setup"),
            control=section.text("control"),
            num_cameras=section.integer("num_cameras"),
            rate_hz=section.number("rate_hz"),
            horizon=section.integer("horizon"),
        )
        section.finish()
        if contract.rate_hz <= 0 or not 2 <= contract.horizon <= MOST_ROWS:
            raise EmbodimentError(
                f"{section.where}: expected rate_hz > 0 and a horizon of 2 to {MOST_ROWS}, got {contract.rate_hz} and "
                f"{contract.horizon}: give those that the policy was trained with"
            )
        return contract

    @property
    def step_s(self) -> float:
        """Seconds between rows of a chunk."""
        return 1.0 / self.rate_hz
