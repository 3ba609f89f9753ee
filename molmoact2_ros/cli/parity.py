# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 parity`: prove that this network, on this checkpoint and this machine, is the published one."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from molmoact2_ros.evaluation.parity.golden import Difference, Golden

EPILOG = """\
Each stage is run on the golden's own input ("stage"), and all stages are run one after the other ("chain"). The
JSON line holds the stages' differences, and for actions the larger of the two; the verdict needs all stages, and the
end of the chain.

tolerances:
  float32   every seam 1e-4, and 1e-4 of its rms where that is above 1; actions 1e-5 of the dimension's range in the
            golden, or 1e-6 of its training range, or 4 steps of float32, whichever is the most
  bfloat16  rms of the error within 3 % (visual: 4 %) of the seam's rms, and no error above the rms; actions 2 % of the
            dimension's range in the golden, plus 0.02, plus half a bfloat16 step
  integers, booleans and text must be equal; their number of mismatches is shown

kinds of golden, recognised by their keys:
  continuous   actions integrated as a flow
  discrete     actions decoded as tokens (`generated`)
  depth        depth reasoning on two frames that follow each other: a_* writes the whole depth map, b_* keeps the codes
               of the cells that did not change; codes, tokens and the mask of changes must be equal

examples:
  molmoact2 parity --checkpoint test/data/parity/tiny_base --golden test/data/parity/goldens/droid.npz
  molmoact2 parity --checkpoint test/data/parity/tiny_think --golden test/data/parity/goldens/depth.npz
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "parity",
        help="compare the network with stored outputs of the reference implementation",
        description="Compare every intermediate result that a golden file holds. Exit status 1 if one is out of "
        "tolerance, 2 if the comparison cannot be made. The last line of output is JSON: kind, dtype, max_abs, ok.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--checkpoint", required=True, metavar="DIR", help="checkpoint folder in the released layout")
    parser.add_argument("--golden", required=True, metavar="FILE.npz", help="outputs of the reference on it")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="to compute in")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, print the table and the JSON line; return 0 if all is within tolerance, else 1."""
    from molmoact2_ros.evaluation.parity.comparison import compare_seam, compute, largest_differences, make_benches
    from molmoact2_ros.evaluation.parity.golden import Golden

    golden = Golden.load(args.golden)
    ok, max_abs = True, dict[str, float | None]()
    for bench in make_benches(args.checkpoint, golden, args.dtype):
        frame = bench.golden
        staged, chained = compute(bench)
        stage = {key: compare_seam(key, staged, bench, args.dtype) for key in frame.seams}
        chain = {key: compare_seam(key, chained, bench, args.dtype) for key in frame.seams}
        ok = ok and all(difference.ok for difference in stage.values()) and chain["actions"].ok
        max_abs |= {frame.name(key): figure for key, figure in largest_differences(stage, chain).items()}
        _print_table(frame, stage, chain)
    print(json.dumps({"kind": golden.kind, "dtype": args.dtype, "max_abs": max_abs, "ok": ok}))
    return 0 if ok else 1


def _print_table(golden: Golden, stage: dict[str, Difference], chain: dict[str, Difference]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{golden.kind}, tag {golden.norm_tag}", title_justify="left")
    table.add_column("seam")
    table.add_column("shape")
    for heading in ("stage", "chain"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for key, difference in stage.items():
        ok = difference.ok and (chain[key].ok or key != "actions")
        shape = " x ".join(map(str, golden.arrays[key].shape)) or "1"
        verdict = "[green]ok[/]" if ok else "[red]FAILED[/]"
        table.add_row(golden.name(key), shape, _figure(difference), _figure(chain[key]), verdict)
    Console().print(table)


def _figure(difference: Difference) -> str:
    if difference.max_abs is None:
        return "not comparable"
    exact = isinstance(difference.max_abs, int)
    return str(difference.max_abs) if exact else f"{difference.max_abs:.1e}"
