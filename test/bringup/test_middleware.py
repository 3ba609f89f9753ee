# SPDX-License-Identifier: Apache-2.0
"""What is done with each variable by which the middleware widens, joins or hides a graph. No ROS."""

from __future__ import annotations

from pathlib import Path

import pytest

from molmoact2_ros.bringup.dds_profile import PROFILE_VARIABLE, shipped_profile
from molmoact2_ros.bringup.middleware import (
    MiddlewareError,
    cleared,
    is_local_by_profile,
    joined_domains,
    range_off,
    remote_elements,
    require_isolation,
    shared_memory_of_localhost,
    suspects,
)

REACHING = {
    "ROS_DISCOVERY_SERVER": "127.0.0.1:11811",
    "ROS_STATIC_PEERS": "192.168.1.20",
    "ROS_SUPER_CLIENT": "TRUE",
    "ROS2_EASY_MODE": "127.0.0.1",
    "FASTDDS_ENVIRONMENT_FILE": "/lab/environment.json",
    "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4",
    "FASTDDS_DEFAULT_PROFILES_FILE": "/lab/profile.xml",
    "CYCLONEDDS_URI": "file:///lab/cyclone.xml",
    "NDDS_DISCOVERY_PEERS": "192.168.1.20",
    "ZENOH_CONFIG_OVERRIDE": "mode='client'",
}


@pytest.mark.parametrize("name", REACHING)
def test_without_network_a_variable_that_reaches_further_is_cleared(name: str) -> None:
    assert cleared({name: REACHING[name], "HOME": "/"}, network=False) == [name]


def test_with_network_only_the_older_form_of_the_range_is_cleared() -> None:
    assert cleared({**REACHING, "ROS_LOCALHOST_ONLY": "1"}, network=True) == ["ROS_LOCALHOST_ONLY"]


@pytest.mark.parametrize("kept", ["ROS_SECURITY_ENABLE", "RMW_FASTRTPS_PUBLICATION_MODE", PROFILE_VARIABLE])
def test_a_variable_that_lets_nothing_in_stays(kept: str) -> None:
    assert cleared({kept: "x"}, network=False) == []


@pytest.mark.parametrize("middleware", ["rmw_zenoh_cpp", "rmw_connextdds"])
def test_a_middleware_that_knows_no_range_is_refused_without_network(middleware: str) -> None:
    with pytest.raises(MiddlewareError, match=f"RMW_IMPLEMENTATION={middleware}.*give --network"):
        require_isolation({"RMW_IMPLEMENTATION": middleware})


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("<builtin><discoveryProtocol>SUPER_CLIENT</discoveryProtocol></builtin>", "discoveryProtocol"),
        ("<discoveryServersList><locator/></discoveryServersList>", "discoveryServersList"),
        ("<initialPeersList><locator><udpv4><address>10.0.0.2</address></udpv4></locator></initialPeersList>",
         "initialPeersList"),
        ("<initialPeersList><locator><udpv4><port>7412</port><address>127.0.0.1</address></udpv4></locator>"
         "</initialPeersList><discoveryProtocol>SIMPLE</discoveryProtocol>", ""),
    ],
)  # fmt: skip
def test_a_profile_with_servers_or_peers_elsewhere_is_refused_without_network(
    content: str, found: str, tmp_path: Path
) -> None:
    path = tmp_path / "lab.xml"
    path.write_text(f'<profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">{content}</profiles>')
    assert remote_elements(str(path)) == ([found] if found else [])
    if found:
        with pytest.raises(MiddlewareError, match=found):
            require_isolation({PROFILE_VARIABLE: str(path)})


@pytest.mark.parametrize("profile", ["", str(shipped_profile()), str(shipped_profile(local=True)), "/nowhere.xml"])
def test_shipped_and_absent_profiles_reach_nothing_elsewhere(profile: str) -> None:
    require_isolation({PROFILE_VARIABLE: profile})


def test_only_fast_dds_is_kept_on_this_machine_by_a_profile() -> None:
    assert is_local_by_profile({})
    assert is_local_by_profile({"RMW_IMPLEMENTATION": "rmw_fastrtps_dynamic_cpp"})
    assert not is_local_by_profile({"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"})
    assert not is_local_by_profile({PROFILE_VARIABLE: "/lab/profile.xml"})


def test_a_discovery_server_is_said_to_join_domains() -> None:
    assert joined_domains({}) == ""
    assert joined_domains(REACHING).startswith("ROS_DISCOVERY_SERVER=127.0.0.1:11811, ROS2_EASY_MODE")


@pytest.mark.parametrize("environment", [{"ROS_AUTOMATIC_DISCOVERY_RANGE": "localhost"}, {"ROS_LOCALHOST_ONLY": "1"}])
def test_localhost_is_said_to_add_shared_memory(environment: dict[str, str]) -> None:
    assert next(iter(environment)) in shared_memory_of_localhost(environment)
    assert shared_memory_of_localhost({"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}) == ""


def test_what_can_hide_nodes_is_listed_with_its_value() -> None:
    environment = {"ROS_DISCOVERY_SERVER": "h:1", "ROS_SECURITY_ENABLE": "true", PROFILE_VARIABLE: "/lab.xml"}
    assert suspects(environment) == [f"{name}={value}" for name, value in environment.items()]
    assert suspects({PROFILE_VARIABLE: str(shipped_profile(local=True)), "HOME": "/"}) == []
    assert range_off({"ROS_AUTOMATIC_DISCOVERY_RANGE": "off"}).endswith("set SUBNET or LOCALHOST")
