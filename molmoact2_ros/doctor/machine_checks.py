# SPDX-License-Identifier: Apache-2.0
"""Whether this machine can run the graph: versions, processor, GPU, room, priority, transport."""

from __future__ import annotations

import importlib.metadata
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from molmoact2_ros.embodiment import Driver, Embodiment, share_folder
from molmoact2_ros.ros.realtime import DEFAULT_PRIORITY, REMEDY

from .check import Check, contained, failed, ok, warning
from .checkpoint_checks import LocalCheckpoint, check_checkpoint, check_statistics, find_checkpoint, parameters_of
from .topic_checks import check_messages
from .versions import FOR_SIMULATION, NEEDED, check_versions, distro_of

# Kept in bfloat16 on a GPU; images, caches and workspaces take about a fifth more.
_GPU_BYTES_PER_PARAMETER = 2 * 1.2
# A CPU core pair answers a tiny network within a camera period, a billion parameters within a minute at best.
_CPU_PARAMETERS = 100_000_000
_GB = 1e9


@dataclass(frozen=True)
class Gpu:
    """The first CUDA device."""

    name: str
    memory_bytes: int


def check_computing(gpu: Gpu | None, parameters: int | None) -> Check:
    """Judge the GPU, or its absence, against a checkpoint's number of parameters; None where that is unknown."""
    size = "a checkpoint of unknown size" if parameters is None else f"{parameters / 1e6:,.1f} million parameters"
    if gpu is None:
        if parameters is not None and parameters <= _CPU_PARAMETERS:
            return ok("GPU", f"none, for {size}", "a GPU for large checkpoints")
        remedy = "run the policy on a machine with a GPU: on a CPU a chunk takes longer than it lasts"
        return warning("GPU", f"none, for {size}", "a CUDA device", remedy)
    found = f"{gpu.name}, {gpu.memory_bytes / _GB:.0f} GB, for {size}"
    if parameters is None:
        return ok("GPU", found, "a CUDA device")
    need = parameters * _GPU_BYTES_PER_PARAMETER
    expected = f"at least {need / _GB:.1f} GB in bfloat16"
    if gpu.memory_bytes < need:
        return failed("GPU", found, expected, "use a larger GPU")
    return ok("GPU", found, expected)


NAME = "real-time priority"


def check_priority(allowed: bool) -> Check:
    """Judge whether this user may take real-time priority."""
    if allowed:
        return ok(NAME, "this user may take it")
    return warning(NAME, "this user may not take it", "bridge, safety and interpolator before all else", REMEDY)


def may_take_priority() -> bool:
    """Say whether this user may: tried in a thread that ends with the question."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_may_here).result()


def _may_here() -> bool:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(DEFAULT_PRIORITY))
    except (AttributeError, OSError):
        return False
    return True


SHARED_MEMORY = Path("/dev/shm")
SEGMENT_BYTES = 32 * 1024 * 1024  # of each process, by the shipped DDS profile
_GRAPH_PROCESSES = 6
_LOG_BYTES = 1_000_000_000
_RELEASED_BYTES = 22_000_000_000  # a released checkpoint


def check_shared_memory(free_bytes: int, cameras: int) -> Check:
    """Judge what is free in /dev/shm; `cameras` drivers and the graph's processes take a segment each."""
    need = (_GRAPH_PROCESSES + cameras) * SEGMENT_BYTES
    found, expected = f"{free_bytes / _GB:.2f} GB free in {SHARED_MEMORY}", f"{need / _GB:.2f} GB"
    remedy = "enlarge it (docker run --shm-size 1g, or --ipc host), or remove what dead processes left there"
    if free_bytes < 2 * SEGMENT_BYTES:
        return failed("shared memory", found, expected, remedy)
    if free_bytes < need:
        return warning("shared memory", found, expected, remedy)
    return ok("shared memory", found, expected)


def check_disk(folder: Path, free_bytes: int, *, to_fetch: bool) -> Check:
    """Judge what is free on the disk of `folder`; `to_fetch`: a released checkpoint is still to be downloaded."""
    need = _LOG_BYTES + (_RELEASED_BYTES if to_fetch else 0)
    found, expected = f"{free_bytes / _GB:.1f} GB free in {folder}", f"{need / _GB:.0f} GB"
    if free_bytes < need:
        remedy = "make room, or set HF_HOME to a folder on a larger disk" if to_fetch else "make room for logs and bags"
        return warning("disk", found, expected, remedy)
    return ok("disk", found, expected)


TESTED_RMW = "rmw_fastrtps_cpp"
PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
DEFAULT_SEGMENT_BYTES = 512 * 1024
_FRAMES_IN_SEGMENT = 4  # of each size that comes: fewer, and a writer overwrites what is still being read
_SMALLEST_FRAME_BYTES = 640 * 480 * 3
_MEGABYTE = 1e6


def check_rmw(rmw: str) -> Check:
    """Judge the middleware in use."""
    expected = f"{TESTED_RMW}, the tested one"
    if rmw.startswith("rmw_fastrtps"):
        return ok("middleware", rmw, expected)
    remedy = f"set RMW_IMPLEMENTATION={TESTED_RMW} for every node, or test camera rates with care"
    return warning("middleware", rmw, expected, remedy)


def check_profile(environment: Mapping[str, str], shipped: Path, frame_bytes: int) -> Check:
    """Judge the Fast DDS profile of this environment.

    Args:
        environment: variables.
        shipped: the package's own profile.
        frame_bytes: size of the largest frame that came; 0 if none did.
    """
    need = _FRAMES_IN_SEGMENT * max(frame_bytes, _SMALLEST_FRAME_BYTES)
    expected = f"shared memory of at least {need / _MEGABYTE:.0f} MB"
    path = next((Path(environment[key]) for key in PROFILE_VARIABLES if environment.get(key)), None)
    remedy = f"export FASTRTPS_DEFAULT_PROFILES_FILE={shlex.quote(str(shipped))}, for the drivers too"
    if path is None:
        return failed("DDS profile", "none: 0.5 MB of shared memory, less than a frame", expected, remedy)
    try:
        segment = _segment_bytes(path)
    except (OSError, ElementTree.ParseError) as error:
        return failed("DDS profile", f"{path} cannot be read ({error})", expected, remedy)
    if segment < need:
        return failed("DDS profile", f"{segment / _MEGABYTE:.1f} MB by {path}", expected, remedy)
    found = f"{segment / _MEGABYTE:.0f} MB of shared memory by {path.name}, here; the camera drivers need it too"
    return ok("DDS profile", found, expected)


def _segment_bytes(path: Path) -> int:
    """Return the size of the largest shared-memory segment that a profile asks for."""
    sizes = [DEFAULT_SEGMENT_BYTES]
    for element in ElementTree.parse(path).iter():
        if element.tag.rpartition("}")[2] == "segment_size" and element.text:
            sizes.append(int(element.text))
    return max(sizes)


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
        return None  # which the check of the packages reports
    if not torch.cuda.is_available():
        return None
    device = torch.cuda.get_device_properties(0)
    return Gpu(device.name, device.total_memory)
