# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 fit-demo`: make the checkpoint that the demo runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from molmoact2_ros.embodiment import Embodiment

DEPTH_SCENES = 128

DESCRIPTION = """\
Fit a tiny network to a gentle loop of every robot's joints, and write it as a checkpoint in the released layout. It is
no task policy: it looks past images and instruction. It lets the whole graph run without a GPU and without a download.
"""
EPILOG = """\
On one CPU core the default takes about ten minutes per robot; those in `checkpoints`, one for each norm tag, were made
with it. A GPU takes larger batches in less time and comes out twice as accurate.

With `--think` the robot's demo checkpoint learns to write a depth map first: the codes that the codec in
checkpoints/depth_codes gives the true depth of the simulator's first camera.

examples:
  molmoact2 fit-demo --embodiment yam --out checkpoints/demo_yam_dual_molmoact2
  molmoact2 fit-demo --think --embodiment droid --out checkpoints/demo_think_franka_droid
  molmoact2 fit-demo --out runs/demo_checkpoint --device cuda --batch 256
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "fit-demo",
        help="fit the demo's checkpoint",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--embodiment", action="append", metavar="NAME", help="robot to include; repeat for more (default: all shipped)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of weights, examples and noise (default: %(default)s)")
    parser.add_argument(
        "--steps", type=int, help="of the optimiser, robots in turn (default: 6000 per robot; 4000 with --think)"
    )
    parser.add_argument(
        "--think", action="store_true", help="teach the demo checkpoint of one robot to reason in depth"
    )
    parser.add_argument("--batch", type=int, help="examples in a step (default: 16)")
    parser.add_argument("--device", default="cpu", help="where to train (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit, with a progress bar that shows the loss and the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from molmoact2_ros.embodiment import Embodiment, shipped_embodiments
    from molmoact2_ros.policy.device import choose_device, limit_cpu_threads
    from molmoact2_ros.training.demo import BATCH, STEPS_PER_ROBOT, THINK_STEPS, fit_demo

    limit_cpu_threads(args.threads)
    robots = [Embodiment.load(name) for name in args.embodiment or shipped_embodiments()]
    device = choose_device(args.device)
    default_steps = THINK_STEPS if args.think else STEPS_PER_ROBOT * len(robots)
    steps = default_steps if args.steps is None else args.steps
    batch = BATCH if args.batch is None else args.batch
    fit = _think_fit(robots, args.seed) if args.think else partial(fit_demo, robots=robots)
    columns = (TextColumn("loss {task.fields[loss]:.4f}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("fit", total=steps, loss=float("nan"))
        fit(
            args.out,
            seed=args.seed,
            steps=steps,
            batch=batch,
            device=device,
            on_step=lambda step, loss: progress.update(task, completed=step, loss=loss),
        )
    print(f"wrote {args.out}")
    return 0


def _think_fit(robots: Sequence[Embodiment], seed: int) -> Callable[..., None]:
    """Render what is to be learnt, and return the fit with it."""
    from molmoact2_ros.embodiment import share_folder
    from molmoact2_ros.model.depth_vae import DepthCodec
    from molmoact2_ros.policy.checkpoint_choice import DEPTH_CODEC, demo_checkpoint
    from molmoact2_ros.training.demo import fit_think
    from molmoact2_ros.training.demo.render import render_depth_scenes

    if len(robots) != 1:
        raise ValueError(f"--think fits the checkpoint of one robot, got {len(robots)}: name it with --embodiment")
    codec = DepthCodec.load(share_folder() / "checkpoints" / DEPTH_CODEC)
    scenes = render_depth_scenes(robots[0], DEPTH_SCENES, codec, seed)
    return partial(fit_think, robot=robots[0], base=demo_checkpoint(robots[0]), scenes=scenes)
