# SPDX-License-Identifier: Apache-2.0
"""The `molmoact2` command: one file per sub-command, each of which imports what it needs when it runs."""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from molmoact2_ros import __version__
from molmoact2_ros.ros.ros_start import REMEDY

COMMAND_FILES = (
    "demo",
    "up",
    "doctor",
    "faults",
    "soak",
    "safety_commands",
    "status",
    "instruct",
    "task",
    "home",
    "false_alarms",
    "parity",
    "seams",
    "think_eval",
    "tiny_checkpoint",
    "fit_demo",
    "fit_depth",
    "depth_codes",
)

ROS_MODULES = ("rclpy", "molmoact2_ros.msg")

EPILOG = """\
try it without a robot and without a GPU:
  molmoact2 demo                          twenty simulated seconds, then a report
  molmoact2 up droid --sim                the same graph, until Ctrl-C; in a second terminal:
  molmoact2 arm  |  molmoact2 status  |  molmoact2 stop
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="molmoact2",
        description="Run MolmoAct2 vision-language-action models on robots over ROS 2, under supervision.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for file in COMMAND_FILES:
        importlib.import_module(f"molmoact2_ros.cli.{file}").add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        Exit status: the command's own, 2 for input that cannot be used (one line on stderr), 130 after Ctrl-C.
    """
    args = make_parser().parse_args(argv)
    try:
        with _plain_warnings():
            return int(args.run(args))
    except (ValueError, OSError) as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name not in ROS_MODULES:
            raise
        print(f"error: {error.name} not found: {REMEDY}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print warnings for users as one line each, without the place in the code where they were raised."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
            if issubclass(category, UserWarning):
                print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)
            else:
                usual(message, category, *place, **options)

        warnings.showwarning = show
        yield


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
