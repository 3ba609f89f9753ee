# SPDX-License-Identifier: Apache-2.0
"""What doctor would hear of a DROID robot that is well, with a knob for each thing that may be wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from fakes.fake_driver import FakeDriver

from molmoact2_ros.bridge import DriverReport
from molmoact2_ros.cli.doctor.arrivals import Arrivals
from molmoact2_ros.cli.doctor.camera_record import CameraRecord
from molmoact2_ros.cli.doctor.evidence import Evidence
from molmoact2_ros.cli.doctor.state_record import StateRecord
from molmoact2_ros.cli.doctor.topic_peers import TopicPeers
from molmoact2_ros.embodiment import DriverGroup, Embodiment
from molmoact2_ros.perception import Frame

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
    heard: Arrivals | None = None,
    *,
    rate_factor: float = 1.0,
    broken: dict[str, float] | None = None,
) -> StateRecord:
    """Return the reports of a FakeDriver.

    Args:
        group: the joints, with their names and units.
        pose: [joints] in this package's units, or its course over time.
        heard: when they came; 100 Hz otherwise.
        rate_factor: the driver's velocities are wrong by this.
        broken: positions by driver name, in the driver's unit.
    """
    heard = heard or arrivals(100.0)
    course = pose if callable(pose) else lambda time_s: pose
    driver, reports = FakeDriver(group, course(0.0)), []
    for stamp_ns in heard.stamps_ns:
        time_s = (stamp_ns - heard.stamps_ns[0]) / S
        driver.move(course(time_s))
        velocities = (course(time_s + 1e-4) - course(time_s - 1e-4)) / 2e-4
        report = driver.report(0, velocities=rate_factor * velocities, broken=broken)
        reports.append(replace(report, stamp_ns=int(stamp_ns)))
    return StateRecord(tuple(reports), heard)


def renamed(record: StateRecord, rename: Callable[[str], str]) -> StateRecord:
    """Return the same reports with other joint names."""
    reports = [replace(report, names=tuple(map(rename, report.names))) for report in record.reports]
    return replace(record, reports=tuple(reports))


def numbers(names: tuple[str, ...], values: Sequence[float], heard: Arrivals | None = None) -> StateRecord:
    """Return reports of one set of numbers, in the driver's unit and without velocities."""
    heard = heard or arrivals(100.0)
    report = DriverReport(0, names, np.array(values, dtype=np.float64), np.zeros(0))
    return StateRecord(tuple(replace(report, stamp_ns=int(stamp)) for stamp in heard.stamps_ns), heard)


def scene(seed: int = 0) -> np.ndarray:
    """Return a picture uint8 [48, 64, 3]: patches of light and dark."""
    patches = np.random.default_rng(seed).integers(20, 220, (6, 8, 3), dtype=np.uint8)
    return patches.repeat(8, axis=0).repeat(8, axis=1)


def frame(picture: np.ndarray, encoding: str = "rgb8") -> Frame:
    """Return a raw frame of a picture."""
    height, width = picture.shape[:2]
    data = np.ascontiguousarray(picture).reshape(-1)
    return Frame(NOW_NS, STEADY_NS, data, encoding, height, width, data.size // height)


def camera(
    picture: np.ndarray,
    heard: Arrivals | None = None,
    *,
    checksums: Sequence[int] | None = None,
    encoding: str = "rgb8",
    frame_id: str = "",
) -> CameraRecord:
    """Return the record of a camera, by default a living one at 15 Hz."""
    heard = heard or arrivals(15.0)
    newest = frame(picture, encoding)
    sums = range(newest.checksum, newest.checksum + heard.count) if checksums is None else checksums
    return CameraRecord(heard, tuple(sums), newest, frame_id)


def peers(topic: str, kind: str, *, publishers: tuple[str, ...] = (), subscribers: tuple[str, ...] = ()) -> TopicPeers:
    """Return who is at a topic of one type."""
    return TopicPeers(topic, (kind,) if publishers or subscribers else (), publishers, subscribers)


def healthy() -> Evidence:
    """Return the evidence of a robot that is well, by the driver profile DRIVER."""
    image_topics = {each.role: each.topic for each in DROID.cameras}
    everyone = [
        peers(ARM.state_topic, JOINT_STATE, publishers=("joint_state_broadcaster",)),
        peers(GRIPPER.state_topic, JOINT_STATE, publishers=("gripper/joint_state_broadcaster",)),
        *(peers(topic, IMAGE, publishers=(f"{role}_camera",)) for role, topic in image_topics.items()),
        peers(ARM.command_topic, "trajectory_msgs/msg/JointTrajectory", subscribers=("fr3_arm_controller",)),
        peers(GRIPPER.command_topic, "std_msgs/msg/Float64MultiArray", subscribers=("robotiq_gripper_controller",)),
        TopicPeers("robotiq_gripper_controller/gripper_cmd"),
    ]
    return Evidence(
        rmw="rmw_fastrtps_cpp",
        peers={each.topic: each for each in everyone},
        published={f"/{each.topic}": each.types for each in everyone if each.publishers},
        states={
            ARM.state_topic: states(ARM, HOME[:7]),
            GRIPPER.state_topic: states(GRIPPER, HOME[7:], arrivals(30.0)),
        },
        cameras={"external": camera(scene(1)), "wrist": camera(scene(2))},
        image_topics=image_topics,
        image_type=IMAGE,
    )
