# SPDX-License-Identifier: Apache-2.0
"""The Fast DDS profile keeps what it is there for: room for a camera frame, and no standstill when a node joins."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from molmoact2_ros.bringup.dds_profile import PROFILE_VARIABLE, profile_environment, shipped_profile
from molmoact2_ros.bringup.graph import NODE_NAMES
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


def test_a_newcomer_stalls_no_node_for_as_long_as_safety_waits() -> None:
    # The check sleeps up to its whole time-out, in thirds; half of what safety allows leaves room for everything else.
    assert _shared_memory("healthy_check_timeout_ms") < 500 * Settings().state_timeout_s


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("node", NODE_NAMES)
def test_nodes_that_stop_the_robot_share_no_memory_where_a_shipped_profile_is_in_force(node: str, local: bool) -> None:
    ours = {PROFILE_VARIABLE: str(shipped_profile(local=local))}
    given = profile_environment(node, ours).get(PROFILE_VARIABLE, ours[PROFILE_VARIABLE])
    kinds = [kind.text for kind in ElementTree.parse(given).getroot().iter(f"{NAMESPACE}type")]
    assert ("SHM" in kinds) == (node in ("simulator", "perception", "policy", "depth_viewer"))
    assert "UDPv4" in kinds


def _settings(name: str) -> list[tuple[str, str]]:
    """Return every setting of a profile but the names that it gives itself."""
    root = ElementTree.parse(share_folder() / "config" / name).getroot()
    return [(element.tag.removeprefix(NAMESPACE), (element.text or "").strip()) for element in root.iter()]


@pytest.mark.parametrize("kind", ["", "control_"])
def test_the_local_profiles_differ_in_nothing_but_the_interface(kind: str) -> None:
    wide, local = _settings(f"fastdds_{kind}profile.xml"), _settings(f"fastdds_local_{kind}profile.xml")
    added = [setting for setting in local if setting not in wide]
    assert added == [("interfaceWhiteList", ""), ("address", "127.0.0.1")]
    assert [setting for setting in local if setting not in added] == wide


def test_a_labs_own_profile_is_left_alone() -> None:
    assert profile_environment("safety", {PROFILE_VARIABLE: "/lab/profile.xml"}) == {}
    assert profile_environment("safety", {}) == {}
