# SPDX-License-Identifier: Apache-2.0
"""The Fast DDS profile keeps what it is there for: room for a camera frame, and no standstill when somebody joins."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from molmoact2_ros.embodiment import share_folder
from molmoact2_ros.nodes.dds_profile import PROFILE_VARIABLE, profile_environment, shipped_profile
from molmoact2_ros.nodes.graph import NODE_NAMES
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


@pytest.mark.parametrize("node", NODE_NAMES)
def test_nodes_that_stop_the_robot_share_no_memory_where_the_shipped_profile_is_in_force(node: str) -> None:
    ours = {PROFILE_VARIABLE: str(shipped_profile())}
    given = profile_environment(node, ours).get(PROFILE_VARIABLE, ours[PROFILE_VARIABLE])
    kinds = [kind.text for kind in ElementTree.parse(given).getroot().iter(f"{NAMESPACE}type")]
    assert ("SHM" in kinds) == (node in ("simulator", "perception", "policy"))
    assert "UDPv4" in kinds


def test_a_labs_own_profile_is_left_alone() -> None:
    assert profile_environment("safety", {PROFILE_VARIABLE: "/lab/profile.xml"}) == {}
    assert profile_environment("safety", {}) == {}
