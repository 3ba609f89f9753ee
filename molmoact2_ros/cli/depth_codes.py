# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 depth-codes`: depth images to codes, and codes to depth."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from molmoact2_ros.model.depth_vae import DepthCodec

TEACHER = "depth-anything"

DESCRIPTION = """\
Turn depth images into the 10 x 10 depth codes that MolmoAct2-Think reasons in, as labels for training data; or, with
--decode, turn codes back into depth.
"""
EPILOG = """\
which codec
  --codec vae-final.pt   the released one, from allenai/MolmoAct-7B-D-0812: the codes that released checkpoints know. It
                         sees near against far, each frame stretched by itself, so what it decodes has no metres.
                         No GPU is needed. Only tensors are read from the file.
  (default)              checkpoints/depth_codes, a small one that was fitted to this package's simulated scenes. Its
                         codes mean metres from 0.2 to 3.5, and no released checkpoint knows them.
  --codec DIR            another one of `molmoact2 fit-depth`
Codes of one codec are meaningless to another, so a file of codes says which it was, and --decode refuses any other.

what comes in
  PNG of 16 bits         as depth cameras record it: --unit metres (default 0.001), 0 where nothing was seen
  NPY                    floating-point metres [height, width], along the camera's axis
  folders                all such files in them, sorted by name
  colour images        with --teacher depth-anything: Depth Anything V2 estimates their depth; needs transformers
Images must be upright, as the policy sees them: turn those of a camera that hangs on its side first.
Pixels without depth take that of their nearest neighbour in the row. A map that lacks more than half is left out, as is
a file that cannot be read: each is named at the end, and the exit status is 1. Depth outside the range of a codec
counts as the end of the range. The file of codes gives both parts, missing and outside.

what comes out
  codes                  --out FILE.json or FILE.npz: for each frame 100 codes in reading order, from above, and how
                         they were made. As text for a model: <depth_start><depth_17>...<depth_end>
  --decode               --out DIR: for each frame an NPY and a PNG; metres (PNG: millimetres) if the codec has metres,
                         else nearness from 0 to 1 (PNG: 8 bits)
  --decode --rank        without a codec: each code as a colour by its number, which distinguishes codes and no more

examples
  molmoact2 depth-codes recordings/depth --codec vae-final.pt --out labels.json
  molmoact2 depth-codes frames/ --teacher depth-anything --codec vae-final.pt --out labels.npz
  molmoact2 depth-codes map.npy --out codes.json
  molmoact2 depth-codes codes.json --decode --out decoded
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "depth-codes",
        help="depth images to depth codes, and back",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="INPUT", help="depth images or folders; with --decode codes"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="PATH", help="file of codes; with --decode a folder")
    parser.add_argument("--codec", type=Path, metavar="PATH", help="vae-final.pt, or a folder of fit-depth")
    parser.add_argument("--decode", action="store_true", help="codes to depth")
    parser.add_argument("--rank", action="store_true", help="with --decode: show codes by number, without a codec")
    parser.add_argument("--unit", type=float, default=0.001, metavar="M", help="of PNG, in m (default: %(default)s)")
    parser.add_argument("--teacher", choices=[TEACHER], help="estimate the depth of colour images")
    parser.add_argument("--teacher-model", metavar="ID", help="hub id or folder (default: Depth Anything V2, ViT-B)")
    parser.add_argument("--device", default="cpu", help="where to compute (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Encode or decode."""
    if args.rank and not args.decode:
        raise ValueError("--rank shows codes: it goes with --decode")
    if args.teacher_model and not args.teacher:
        raise ValueError(f"--teacher-model goes with --teacher {TEACHER}")
    if args.decode and args.teacher:
        raise ValueError("--teacher estimates depth for codes: it does not go with --decode")
    if not 0 < args.unit < float("inf"):
        raise ValueError(f"--unit must be a positive number of metres, got {args.unit}")
    return _decode(args) if args.decode else _encode(args)


def _encode(args: argparse.Namespace) -> int:
    import numpy as np
    from rich.progress import track

    from molmoact2_ros.datasets.depth_code_file import DepthCodeFile, require_suffix
    from molmoact2_ros.policy.device import choose_device
    from molmoact2_ros.processing.depth_maps import DEPTH_SUFFIXES, PICTURE_SUFFIXES
    from molmoact2_ros.processing.errors import ProcessingError
    from molmoact2_ros.training.depth_codec import DEPTH_ANYTHING, DepthTeacher
    from molmoact2_ros.training.depth_codec.files import encode_file, files_among

    require_suffix(args.out)
    device = choose_device(args.device)
    paths = files_among(args.inputs, PICTURE_SUFFIXES if args.teacher else DEPTH_SUFFIXES)
    codec = _codec(args.codec, device)
    teacher = DepthTeacher.load(args.teacher_model or DEPTH_ANYTHING, device) if args.teacher else None
    frames, codes = [], []
    refused: list[Exception] = []
    for path in track(paths, "encode", disable=len(paths) == 1):
        try:
            frame, grid = encode_file(path, codec, teacher, args.unit)
        except ProcessingError as error:
            refused.append(error)
            continue
        frames.append(frame)
        codes.append(grid)
    if not codes:
        raise refused[0]
    provenance = {
        "codec": codec.name,
        "num_codes": codec.config.num_codes,
        "scale": codec.scale.to_json(),
        **({"teacher": teacher.name} if teacher else {}),
    }
    DepthCodeFile(np.stack(codes), frames, provenance).write(args.out)
    used = len(np.unique(np.stack(codes)))
    for reason in refused:
        print(f"left out: {reason}", file=sys.stderr)
    print(f"wrote {args.out}: {len(codes)} frames, {used} of {codec.config.num_codes} codes used, codec {codec.name}")
    return int(bool(refused))


def _decode(args: argparse.Namespace) -> int:
    from molmoact2_ros.datasets.depth_code_file import DepthCodeFile
    from molmoact2_ros.policy.device import choose_device
    from molmoact2_ros.training.depth_codec.files import write_maps, write_ranks

    if len(args.inputs) != 1:
        raise ValueError(f"--decode takes one file of codes, got {len(args.inputs)}")
    file = DepthCodeFile.read(args.inputs[0])
    if args.out.exists() and not args.out.is_dir():
        raise ValueError(f"{args.out} is a file; name a folder to decode to")
    if args.rank:
        write_ranks(args.out, file)
    else:
        codec = _codec(args.codec, choose_device(args.device))
        made_with = str(file.provenance.get("codec"))
        if not codec.is_named(made_with):
            raise ValueError(
                f"{args.inputs[0]} was made with the codec {made_with}, which {codec.name} cannot read: give "
                "that one with --codec, or show the codes by number with --rank"
            )
        write_maps(args.out, file, codec)
    print(f"wrote {len(file.codes)} frames to {args.out}")
    return 0


def _codec(path: Path | None, device: str) -> DepthCodec:
    from molmoact2_ros.embodiment import share_folder
    from molmoact2_ros.model.depth_vae import DepthCodec
    from molmoact2_ros.policy.checkpoint_choice import DEPTH_CODEC

    return DepthCodec.load(share_folder() / "checkpoints" / DEPTH_CODEC if path is None else path, device)
