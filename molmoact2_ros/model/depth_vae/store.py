# SPDX-License-Identifier: Apache-2.0
"""The files of an auto-encoder: the released one, and a folder of our own.

The released file (`vae-final.pt` of allenai/MolmoAct-7B-D-0812) is a torch archive. It is read with `weights_only`, so
that nothing in it runs. Its layout is known from the public programs that write and read it, the file itself has not
been seen: a dictionary with the key `weights`, whose keys may begin with `module.`, because a data-parallel trainer
saved them.

Our folder: config.json (sizes, scale, who made it) and model.safetensors, float16 to halve it.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from molmoact2_ros.schema import JsonFileError, brief, placeholder, read_json_object, shortened

from .config import DepthVaeConfig
from .errors import DepthCodecError
from .network import DepthVae
from .scale import MetricScale

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
MADE_BY_FIELD, MADE_BY = "made_by", "molmoact2 fit-depth"
MODEL_TYPE = "depth_vae"
DATA_PARALLEL = "module."
LISTED_KEYS = 8
FINGERPRINT = 12


def read_released(path: Path) -> DepthVae:
    """Read the released file.

    Raises:
        DepthCodecError: it is no such file, or its weights are not those of the released sizes.
    """
    if path.is_file() and (instead := placeholder(path)):
        raise DepthCodecError(instead)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise DepthCodecError(
            f"{path} cannot be read as torch weights ({_line(error)}): expected vae-final.pt of "
            "allenai/MolmoAct-7B-D-0812; download it again"
        ) from error
    weights = content.get("weights", content) if isinstance(content, Mapping) else content
    if not isinstance(weights, Mapping) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise DepthCodecError(
            f"{path} holds no table of tensors: expected vae-final.pt of allenai/MolmoAct-7B-D-0812, "
            "a dictionary with the key 'weights'"
        )
    plain = {str(key).removeprefix(DATA_PARALLEL): tensor for key, tensor in weights.items()}
    return _filled(DepthVaeConfig.released(), plain, path)


def read_folder(folder: Path) -> tuple[DepthVae, MetricScale]:
    """Read a folder that `write_codec` wrote.

    Raises:
        DepthCodecError: a file is absent or damaged, or the two do not fit each other.
    """
    try:
        config = read_json_object(folder / CONFIG_FILE)
        if instead := placeholder(folder / WEIGHTS_FILE):
            raise DepthCodecError(instead)
        weights = load_file(folder / WEIGHTS_FILE)
    except FileNotFoundError as error:
        raise DepthCodecError(
            f"{folder} is no depth codec: expected {CONFIG_FILE} and {WEIGHTS_FILE} of `{MADE_BY}`"
        ) from error
    except (JsonFileError, SafetensorError) as error:
        raise DepthCodecError(f"{folder} cannot be read ({_line(error)}): write it again with `{MADE_BY}`") from error
    if config.get("model_type") != MODEL_TYPE:
        raise DepthCodecError(
            f"{folder / CONFIG_FILE} describes no depth codec: expected model_type {MODEL_TYPE}; give a folder that "
            f"`{MADE_BY}` wrote, or vae-final.pt"
        )
    sizes = DepthVaeConfig.read(config.get("sizes"), str(folder / CONFIG_FILE))
    return _filled(sizes, weights, folder), _read_scale(config.get("scale"), folder)


def write_codec(folder: Path, network: DepthVae, scale: MetricScale, facts: dict[str, Any]) -> None:
    """Write an auto-encoder.

    Args:
        folder: made if it does not exist.
        network: stored as float16; round it with `round_to_storage` first to measure what is stored.
        scale: of its values.
        facts: what else config.json should say, such as how it was fitted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        MADE_BY_FIELD: MADE_BY,
        "model_type": MODEL_TYPE,
        "sizes": asdict(network.config),
        "scale": scale.to_json(),
        **facts,
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    weights = {key: tensor.half().contiguous() for key, tensor in _stored(network).items()}
    save_file(weights, folder / WEIGHTS_FILE, metadata={"format": "pt"})


def check_may_write(folder: Path) -> None:
    """Refuse to write over anything but an earlier codec.

    Raises:
        DepthCodecError: `folder` is a file, or holds something else.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DepthCodecError(f"{folder} is a file; name a folder to write the codec to")
    if any(folder.iterdir()) and _maker(folder) != MADE_BY:
        raise DepthCodecError(
            f"{folder} is not empty and was not written by `{MADE_BY}`; name another folder, or empty this one"
        )


@torch.no_grad()
def round_to_storage(network: DepthVae) -> None:
    """Round the weights as `write_codec` does."""
    for tensor in _stored(network).values():
        tensor.copy_(tensor.half())


def fingerprint(path: Path) -> str:
    """Return the start of a hash that identifies a codec: of the file, or of a folder's weights."""
    digest = hashlib.sha256((path / WEIGHTS_FILE if path.is_dir() else path).read_bytes())
    return digest.hexdigest()[:FINGERPRINT]


def _stored(network: DepthVae) -> dict[str, Tensor]:
    """Leave out what only training needs: the running sums of the codebook."""
    return {key: tensor for key, tensor in network.state_dict().items() if "._ema_" not in key}


def _filled(config: DepthVaeConfig, weights: Mapping[str, Tensor], where: Path) -> DepthVae:
    try:
        network = DepthVae(config)
    except (RuntimeError, TypeError, OverflowError) as error:
        raise DepthCodecError(f"{where} has sizes of no network that can be built ({_line(error)})") from error
    expected = network.state_dict()
    needed = _stored(network)
    wrong = [
        *(f"{key} is missing" for key in sorted(needed.keys() - weights.keys())),
        *(f"{key} is unknown" for key in sorted(weights.keys() - expected.keys())),
        *(
            f"{key} is {_shape(weights[key])} instead of {_shape(expected[key])}"
            for key in sorted(expected.keys() & weights.keys())
            if weights[key].shape != expected[key].shape
        ),
    ]
    if wrong:
        more = f" and {len(wrong) - LISTED_KEYS} more" if len(wrong) > LISTED_KEYS else ""
        raise DepthCodecError(
            f"the weights in {where} are not those of a depth auto-encoder of these sizes: "
            f"{', '.join(wrong[:LISTED_KEYS])}{more}; give vae-final.pt or a folder that `{MADE_BY}` wrote"
        )
    network.load_state_dict({key: tensor.float() for key, tensor in weights.items()}, strict=False)
    return network.eval().requires_grad_(False)


def _read_scale(entry: Any, folder: Path) -> MetricScale:
    try:
        if entry["kind"] != "metric":
            raise ValueError(entry["kind"])
        return MetricScale(float(entry["near_m"]), float(entry["far_m"]))
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise DepthCodecError(
            f"{folder / CONFIG_FILE}: expected scale with kind metric, near_m and far_m (0 <= near_m < far_m), "
            f"got {brief(entry)}; write it again with `{MADE_BY}`"
        ) from error


def _maker(folder: Path) -> str | None:
    try:
        return str(read_json_object(folder / CONFIG_FILE)[MADE_BY_FIELD])
    except (OSError, ValueError, KeyError):
        return None


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"


def _line(error: Exception) -> str:
    """Return the first line of an error's text, or its type."""
    return shortened(next(iter(str(error).splitlines()), "") or type(error).__name__, 150)
