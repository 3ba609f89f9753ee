# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 fit-depth`: fit the small depth codec to the simulator's true depth."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.progress import Progress

    from molmoact2_ros.embodiment import Embodiment
    from molmoact2_ros.model.depth_vae import MetricScale
    from molmoact2_ros.training.depth_codec import DepthScore

    Maps = list[NDArray[np.float32]]

MAPS, HELD_OUT = 600, 60
HELD_OUT_SEED = 1_000_003  # added to the seed: other poses, places and camera shifts
NEAR_M, FAR_M = 0.2, 3.5  # the simulator's scenes lie within
# 160 px to 10 x 10: at the 320 px of the released one a step takes three times as long, for a small network's blur.
SIZES = {"image_px": 160, "halvings": 4, "first_width": 12, "blocks": 1, "num_codes": 128, "code_width": 32}

DESCRIPTION = """\
Fit a small depth codec, an auto-encoder that turns a depth map into 10 x 10 codes of 128 and back, to true depth that
the simulator renders: the first camera of each robot, over random poses of the arm, places of the objects and shifts of
the camera. The last lines are its errors on maps that it was not fitted to.
"""
EPILOG = """\
The one in checkpoints/depth_codes was made with the defaults, in ten minutes of one CPU core. The same seed
gives the same maps; its weights differ in rounding from one kind of CPU to another.

examples:
  molmoact2 fit-depth --out checkpoints/depth_codes --plot doc/depth_codes.png
  molmoact2 fit-depth --embodiment droid --steps 500 --out runs/depth_codes       a rough one in two minutes
  molmoact2 fit-depth --maps 4000 --steps 20000 --device cuda --out runs/better
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "fit-depth",
        help="fit the small depth codec",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--embodiment", action="append", metavar="NAME", help="robot whose scene to look at (default: all shipped)"
    )
    parser.add_argument("--maps", type=int, default=MAPS, help="rendered for each robot (default: %(default)s)")
    parser.add_argument("--held-out", type=int, default=HELD_OUT, help="for the errors (default: %(default)s each)")
    parser.add_argument("--steps", type=int, help="of the optimiser (default: 5000)")
    parser.add_argument("--batch", type=int, help="maps in a step (default: 8)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and scenes (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="where to train (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    parser.add_argument(
        "--plot", type=Path, metavar="PNG", help="also draw held-out maps, their codes and what is left"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Render, fit, write, measure."""
    from dataclasses import asdict

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from molmoact2_ros.embodiment import Embodiment, shipped_embodiments
    from molmoact2_ros.model.depth_vae import DepthCodec, DepthVaeConfig, MetricScale, write_codec
    from molmoact2_ros.model.depth_vae.store import check_may_write, round_to_storage
    from molmoact2_ros.policy.device import choose_device, limit_cpu_threads
    from molmoact2_ros.training.depth_codec import BATCH, STEPS, fit_depth_vae, score_codec

    if min(args.maps, args.held_out) < 1 or args.seed < 0:
        raise ValueError(
            f"expected at least 1 map, 1 held out and a seed of 0 or more, got {args.maps}, {args.held_out} and "
            f"{args.seed}"
        )
    check_may_write(args.out)
    limit_cpu_threads(args.threads)
    device = choose_device(args.device)
    robots = [Embodiment.load(name) for name in args.embodiment or shipped_embodiments()]
    steps = STEPS if args.steps is None else args.steps
    batch = BATCH if args.batch is None else args.batch
    config, scale = DepthVaeConfig(**SIZES), MetricScale(NEAR_M, FAR_M)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        fitted = _render(robots, args.maps, args.seed, progress)
        held_out = _render(robots, args.held_out, args.seed + HELD_OUT_SEED, progress)
        values = _values(fitted, scale, config.image_px)
        del fitted
        task = progress.add_task("fit", total=steps)

        def show(step: int, error: float) -> None:
            centimetres = 100 * error * (FAR_M - NEAR_M)
            progress.update(task, completed=step, description=f"fit, off by {centimetres:5.1f} cm")

        network = fit_depth_vae(values, config, steps=steps, batch=batch, seed=args.seed, device=device, on_step=show)
    network.cpu()
    round_to_storage(network)
    codec = DepthCodec(network, scale, str(args.out))
    scores = {robot: score_codec(codec, maps) for robot, maps in held_out.items()}
    scores["all"] = score_codec(codec, (depth_m for maps in held_out.values() for depth_m in maps))
    facts = {
        "fitted_to": {"robots": list(held_out), "maps": args.maps, "steps": steps, "batch": batch, "seed": args.seed},
        "held_out": {name: asdict(score) for name, score in scores.items()},
    }
    write_codec(args.out, network, scale, facts)
    if args.plot is not None:
        from molmoact2_ros.training.depth_codec.plot import write_depth_plot

        write_depth_plot(args.plot, codec, {robot: maps[0] for robot, maps in held_out.items()}, scores)
    _print_scores(scores, config.num_codes)
    print(f"wrote {args.out}")
    return 0


def _values(rendered: Mapping[str, Maps], scale: MetricScale, side: int) -> NDArray[np.float16]:
    """Return [N, side, side] of all maps, halved in size: there are thousands."""
    import numpy as np

    maps = (depth_m for of_robot in rendered.values() for depth_m in of_robot)
    return np.stack([scale.from_depth(depth_m, side).astype(np.float16) for depth_m in maps])


def _render(robots: Sequence[Embodiment], count: int, seed: int, progress: Progress) -> dict[str, Maps]:
    from molmoact2_ros.sim import random_depth_views

    rendered: dict[str, Maps] = {}
    for robot in robots:
        task = progress.add_task(f"render {robot.name}", total=count)
        maps: Maps = []
        for depth_m in random_depth_views(robot, count, seed):
            maps.append(depth_m)
            progress.advance(task)
        rendered[robot.name] = maps
    return rendered


def _print_scores(scores: Mapping[str, DepthScore], num_codes: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("held out", "maps", "mean error", "RMS", "90 % below", "of depth", "within 5 %", "codes used")
    for name, score in scores.items():
        cells: list[Any] = [
            name,
            score.maps,
            f"{score.mean_m:.3f} m",
            f"{score.rms_m:.3f} m",
            f"{score.p90_m:.3f} m",
            f"{score.mean_percent:.1f} %",
            f"{score.within_5_percent:.0f} %",
            f"{score.codes_used} of {num_codes}",
        ]
        table.add_row(*map(str, cells))
    Console(width=110).print(table)
