# SPDX-License-Identifier: Apache-2.0
"""Look at this machine: versions, GPU, room, transport, checkpoint. The looking is here, the judging elsewhere."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from molmoact2_ros.embodiment import Driver, Embodiment, share_folder

from .check import Check, contained, warning
from .checkpoint import LocalCheckpoint, check_checkpoint, check_statistics, find_checkpoint, parameters_of
from .computing import Gpu, check_computing
from .controllers import check_messages
from .priority import check_priority, may_take_priority
from .space import SHARED_MEMORY, check_disk, check_shared_memory
from .transport import check_profile, check_rmw
from .versions import FOR_SIMULATION, NEEDED, check_versions, distro_of

PROFILE = Path("config", "fastdds_profile.xml")


def check_transport(rmw: str, frame_bytes: int) -> Iterator[Check]:
    """Judge the middleware; `frame_bytes` as for `check_profile`."""
    yield from contained("transport", check_rmw, rmw)
    if rmw.startswith("rmw_fastrtps"):
        yield from contained("transport", check_profile, os.environ, share_folder() / PROFILE, frame_bytes)


def check_machine(robot: Embodiment, driver: Driver, checkpoint: str) -> Iterator[Check]:
    """Judge all that does not depend on the robot's topics; `checkpoint` is a folder or a hub id."""
    yield from contained("versions", _check_versions)
    yield from contained("messages", check_messages, robot, driver, lambda package: find_spec(package) is not None)
    try:
        local = find_checkpoint(checkpoint)
    except (ValueError, OSError, ImportError):
        local = LocalCheckpoint(checkpoint, None)
    yield from contained("checkpoint", check_checkpoint, robot, local)
    yield from contained("checkpoint statistics", check_statistics, robot, local)
    yield from contained("GPU", lambda: check_computing(_gpu(), parameters_of(local)))
    yield from contained("space", _check_space, robot, local)
    yield from contained("priority", lambda: check_priority(may_take_priority()))


def _check_versions() -> Iterator[Check]:
    packages = {name: _version(name) for name in ("rclpy", *NEEDED, FOR_SIMULATION)}
    distro = distro_of(os.environ.get("ROS_DISTRO", ""), packages["rclpy"])
    yield from check_versions(tuple(sys.version_info[:3]), distro, packages)


def _check_space(robot: Embodiment, local: LocalCheckpoint) -> Iterator[Check]:
    from huggingface_hub.constants import HF_HUB_CACHE

    cache = Path(HF_HUB_CACHE)
    folder = next(each for each in (cache, *cache.parents) if each.exists())
    yield check_disk(folder, shutil.disk_usage(folder).free, to_fetch=local.folder is None)
    if SHARED_MEMORY.is_dir():
        yield check_shared_memory(shutil.disk_usage(SHARED_MEMORY).free, len(robot.cameras))
    else:
        yield warning("shared memory", f"no {SHARED_MEMORY}", "Linux with shared memory", "expect slow camera images")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _gpu() -> Gpu | None:
    try:
        import torch
    except ImportError:
        return None  # which the check of the packages tells
    if not torch.cuda.is_available():
        return None
    device = torch.cuda.get_device_properties(0)
    return Gpu(device.name, device.total_memory)
