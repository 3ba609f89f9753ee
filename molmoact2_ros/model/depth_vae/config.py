# SPDX-License-Identifier: Apache-2.0
"""The sizes of a depth auto-encoder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from molmoact2_ros.schema import brief, shortened

from .errors import DepthCodecError


@dataclass(frozen=True)
class DepthVaeConfig:
    """Sizes; all are positive integers.

    Attributes:
        image_px: side of the depth map that the network takes; a multiple of 2 ** halvings.
        halvings: stride-2 convolutions of the encoder; as many transposed ones in the decoder.
        first_width: channels after the first of them; each further one doubles the channels.
        blocks: residual blocks at the size of the grid, in the encoder and again in the decoder.
        num_codes: entries of the codebook.
        code_width: numbers of an entry.
    """

    image_px: int
    halvings: int
    first_width: int
    blocks: int
    num_codes: int
    code_width: int

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if type(value) is not int or value < 1:
                raise DepthCodecError(f"depth codec: {name} must be a positive integer, got {value!r}")
        if self.image_px % 2**self.halvings:
            raise DepthCodecError(
                f"depth codec: image_px {self.image_px} must be a multiple of {2**self.halvings}, "
                f"because {self.halvings} halvings leave the grid"
            )

    @classmethod
    def released(cls) -> DepthVaeConfig:
        """Return the sizes of the released file, as the public programs that read it state them.

        128 codes of 512 numbers: no more than these 128 exist.
        """
        return cls(image_px=320, halvings=5, first_width=16, blocks=2, num_codes=128, code_width=512)

    @classmethod
    def read(cls, entry: Any, where: str) -> DepthVaeConfig:
        """Read the sizes from JSON; raise DepthCodecError if a key is missing or unknown, or a value unusable."""
        names = {field.name for field in fields(cls)}
        if not isinstance(entry, dict) or set(entry) != names:
            got = ", ".join(sorted(map(str, entry))) if isinstance(entry, dict) else brief(entry)
            raise DepthCodecError(f"{where}: expected the sizes {', '.join(sorted(names))}, got {shortened(got)}")
        return cls(**entry)

    @property
    def grid(self) -> int:
        """Codes along a side."""
        return int(self.image_px // 2**self.halvings)

    @property
    def grid_width(self) -> int:
        """Channels at the size of the grid."""
        return int(self.first_width * 2 ** (self.halvings - 1))
