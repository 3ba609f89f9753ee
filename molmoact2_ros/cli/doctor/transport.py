# SPDX-License-Identifier: Apache-2.0
"""Whether the middleware can carry camera frames."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from .check import Check, failed, ok, warning

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
