# SPDX-License-Identifier: Apache-2.0
"""Whether a checkpoint's dimensions stand in the robot's order, as far as their names say.

Every data set spells its joints in its own way, so names are compared word by word: `left_arm_joint_1.pos` is
`left_joint1`. What they share with the robot's must agree: the side, the gripper, a joint's name, and the order of
numbered joints; whether counting begins at 0 or 1 is each data set's own affair.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from molmoact2_ros.embodiment import Joint

GRIPPER = "gripper"
SIDES = {"left": "left", "right": "right", "l": "left", "r": "right"}

_WORD = re.compile(r"[a-z]+|\d+")
# Words that data sets put around the name of a joint.
_AROUND = {"pos", "position", "rad", "deg", "main", "follower", "leader", "arm", "observation", "state", "action"}


@dataclass(frozen=True)
class _Name:
    """A dimension's name: its side, its words without the number, its number; empty or None where it has none."""

    side: str
    words: str
    number: int | None

    @classmethod
    def read(cls, text: str) -> _Name:
        words = _WORD.findall(text.lower())
        side = next((SIDES[word] for word in words if word in SIDES), "")
        numbers = [word for word in words if word.isdigit()]
        plain = [word for word in words if not word.isdigit() and word not in _AROUND and word not in SIDES]
        return cls(side, "".join(plain), int(numbers[-1]) if numbers else None)


def misplaced(joints: Sequence[Joint], names: Sequence[str]) -> tuple[Joint, str] | None:
    """Return the first joint of a robot whose dimension, by its name, is that of another joint, and the name.

    Args:
        joints: of the robot.
        names: as many, of the checkpoint's dimensions, in order.
    """
    wanted, found = [_Name.read(joint.name) for joint in joints], [_Name.read(name) for name in names]
    says_gripper = any(GRIPPER in name.lower() for name in names)
    says_side = {name.side for name in wanted} == {name.side for name in found} == set(SIDES.values())
    by_words = {name.words: index for index, name in enumerate(wanted) if name.number is None}
    for index, (joint, name) in enumerate(zip(joints, names, strict=True)):
        own, given = wanted[index], found[index]
        if says_gripper and joint.is_gripper != (GRIPPER in name.lower()):
            return joint, name
        if says_side and own.side != given.side:
            return joint, name
        if wanted[by_words.get(given.words, index)].words != own.words:
            return joint, name
    order = _first_out_of_order(wanted, found)
    return None if order is None else (joints[order], names[order])


def _first_out_of_order(wanted: Sequence[_Name], found: Sequence[_Name]) -> int | None:
    """Return the first numbered dimension that does not have the rank of its joint among those of its side."""
    for side in {name.side for name in wanted}:
        group = [index for index, name in enumerate(wanted) if name.side == side and name.number is not None]
        own, given = [wanted[index].number for index in group], [found[index].number for index in group]
        if None in given or len(set(given)) < len(given):
            continue  # the data set does not number its joints, or across its arms
        ranks = [[sorted(numbers, key=_value).index(number) for number in numbers] for numbers in (own, given)]
        for index, here, there in zip(group, *ranks, strict=True):
            if here != there:
                return index
    return None


def _value(number: int | None) -> int:
    return -1 if number is None else number
