# SPDX-License-Identifier: Apache-2.0
"""What doctor would receive from a DROID robot without faults, with a knob for each thing that may be wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from fakes.fake_driver import FakeDriver

from molmoact2_ros.doctor.evidence import Arrivals, CameraRecord, Evidence, StateRecord, TopicPeers
from molmoact2_ros.doctor.topic_checks import TYPES
from molmoact2_ros.embodiment import Driver, DriverGroup, Embodiment
from molmoact2_ros.interfaces.camera_frame import CameraFrame
from molmoact2_ros.interfaces.joint_report import DriverReport

S = 1_000_000_000  # ns
NOW_NS = 1_790_000_000 * S  # ROS time when listening began
STEADY_NS = 500 * S
SECONDS = 5.0
DROID = Embodiment.load("droid")
DRIVER = DROID.driver("franka_ros2_robotiq_forward")
ARM, GRIPPER = DRIVER.groups
HOME = DROID.pose("home")
JOINT_STATE, IMAGE = "sensor_msgs/msg/JointState", "sensor_msgs/msg/Image"


def arrivals(
    rate_hz: float, *, age_s: float | np.ndarray = 0.005, lost: Sequence[int] = (), end_s: float = SECONDS
) -> Arrivals:
    """Return even arrivals; `lost` messages were sent and never came, nothing came after `end_s`."""
    times_ns = np.arange(0, int(end_s * S), round(S / rate_hz), dtype=np.int64)
    times_ns = np.delete(times_ns, list(lost))
    ages_ns = np.broadcast_to(np.asarray(age_s) * S, times_ns.shape).astype(np.int64)
    return Arrivals(
        received_ns=STEADY_NS + times_ns,
        arrived_ns=NOW_NS + times_ns,
        stamps_ns=NOW_NS + times_ns - ages_ns,
        until_ns=STEADY_NS + int(SECONDS * S),
    )


def states(
    group: DriverGroup,
    pose: np.ndarray | Callable[[float], np.ndarray],
    received: Arrivals | None = None,
    *,
    rate_factor: float = 1.0,
    broken: dict[str, float] | None = None,
) -> StateRecord:
    """Return the reports of a FakeDriver.

    Args:
        group: the joints, with their names and units.
        pose: [joints] in this package's units, or its course over time.
        received: when they came; 100 Hz otherwise.
        rate_factor: the driver's velocities are wrong by this.
        broken: positions by driver name, in the driver's unit.
    """
    received = received or arrivals(100.0)
    course = pose if callable(pose) else lambda time_s: pose
    driver, reports = FakeDriver(group, course(0.0)), []
    for stamp_ns in received.stamps_ns:
        time_s = (stamp_ns - received.stamps_ns[0]) / S
        driver.move(course(time_s))
        velocities = (course(time_s + 1e-4) - course(time_s - 1e-4)) / 2e-4
        report = driver.report(0, velocities=rate_factor * velocities, broken=broken)
        reports.append(replace(report, stamp_ns=int(stamp_ns)))
    return StateRecord(tuple(reports), received)


def renamed(record: StateRecord, rename: Callable[[str], str]) -> StateRecord:
    """Return the same reports with other joint names."""
    reports = [replace(report, names=tuple(map(rename, report.names))) for report in record.reports]
    return replace(record, reports=tuple(reports))


def numbers(names: tuple[str, ...], values: Sequence[float], received: Arrivals | None = None) -> StateRecord:
    """Return reports of one set of numbers, in the driver's unit and without velocities."""
    received = received or arrivals(100.0)
    report = DriverReport(0, names, np.array(values, dtype=np.float64), np.zeros(0))
    return StateRecord(tuple(replace(report, stamp_ns=int(stamp)) for stamp in received.stamps_ns), received)


def scene(seed: int = 0) -> np.ndarray:
    """Return an image uint8 [48, 64, 3]: patches of light and dark."""
    patches = np.random.default_rng(seed).integers(20, 220, (6, 8, 3), dtype=np.uint8)
    return patches.repeat(8, axis=0).repeat(8, axis=1)


def frame(image: np.ndarray, encoding: str = "rgb8") -> CameraFrame:
    """Return a raw frame of an image."""
    height, width = image.shape[:2]
    data = np.ascontiguousarray(image).reshape(-1)
    return CameraFrame(NOW_NS, STEADY_NS, data, encoding, height, width, data.size // height)


def camera(
    image: np.ndarray,
    received: Arrivals | None = None,
    *,
    checksums: Sequence[int] | None = None,
    encoding: str = "rgb8",
    frame_id: str = "",
) -> CameraRecord:
    """Return the record of a camera, by default a living one at 15 Hz."""
    received = received or arrivals(15.0)
    newest = frame(image, encoding)
    sums = range(newest.checksum, newest.checksum + received.count) if checksums is None else checksums
    return CameraRecord(received, tuple(sums), newest, frame_id)


def peers(topic: str, kind: str, *, publishers: tuple[str, ...] = (), subscribers: tuple[str, ...] = ()) -> TopicPeers:
    """Return who is at a topic of one type."""
    return TopicPeers(topic, (kind,) * bool(publishers), publishers, (kind,) * bool(subscribers), subscribers)


def healthy(robot: Embodiment = DROID, driver: Driver = DRIVER) -> Evidence:
    """Return the evidence of a robot that is well and stands in its home pose."""
    image_topics = {each.role: each.topic for each in robot.cameras}
    state_topics = dict.fromkeys(group.state_topic for group in driver.groups)
    commands = [TopicPeers(group.command_topic) for each in robot.drivers.values() for group in each.groups]
    everyone = [
        *(peers(topic, JOINT_STATE, publishers=("lab/joint_state_broadcaster",)) for topic in state_topics),
        *(peers(topic, IMAGE, publishers=(f"{role}_camera",)) for role, topic in image_topics.items()),
        *commands,
        *(_controller(group) for group in driver.groups),
    ]
    return Evidence(
        rmw="rmw_fastrtps_cpp",
        peers={each.topic: each for each in everyone},
        published={f"/{each.topic}": each.published_types for each in everyone if each.publishers},
        states={topic: _at_home(robot, driver, topic) for topic in state_topics},
        cameras={
            each.role: camera(scene(seed), arrivals(robot.policy.rate_hz), frame_id=each.frame_id)
            for seed, each in enumerate(robot.cameras, start=1)
        },
        image_topics=image_topics,
        image_type=IMAGE,
    )


def _controller(group: DriverGroup) -> TopicPeers:
    kind = TYPES.get(group.interface, "lab_msgs/msg/Command")
    if "/action/" in kind:
        return TopicPeers(group.command_topic, server=kind)
    return peers(group.command_topic, kind, subscribers=("lab/controller",))


def _at_home(robot: Embodiment, driver: Driver, topic: str) -> StateRecord:
    """Return what comes on a topic: each group is reported by a message of its own."""
    home = dict(zip(robot.joint_names, robot.pose("home"), strict=True))
    groups = [group for group in driver.groups if group.state_topic == topic]
    records = [states(group, np.array([home[joint] for joint in group.joints])) for group in groups]
    reports = [report for together in zip(*(each.reports for each in records), strict=True) for report in together]
    return StateRecord(tuple(reports), records[0].arrivals.where(np.arange(len(reports)) // len(groups)))
