# SPDX-License-Identifier: Apache-2.0
"""Which other sort of checkpoint a folder or a repository holds; by the names of its files, so before any download.

A file of the released layout that is missing in one of these is not missing by accident: to download again brings
nothing. No torch.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from molmoact2_ros.model.shard_index import INDEX_FILE
from molmoact2_ros.schema import JsonFileError, brief, read_json_object

EXPECTED = "this package reads the layout of Ai2's releases, e.g. allenai/MolmoAct2-DROID"
CONFIG_FILE = "config.json"
ADAPTER_FILE = "adapter_config.json"
OLD_WEIGHTS = ("pytorch_model.bin", "pytorch_model.bin.index.json")
LEROBOT_FILES = ("policy_preprocessor.json", "policy_postprocessor.json", "train_config.json")


def foreign_layout(names: Collection[str]) -> str:
    """Say which other sort of checkpoint files of these names make up, and what to do.

    Args:
        names: paths below the folder or the repository, with `/`.

    Returns:
        One sentence without its subject, such as "is LeRobot's layout ..."; empty for the released layout, complete
        or not, and for what is not known.
    """
    found = set(names)
    has_weights = any("/" not in name and name.endswith((".safetensors", INDEX_FILE)) for name in found)
    signs = (
        (
            ADAPTER_FILE in found,
            "is a PEFT (LoRA) adapter, not a whole checkpoint: merge it into its base model (merge_and_unload), save "
            "that, and give its folder",
        ),
        (
            bool(found.intersection(LEROBOT_FILES)),
            f"is LeRobot's layout of a policy: {EXPECTED}; give the checkpoint that it was made from, or convert it",
        ),
        ("meta/info.json" in found, f"is a LeRobot data set, not a checkpoint: {EXPECTED}"),
        (
            "config.yaml" in found and any(name.startswith(("model_and_optim/", "model.pt")) for name in found),
            f"is a checkpoint of Ai2's training code: {EXPECTED}; convert it with their converter first",
        ),
        (
            not has_weights and any(name.endswith((".gguf", ".ggml")) for name in found),
            f"holds quantised GGUF weights: {EXPECTED}, in safetensors",
        ),
    )
    said = next((sentence for is_there, sentence in signs if is_there), "")
    return said or ("" if has_weights else _without_weights(found))


def foreign_folder(folder: Path) -> str:
    """Say the same of a folder on this machine, where config.json and adapter_config.json can be asked too."""
    names = {path.relative_to(folder).as_posix() for path in (*folder.glob("*"), *folder.glob("*/*")) if path.is_file()}
    said = foreign_layout(names)
    if ADAPTER_FILE in names:
        base = _field(folder / ADAPTER_FILE, "base_model_name_or_path")
        return said.replace("its base model", f"its base model {brief(base)}") if isinstance(base, str) else said
    if said or CONFIG_FILE not in names:
        return said
    config = folder / CONFIG_FILE
    kind, model_type = _field(config, "type"), _field(config, "model_type")
    if model_type is None and kind is not None:
        return f"is LeRobot's layout of a policy ({CONFIG_FILE} has type {brief(kind)}): {EXPECTED}"
    if model_type not in (None, "molmoact2"):
        return f"is a checkpoint of another model ({CONFIG_FILE} has model_type {brief(model_type)}): {EXPECTED}"
    if _field(config, "quantization_config") is not None:
        return f"holds quantised weights ({CONFIG_FILE} has quantization_config): give the one that was not quantised"
    return ""


def _without_weights(found: set[str]) -> str:
    if found.intersection(OLD_WEIGHTS):
        return "holds its weights as pytorch_model.bin, which can run code: save them as safetensors"
    below = sorted({name.rpartition("/")[0] for name in found if name.endswith(".safetensors")})
    if below:
        return f"holds no weights itself, but its folder {below[-1]} does: give that"
    if any(name.endswith((".distcp", ".pt", ".pth", ".ckpt")) for name in found):
        return f"holds weights of a training run, not of a release: {EXPECTED}, in safetensors"
    return ""


def _field(path: Path, key: str) -> object:
    """Return a field of a JSON file; None where there is none, or the file is for others to complain of."""
    try:
        return read_json_object(path).get(key)
    except (JsonFileError, OSError):
        return None
