# SPDX-License-Identifier: Apache-2.0
"""Which checkpoint and which depth decoder an argument means, and what they take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from molmoact2_ros.embodiment import Embodiment, EmbodimentError, share_folder
from molmoact2_ros.model.config import MolmoAct2Config
from molmoact2_ros.model.hub import local_folder
from molmoact2_ros.processing.processor import Processor

from .handshake import check_handshake

DEMO_CHECKPOINT = "demo"


DEPTH_CODEC = "depth_codes"  # under checkpoints/; the demo's depth codes are its


RELEASED_IMAGE_SIZE = (378, 378)  # px; what every released checkpoint takes


RELEASED_DEPTH_GRID = 10  # cells along a side


def choose_checkpoint(robot: Embodiment, checkpoint: str, *, sim: bool, think: bool = False) -> str:
    """Return the folder, absolute because nodes may run elsewhere, or the hub id that an argument means."""
    if _is_demo(checkpoint, sim=sim):
        return str(demo_checkpoint(robot, think=think))
    name = checkpoint or robot.policy.checkpoint
    return str(local_folder(name) or name)


def _is_demo(checkpoint: str, *, sim: bool) -> bool:
    """Return whether the argument means the small checkpoint that comes along."""
    return checkpoint == DEMO_CHECKPOINT or (sim and not checkpoint)


def depth_decoder(arguments: Mapping[str, str], *, sim: bool, think: bool) -> str:
    """Return the path, absolute because nodes may run elsewhere, of what decodes depth codes; empty: nothing.

    Raises:
        EmbodimentError: there is no such path, or nothing that it could decode.
    """
    given = arguments["depth_decoder"]
    if given and not think:
        raise EmbodimentError("depth_decoder decodes what a policy writes with enable_depth: set that, too")
    if given:
        path = Path(given).expanduser()
        if not path.exists():
            raise EmbodimentError(f"depth_decoder: there is no {path}")
        return str(path.resolve())
    own = think and _is_demo(arguments["checkpoint"], sim=sim)
    return str(share_folder() / "checkpoints" / DEPTH_CODEC) if own else ""


def demo_checkpoint(robot: Embodiment, *, think: bool = False) -> Path:
    """Return the folder of the small checkpoint for the robot's norm tag; with `think`, one that reasons in depth.

    Raises:
        EmbodimentError: none comes along for this tag.
    """
    kind = f"{DEMO_CHECKPOINT}_think" if think else DEMO_CHECKPOINT
    folder = share_folder() / "checkpoints" / f"{kind}_{robot.policy.norm_tag}"
    if not folder.is_dir():
        there = sorted(path.name for path in folder.parent.glob(f"{kind}_*"))
        known = ", ".join(name for name in there if think or not name.startswith(f"{DEMO_CHECKPOINT}_think"))
        which, switch = ("depth-reasoning demo", "--think ") if think else ("demo", "")
        raise EmbodimentError(
            f"no {which} checkpoint comes along for norm tag {robot.policy.norm_tag} of {robot.name} (those that do: "
            f"{known}): fit one with `molmoact2 fit-demo {switch}--embodiment {robot.name} --out DIR` and give it as "
            "checkpoint"
        )
    return folder


def depth_grid(checkpoint: str) -> int:
    """Return the cells along a side of a checkpoint's depth maps; 0: it writes none, which the policy will say."""
    folder = Path(checkpoint)
    if not folder.is_dir():
        return RELEASED_DEPTH_GRID
    depth = MolmoAct2Config.load(folder).depth
    return depth.side if depth else 0


def image_size(robot: Embodiment, checkpoint: str, instruction: str = "") -> tuple[int, int]:
    """Return (height, width) of the model's images; a checkpoint still on the hub is one of the released ones.

    A folder is checked against the robot and the instruction here already: one sentence, before anything starts.
    """
    folder = Path(checkpoint)
    if not folder.is_dir():
        return RELEASED_IMAGE_SIZE
    processor = Processor.load(folder)
    check_handshake(robot, processor.stats.tag(robot.policy.norm_tag))
    if instruction:
        processor.check_task(instruction, robot.policy.norm_tag, len(robot.cameras))
    return processor.image_size
