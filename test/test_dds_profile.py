# SPDX-License-Identifier: Apache-2.0
"""The Fast DDS profile keeps what it is there for: room for a camera frame, and no standstill when somebody joins."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from molmoact2_ros.embodiment import share_folder
from molmoact2_ros.safety.settings import Settings

NAMESPACE = "{http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles}"
LARGEST_FRAME_BYTES = 1920 * 1080 * 3


def _shared_memory(field: str) -> int:
    tree = ElementTree.parse(share_folder() / "config" / "fastdds_profile.xml")
    text = tree.getroot().findtext(f".//{NAMESPACE}transport_descriptor/{NAMESPACE}{field}")
    assert text is not None, f"the profile sets no {field}"
    return int(text)


def test_a_segment_holds_several_of_the_largest_frames() -> None:
    assert _shared_memory("maxMessageSize") > LARGEST_FRAME_BYTES
    assert _shared_memory("segment_size") > 4 * LARGEST_FRAME_BYTES


def test_a_newcomer_stalls_nobody_for_as_long_as_safety_waits() -> None:
    # The check sleeps up to its whole time-out, in thirds; half of what safety allows leaves room for everything else.
    assert _shared_memory("healthy_check_timeout_ms") < 500 * Settings().state_timeout_s
