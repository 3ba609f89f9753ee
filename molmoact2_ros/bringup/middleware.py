# SPDX-License-Identifier: Apache-2.0
"""The variables of the environment by which the middleware decides who meets whom, and what is done with each.

`molmoact2` promises a domain of its own, seen by this machine only, unless it is given `--network`. Some variables undo
that: they are set, cleared or refused before rclpy is imported, and what is started inherits the result.
Launch files and nodes follow the environment; they say what it does. No ROS.

| variable | without `--network` | with it |
| --- | --- | --- |
| ROS_DOMAIN_ID | set | set |
| ROS_AUTOMATIC_DISCOVERY_RANGE | set | set |
| ROS_LOCALHOST_ONLY, the older form of the range, which outranks it | cleared | cleared |
| ROS_STATIC_PEERS | cleared | kept |
| ROS_DISCOVERY_SERVER, ROS_SUPER_CLIENT, ROS2_EASY_MODE | cleared | kept; a line says that domains do not separate |
| FASTDDS_ENVIRONMENT_FILE, which sets any of these at run time | cleared | kept; a line |
| FASTRTPS_DEFAULT_PROFILES_FILE | set; a lab's own kept, refused if it names servers or peers | kept; a line |
| SKIP_DEFAULT_XML_FILE: no profile from the present folder | set | kept |
| all others of FASTDDS_, FASTRTPS_, CYCLONEDDS_, NDDS_, ZENOH_ | cleared | kept |
| RMW_IMPLEMENTATION | kept; refused if it knows no range | kept |
| ROS_SECURITY_..., RMW_FASTRTPS_... | kept: they only restrict | kept |
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from .dds_profile import PROFILE_VARIABLE, is_shipped

DOMAIN, RANGE, LOCALHOST_ONLY = "ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY"
STATIC_PEERS, SKIP_DEFAULT_XML, RMW = "ROS_STATIC_PEERS", "SKIP_DEFAULT_XML_FILE", "RMW_IMPLEMENTATION"
ENVIRONMENT_FILE = "FASTDDS_ENVIRONMENT_FILE"
SERVERS = ("ROS_DISCOVERY_SERVER", "ROS2_EASY_MODE", ENVIRONMENT_FILE)
REACH_FURTHER = (STATIC_PEERS, *SERVERS, "ROS_SUPER_CLIENT")
VENDORS = ("FASTDDS_", "FASTRTPS_", "CYCLONEDDS_", "NDDS_", "ZENOH_")
HIDE = ("ROS_SECURITY_ENABLE", "ROS_SECURITY_STRATEGY", "ROS_SECURITY_KEYSTORE", "ROS_SECURITY_ENCLAVE_OVERRIDE")

FAST_DDS, CYCLONE = "rmw_fastrtps", "rmw_cyclonedds_cpp"
REMOTE_ELEMENTS = ("discoveryProtocol", "discoveryServersList", "initialPeersList")
LOOPBACK = ("localhost", "127.", "::1")


class MiddlewareError(ValueError):
    """The environment asks the middleware for what the command line excludes; one sentence."""


def cleared(environment: Mapping[str, str], *, network: bool) -> list[str]:
    """Return the names of the variables that `molmoact2` takes out of its environment."""
    if network:
        return [LOCALHOST_ONLY] if LOCALHOST_ONLY in environment else []
    vendors = [name for name in environment if name.startswith(VENDORS) and name != PROFILE_VARIABLE]
    names = {LOCALHOST_ONLY, *REACH_FURTHER, *vendors}
    return sorted(name for name in names if name in environment)


def require_isolation(environment: Mapping[str, str]) -> None:
    """Raise MiddlewareError if a graph in this environment could not be kept on this machine, in its own domain."""
    middleware = environment.get(RMW, "")
    if middleware and not middleware.startswith(FAST_DDS) and middleware != CYCLONE:
        raise MiddlewareError(
            f"{RMW}={middleware}: without --network the graph stays on this machine, which that middleware cannot "
            f"promise: unset {RMW}, or give --network"
        )
    if remote := remote_elements(environment.get(PROFILE_VARIABLE, "")):
        raise MiddlewareError(
            f"{PROFILE_VARIABLE}={environment[PROFILE_VARIABLE]} has {', '.join(remote)}, by which other domains or "
            "machines join: unset it, or give --network"
        )


def is_local_by_profile(environment: Mapping[str, str]) -> bool:
    """Return whether a profile of ours can keep a graph on this machine: it is Fast DDS, and the lab has none."""
    middleware = environment.get(RMW, "")
    return is_shipped(environment.get(PROFILE_VARIABLE)) and (not middleware or middleware.startswith(FAST_DDS))


def is_replaced_by_profile(environment: Mapping[str, str]) -> bool:
    """Return whether launch can keep a graph here by a profile instead of LOCALHOST: nothing of the lab's is lost."""
    return is_local_by_profile(environment) and not environment.get(STATIC_PEERS)


def wants_this_machine_only(environment: Mapping[str, str]) -> bool:
    """Return whether the environment keeps ROS on this machine, by the range or by its older form."""
    return environment.get(RANGE, "").upper() == "LOCALHOST" or environment.get(LOCALHOST_ONLY, "") == "1"


def joined_domains(environment: Mapping[str, str]) -> str:
    """Return one sentence if ROS domains do not separate graphs in this environment, else nothing."""
    why = [f"{name}={environment[name]}" for name in SERVERS if environment.get(name)]
    profile = environment.get(PROFILE_VARIABLE, "")
    if servers := [name for name in remote_elements(profile) if name != "initialPeersList"]:
        why.append(f"{', '.join(servers)} of {profile}")
    if not why:
        return ""
    return (
        f"{', '.join(why)}: ROS domains do not separate graphs behind a discovery server; whatever it serves is met "
        "here, in whichever domain that is"
    )


def shared_memory_of_localhost(environment: Mapping[str, str]) -> str:
    """Return one sentence if the middleware gives shared memory to the nodes that stop the robot, else nothing."""
    if not wants_this_machine_only(environment):
        return ""
    return (
        f"{_setting_of_range(environment)} gives bridge, safety and interpolator shared memory of the middleware's "
        "own, by which a process that ends may hold them up for a second (SAFETY.md, Shared memory): unset it where "
        f"{PROFILE_VARIABLE} or {STATIC_PEERS} is set"
    )


def range_off(environment: Mapping[str, str]) -> str:
    """Return one sentence if nodes are kept from finding each other altogether, else nothing."""
    if environment.get(RANGE, "").upper() != "OFF":
        return ""
    return f"{RANGE}=OFF: no node finds another one: unset it, or set SUBNET or LOCALHOST"


def suspects(environment: Mapping[str, str]) -> list[str]:
    """Return `NAME=value` of every variable that can keep the nodes of one machine from finding each other."""
    names = [*SERVERS, "ROS_SUPER_CLIENT", STATIC_PEERS, RMW, *HIDE]
    names += sorted(name for name in environment if name.startswith(VENDORS) and name not in names)
    shown = [name for name in names if environment.get(name)]
    if is_shipped(environment.get(PROFILE_VARIABLE)):
        shown = [name for name in shown if name != PROFILE_VARIABLE]
    if environment.get(RANGE, "").upper() == "OFF":
        shown.append(RANGE)
    return [f"{name}={environment[name]}" for name in shown]


def remote_elements(profile: str) -> list[str]:
    """Return the elements of a Fast DDS profile by which it reaches servers or peers that it names.

    A file that cannot be read has none: Fast DDS does not read it either.
    """
    if is_shipped(profile):
        return []
    try:
        elements = list(ElementTree.parse(Path(profile)).iter())
    except (OSError, ElementTree.ParseError):
        return []
    named = [(element.tag.rpartition("}")[2], " ".join(element.itertext()).strip()) for element in elements]
    return sorted({tag for tag, text in named if tag in REMOTE_ELEMENTS and not _stays_here(tag, text)})


def _stays_here(tag: str, text: str) -> bool:
    if tag == "discoveryProtocol":
        return text.upper() in ("SIMPLE", "NONE", "")
    if tag == "initialPeersList":
        return all(word.startswith(LOOPBACK) or word.isdecimal() for word in text.split())
    return False


def _setting_of_range(environment: Mapping[str, str]) -> str:
    name = LOCALHOST_ONLY if environment.get(LOCALHOST_ONLY, "") == "1" else RANGE
    return f"{name}={environment[name]}"
