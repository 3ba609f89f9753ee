# SPDX-License-Identifier: Apache-2.0
"""Whether the collision checks have something to check. A link without a shape collides with nothing, silently.

A link must have a collision shape when it has mass, when it is drawn and a joint moves it, or when it carries a TCP
and is drawn; and every set of links that a joint moves must have one. A mere frame needs none. The embodiment file
names those that are without one on purpose: `geometry.links_without_shape`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree import ElementTree

import mujoco

from molmoact2_ros.embodiment import Embodiment

from .errors import SafetyError

SMALLEST_M = 1e-3  # radius of a shape's hull: a smaller one is a dot that nothing meets
Pair = tuple[str, str]


def link_pair(first: str, second: str) -> Pair:
    """Return the names of two links in order."""
    return (first, second) if first < second else (second, first)


def require_shapes(model: mujoco.MjModel, root: ElementTree.Element, embodiment: Embodiment) -> None:
    """Check that the links of a compiled URDF have shapes; `root` is the URDF with its visuals.

    Raises:
        SafetyError: a link has none and is not named in `links_without_shape`; or one is named that has a shape, or
            that is not in the URDF.
    """
    shaped = shaped_links(model)
    named = set(embodiment.geometry.links_without_shape)
    links = {str(link.get("name")) for link in root.iter("link")}
    wrong = sorted(name for name in named if name not in links or name in shaped)
    if wrong:
        raise SafetyError(
            f"{embodiment.name}: geometry.links_without_shape names {', '.join(wrong)}, expected links of "
            f"{embodiment.urdf.name} without a <collision>; take them out"
        )
    bare = sorted(set(_in_need(model, root, embodiment, shaped)) - shaped - named)
    if bare:
        raise SafetyError(
            f"{embodiment.name}: expected a collision shape on every link that can meet something, but "
            f"{', '.join(bare)} has none in {embodiment.urdf}, and would not be checked for collisions; add a "
            "<collision> to it (a box around it will do), or name it in geometry.links_without_shape"
        )


def require_pairs(
    model: mujoco.MjModel, pairs: Iterable[Pair], derived: Iterable[Pair], embodiment: Embodiment
) -> None:
    """Check that a moving link is held against something, after all exceptions.

    Args:
        model: the compiled robot.
        pairs: of links, sorted, that may touch.
        derived: those of them that follow from the robot's build, and are no choice.
        embodiment: for the sentence.

    Raises:
        SafetyError: `ignored_pairs`, or a margin within which everything touches in a pose, leave a link unchecked.
    """
    pairs, derived = set(pairs), set(derived)
    shaped = shaped_links(model)
    for body in range(1, model.nbody):
        link = str(model.body(body).name)
        if not model.body_weldid[body] or link not in shaped:
            continue
        against = {link_pair(link, other) for other in shaped - {link}} - derived
        if against and against <= pairs:
            raise SafetyError(
                f"{embodiment.name}: {link} would be held against no other link, because each of its pairs stands in "
                "geometry.ignored_pairs or is nearer than geometry.margin_m in a pose of the file; take pairs out, or "
                "lower the margin"
            )


def shaped_links(model: mujoco.MjModel) -> set[str]:
    """Return the links that have a collision shape; what stands for the world is none."""
    return {
        str(model.body(model.geom_bodyid[geom]).name)
        for geom in range(model.ngeom)
        if model.geom_bodyid[geom] and model.geom_contype[geom] and model.geom_rbound[geom] >= SMALLEST_M
    }


def require_hands(model: mujoco.MjModel, moved_by: Iterable[tuple[str, set[int]]], embodiment: Embodiment) -> None:
    """Check that every gripper belongs to a TCP: without one neither workspace nor speed of it is looked at.

    Args:
        model: the compiled robot.
        moved_by: each gripper joint and the rigid groups that it moves, and what carries them.
        embodiment: its TCPs.

    Raises:
        SafetyError: a gripper has none.
    """
    tcps = {int(model.body_weldid[model.body(tcp.link).id]) for tcp in embodiment.geometry.tcps}
    for joint, groups in moved_by:
        if not groups & tcps:
            raise SafetyError(
                f"{embodiment.name}: the gripper {joint} belongs to no TCP of geometry.tcps "
                f"({', '.join(tcp.link for tcp in embodiment.geometry.tcps)}), so that neither its workspace nor "
                "its speed would be checked; add a TCP on the link that carries it"
            )


def _in_need(
    model: mujoco.MjModel, root: ElementTree.Element, embodiment: Embodiment, shaped: set[str]
) -> Iterator[str]:
    tcps = {tcp.link for tcp in embodiment.geometry.tcps}
    moved = {child.get("link") for joint in root.iter("joint") if _moves(joint) for child in joint.findall("child")}
    for link in root.iter("link"):
        name = str(link.get("name"))
        drawn = link.find("visual") is not None
        if _mass_kg(link) > 0 or (drawn and name in tcps | moved):
            yield name
    groups: dict[int, list[str]] = {}
    for body in range(1, model.nbody):
        groups.setdefault(int(model.body_weldid[body]), []).append(str(model.body(body).name))
    for group, names in groups.items():
        if group and not shaped & set(names):
            yield str(model.body(group).name)


def _moves(joint: ElementTree.Element) -> bool:
    return joint.get("type") != "fixed"


def _mass_kg(link: ElementTree.Element) -> float:
    mass = link.find("inertial/mass")
    try:
        return float(mass.get("value", "0")) if mass is not None else 0.0
    except ValueError:
        return 0.0
