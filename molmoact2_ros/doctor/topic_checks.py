# SPDX-License-Identifier: Apache-2.0
"""Whether topics have the right publishers and subscribers, and steady messages with stamps that serve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np

from molmoact2_ros.embodiment import (
    FORWARD_COMMANDS,
    GRIPPER_COMMAND,
    I2RT_GRIPPER,
    JOINT_TRAJECTORY,
    PARALLEL_GRIPPER,
    STREAMED_COMMANDS,
    STREAMED_TRAJECTORY,
    Driver,
    DriverGroup,
    Embodiment,
)
from molmoact2_ros.timing import AHEAD_NS, SAME_SOURCE, foreign_clock

from .check import Check, failed, ok, warning
from .evidence import NS_PER_S, Arrivals, TopicPeers, group_label
from .versions import TESTED_DISTRO

# What each interface is spoken in.
TYPES = {
    JOINT_TRAJECTORY: "trajectory_msgs/msg/JointTrajectory",
    STREAMED_TRAJECTORY: "trajectory_msgs/msg/JointTrajectory",
    STREAMED_COMMANDS: "std_msgs/msg/Float64MultiArray",
    FORWARD_COMMANDS: "std_msgs/msg/Float64MultiArray",
    PARALLEL_GRIPPER: "control_msgs/action/ParallelGripperCommand",
    GRIPPER_COMMAND: "control_msgs/action/GripperCommand",
    I2RT_GRIPPER: "i2rt_msgs/msg/GripperCommand",
}
_VENDORS = ("i2rt_msgs",)  # packages that apt does not have
BRIDGE = "bridge"
# They read every topic and control nothing.
_ONLOOKERS = ("rosbag2", "rosbridge", "foxglove", "_ros2cli", "rqt", "rviz", "plotjuggler", "molmoact2")


def check_controller(robot: Embodiment, group: DriverGroup, peers: Mapping[str, TopicPeers]) -> Iterator[Check]:
    """Judge who is at one group's command topic.

    Args:
        robot: its other profiles are proposed where one of their controllers listens.
        group: the joints in question.
        peers: by topic, for the command topics of every profile.
    """
    here, kind = peers[group.command_topic], TYPES[group.interface]
    name, topic = f"{group_label(group)} controller", group.command_topic
    expected = f"a controller that takes {kind}"
    found = [here.server] if here.server else list(here.subscribed_types)
    listening = sorted(set(_listeners(here)))
    if not listening and not here.server:
        yield failed(name, f"no node subscribes to {topic}", expected, _remedy(robot, group, peers))
    elif kind not in found:
        yield failed(
            name,
            f"{', '.join(found)} at {', '.join(listening) or 'an action server'}",
            expected,
            "remap the command topic, or choose the profile of this controller with --driver",
        )
    else:
        yield ok(name, f"{', '.join(listening) or 'an action server'} listens on {topic}", expected)
    yield _check_second_publishers(f"{group_label(group)} second publishers", here)


def check_messages(robot: Embodiment, driver: Driver, installed: Callable[[str], bool]) -> Iterator[Check]:
    """Judge whether the messages that the controllers take are installed.

    Args:
        robot: its other profiles are proposed where all of theirs are.
        driver: the profile in use.
        installed: returns whether a Python package is there.
    """

    def missing(profile: Driver) -> list[str]:
        kinds = [TYPES[group.interface] for group in profile.groups]
        return [kind for kind in kinds if not installed(kind.partition("/")[0])]

    for kind in dict.fromkeys(missing(driver)):
        package = kind.partition("/")[0]
        others = [profile.name for profile in robot.drivers.values() if not missing(profile)]
        choice = f", or choose --driver {' or '.join(others)}" if others else ""
        vendors = f"build {package} in this workspace, it comes with the driver"
        remedy = vendors if package in _VENDORS else f"install ros-{TESTED_DISTRO}-{package.replace('_', '-')}"
        yield failed("messages", f"{package} is not installed", kind, remedy + choice)


def _check_second_publishers(name: str, here: TopicPeers) -> Check:
    expected = "only the bridge commands the robot"
    if here.server:
        return ok(name, "not seen: it is an action, which any node may send goals to", expected)
    nodes = Counter(here.publishers)
    others = [node for node, count in nodes.items() if node.rpartition("/")[2] != BRIDGE or count > 1]
    bridges = [node for node in nodes if node not in others]
    if others or len(bridges) > 1:
        named = ", ".join(sorted(others) or bridges)
        remedy = "stop it before arming; one that crashed is listed for some seconds"
        return failed(name, f"{named} publishes on {here.topic}", expected, remedy)
    if bridges:
        return warning(name, f"the bridge runs already ({bridges[0]})", expected, "start no second graph")
    return ok(name, "no node publishes yet", expected)


def _remedy(robot: Embodiment, group: DriverGroup, peers: Mapping[str, TopicPeers]) -> str:
    joints = set(group.joints)
    others = [
        driver.name
        for driver in robot.drivers.values()
        for other in driver.groups
        if joints & set(other.joints) and (_listeners(peers[other.command_topic]) or peers[other.command_topic].server)
    ]
    if others:
        return f"activate the controller, or choose --driver {' or '.join(dict.fromkeys(others))}, whose one listens"
    return "activate the controller: ros2 control list_controllers shows its state"


def _listeners(peers: TopicPeers) -> list[str]:
    return [node for node in peers.subscribers if not node.rpartition("/")[2].startswith(_ONLOOKERS)]


AHEAD_S = AHEAD_NS / NS_PER_S
_STEADY_SHARE = 0.5  # ages that vary by less than this part of themselves are an offset, not delays


def check_clock(name: str, arrivals: Arrivals, budget_s: float) -> Check:
    """Judge the stamps of one input.

    Args:
        name: of the check.
        arrivals: at least one.
        budget_s: oldest stamp that perception takes.
    """
    expected = f"stamps that advance, at most {budget_s:g} s before arrival"
    stamps = arrivals.stamps_ns
    foreign = [foreign_clock(int(stamp), int(now)) for stamp, now in zip(stamps, arrivals.arrived_ns, strict=True)]
    if sum(map(bool, foreign)) > stamps.size // 2:
        found, _, remedy = next(filter(None, reversed(foreign))).partition(": ")
        return failed(name, found, expected, remedy)
    repeated = stamps.size - np.unique(stamps).size
    if repeated > stamps.size // 2:
        return failed(
            name,
            f"{repeated} of {stamps.size} messages repeat a stamp",
            expected,
            "restart the driver: it sends old values again",
        )
    return _check_ages(name, arrivals, budget_s, expected, foreign)


def _check_ages(name: str, arrivals: Arrivals, budget_s: float, expected: str, foreign: list[str]) -> Check:
    ages_s = arrivals.ages_s
    median_s = float(np.median(ages_s))
    if median_s < -AHEAD_S:
        return failed(name, f"the driver's clock is {-median_s:.2f} s ahead of this machine's", expected, SAME_SOURCE)
    if ages_s.min() > budget_s:
        if np.ptp(ages_s) < _STEADY_SHARE * median_s:
            found = f"the driver's clock is {median_s:.2f} s behind this machine's, or it delays every message by that"
            return failed(name, found, expected, f"{SAME_SOURCE}; if they agree, shorten the driver's queue")
        found = f"stamps lie {ages_s.min():.2f} to {ages_s.max():.2f} s before arrival"
        return failed(name, found, expected, "shorten the driver's queue (one buffer), or look at its load")
    found = f"stamps {1e3 * median_s:.0f} ms before arrival, at most {1e3 * ages_s.max():.0f} ms"
    strays = int((ages_s < -AHEAD_S).sum()) + sum(map(bool, foreign))
    if strays:
        text = f"{found}; {strays} of {ages_s.size} stamps lie in the future or are of another clock, and are ignored"
        return warning(name, text, expected, "look whether the driver reads two clocks, or one that is being set")
    if float(np.quantile(ages_s, 0.9)) > budget_s:
        return warning(name, found, expected, "look at the load of the driver's machine, and at the network")
    return ok(name, found, expected)


_SLACK = 0.9  # a rate this close to the wanted one is that rate, measured over some seconds
_MISSING_SHARE = 0.1  # a driver on a busy machine skips as many by itself


def check_rate(name: str, arrivals: Arrivals, *, wanted_hz: float, budget_s: float, source: str) -> Check:
    """Judge the rhythm of one input.

    Args:
        name: of the check.
        arrivals: at least one.
        wanted_hz: the rate at which the graph makes use of it.
        budget_s: perception's budget for its age: one that comes less often than this is never fresh.
        source: what to look at, e.g. `the camera's driver`.
    """
    found = _rhythm(arrivals)
    expected = f"{wanted_hz:g} Hz, gaps below {budget_s:g} s"
    if arrivals.rate_hz < 1.0 / budget_s:
        return failed(name, found, expected, f"raise the rate of {source}: perception waits for ever for a fresh one")
    if arrivals.missing > _MISSING_SHARE * (arrivals.count + arrivals.missing):
        return warning(
            name,
            found,
            expected,
            f"load the Fast DDS profile for {source} too, or look at its network or USB bus: messages get lost",
        )
    if arrivals.rate_hz < _SLACK * wanted_hz:
        return warning(name, found, expected, f"raise the rate of {source}: the graph uses {wanted_hz:g} a second")
    if arrivals.largest_gap_s > budget_s:
        return warning(name, found, expected, f"look why {source} pauses: a gap this long stops the robot")
    return ok(name, found, expected)


def _rhythm(arrivals: Arrivals) -> str:
    missing = f"{arrivals.missing} missing by their stamps" if arrivals.missing else "none missing"
    if arrivals.count < 2:
        return "one message only"
    return f"{arrivals.rate_hz:.1f} Hz, largest gap {arrivals.largest_gap_s:.3f} s, {missing}"


def check_source(peers: TopicPeers, kind: str, others: Collection[str], received: int) -> Check:
    """Judge the publishers of one topic.

    Args:
        peers: who is at the topic.
        kind: the type that is read.
        others: other topics of that type which have a publisher, to be proposed.
        received: messages that came while listening.
    """
    name = f"topic {peers.topic}"
    if not peers.publishers:
        elsewhere = f"the domain has this type on {', '.join(sorted(others))}" if others else "no topic has this type"
        return failed(
            name,
            f"no node publishes it; {elsewhere}",
            f"a driver that publishes {kind}",
            "start the driver, or remap its topic to this name; look at --domain-id and --network too",
        )
    nodes = ", ".join(sorted(set(peers.publishers)))
    if kind not in peers.published_types:
        return failed(
            name,
            f"{', '.join(peers.published_types)} from {nodes}",
            kind,
            "remap the topic that carries this type, or change --image-transport for a camera",
        )
    if not received:
        return failed(
            name,
            f"{nodes} publishes {kind}, but no message came",
            "messages",
            "look whether the driver is active and connected; between machines, whether UDP passes in both directions",
        )
    return ok(name, f"{kind} from {nodes}", kind)
