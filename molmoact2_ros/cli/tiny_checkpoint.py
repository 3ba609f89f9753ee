# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 tiny-checkpoint`: a small random checkpoint for tests."""

from __future__ import annotations

import argparse
from pathlib import Path

EPILOG = """\
The weights are random: the chunks are finite, but no robot could follow them. The demo's checkpoint, which one can,
comes from `molmoact2 fit-demo`.

example:
  molmoact2 tiny-checkpoint --out /tmp/tiny --seed 1
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "tiny-checkpoint",
        help="write a small random checkpoint for tests",
        description="Write a deterministic random checkpoint in the released on-disk layout (2 MB), with the norm tags "
        "of the three robots and of LIBERO. A folder that holds anything but an earlier tiny checkpoint is refused.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="of the weights (default: %(default)s)")
    parser.add_argument(
        "--layers", type=int, default=3, help="of the language model and the action expert (default: %(default)s)"
    )
    parser.add_argument("--think", action="store_true", help="add depth tokens and gates, as MolmoAct2-Think has")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the checkpoint."""
    from molmoact2_ros.model.tiny import TinySizes, write_tiny_checkpoint

    write_tiny_checkpoint(args.out, args.seed, TinySizes(layers=args.layers), think=args.think)
    print(f"wrote {args.out}")
    return 0
