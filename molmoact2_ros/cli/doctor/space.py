# SPDX-License-Identifier: Apache-2.0
"""Whether there is room on the disk and in shared memory."""

from __future__ import annotations

from pathlib import Path

from .check import Check, failed, ok, warning

SHARED_MEMORY = Path("/dev/shm")
SEGMENT_BYTES = 32 * 1024 * 1024  # of each process, by the shipped DDS profile
_GRAPH_PROCESSES = 6
_LOG_BYTES = 1_000_000_000
_RELEASED_BYTES = 22_000_000_000  # a released checkpoint
_GB = 1e9


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
