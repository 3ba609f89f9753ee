# SPDX-License-Identifier: Apache-2.0
"""Where a robot may be in space: its TCPs, its table, and the margins. Its shapes stand in its URDF."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.schema import Section

from .affine import Affine
from .errors import EmbodimentError

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Tcp:
    """A point that is carried by a link of the URDF, the box it may be in and its largest speed.

    `point_m` stands in the frame of `link`; `low_m` and `high_m` are corners in the frame of the URDF's root.
    """

    link: str
    point_m: Triple
    low_m: Triple
    high_m: Triple
    speed_m_s: float

    @classmethod
    def read(cls, section: Section) -> Tcp:
        """Read one entry of `tcps`; raise EmbodimentError if it cannot be used."""
        tcp = cls(
            link=section.text("link"),
            point_m=_triple(section, "point_m"),
            low_m=_triple(section, "low_m"),
            high_m=_triple(section, "high_m"),
            speed_m_s=section.number("speed_m_s"),
        )
        section.finish()
        if any(low >= high for low, high in zip(tcp.low_m, tcp.high_m, strict=True)):
            raise EmbodimentError(
                f"{section.where}: expected low_m < high_m on every axis, got {tcp.low_m} and {tcp.high_m}"
            )
        if tcp.speed_m_s <= 0:
            raise EmbodimentError(f"{section.where}.speed_m_s: expected a positive number, got {tcp.speed_m_s}")
        return tcp


@dataclass(frozen=True)
class Geometry:
    """The table is the half-space below `table_height_m` in the frame of the URDF's root.

    `margin_m` is kept between links, `table_margin_m` to the table. `grippers` turns the stroke of each gripper joint
    into the position of its URDF joint (outside). `ignored_pairs` are links that are never held against each other;
    `links_without_shape` are those that have no collision shape on purpose.
    """

    tcps: tuple[Tcp, ...]
    table_height_m: float
    table_margin_m: float
    margin_m: float
    grippers: dict[str, Affine]
    ignored_pairs: dict[str, str]
    links_without_shape: tuple[str, ...] = ()

    @classmethod
    def read(cls, section: Section, gripper_names: tuple[str, ...]) -> Geometry:
        """Read `geometry`; raise EmbodimentError if it cannot be used, or names other grippers than the joints do."""
        grippers = section.named_sections("grippers")
        geometry = cls(
            tcps=tuple(Tcp.read(entry) for entry in section.sections("tcps")),
            table_height_m=section.number("table_height_m"),
            table_margin_m=section.number("table_margin_m"),
            margin_m=section.number("margin_m"),
            grippers={name: Affine.read(entry) for name, entry in grippers.items()},
            ignored_pairs=section.texts("ignored_pairs"),
            links_without_shape=section.words("links_without_shape", ()),
        )
        for entry in grippers.values():
            entry.finish()
        section.finish()
        if sorted(grippers) != sorted(gripper_names):
            raise EmbodimentError(
                f"{section.where}.grippers: expected {', '.join(gripper_names) or 'none'}, got "
                f"{', '.join(grippers) or 'none'}"
            )
        for key in ("margin_m", "table_margin_m"):
            if getattr(geometry, key) < 0:
                raise EmbodimentError(f"{section.where}.{key}: expected 0 or more, got {getattr(geometry, key)}")
        return geometry


def _triple(section: Section, key: str) -> Triple:
    x, y, z = section.numbers(key, 3)
    return x, y, z
