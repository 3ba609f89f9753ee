# SPDX-License-Identifier: Apache-2.0
"""Check the drivers of a robot by what was received from them. No ROS."""

from __future__ import annotations

from collections.abc import Iterator

from molmoact2_ros.embodiment import Camera, Driver, Embodiment, EmbodimentError, validate_driver

from .camera_checks import check_cameras
from .check import Check, contained, failed
from .evidence import Evidence, group_label
from .state_checks import check_group
from .topic_checks import check_controller, check_source

JOINT_STATE = "sensor_msgs/msg/JointState"


def examine(robot: Embodiment, driver: Driver, evidence: Evidence, gripper: str = "") -> Iterator[Check]:
    """Judge states, cameras and command topics of a robot run by one driver profile; no error in one ends the others.

    Args:
        robot: what it should be.
        driver: the profile.
        evidence: what was received.
        gripper: open or closed, as an operator sees its grippers; empty where no operator looked.
    """
    yield from contained("profile", _check_profile, robot, driver)
    yield from _check_states(robot, driver, evidence, gripper)
    for camera in robot.cameras:
        yield from contained(f"topic {camera.topic}", _check_image_topic, camera, evidence)
    yield from contained("cameras", check_cameras, robot, evidence.cameras)
    for group in driver.groups:
        yield from contained(f"{group_label(group)} controller", check_controller, robot, group, evidence.peers)


def _check_profile(robot: Embodiment, driver: Driver) -> Iterator[Check]:
    try:
        validate_driver(robot, driver)
    except EmbodimentError as error:
        yield failed("profile", str(error), "a profile that the bridge can serve", "correct the embodiment file")


def _check_image_topic(camera: Camera, evidence: Evidence) -> Check:
    topic, kind = evidence.image_topics[camera.role], evidence.image_type
    count = evidence.cameras[camera.role].arrivals.count
    return check_source(evidence.peers[topic], kind, evidence.others(topic, kind), count)


def _check_states(robot: Embodiment, driver: Driver, evidence: Evidence, gripper: str) -> Iterator[Check]:
    for topic in dict.fromkeys(group.state_topic for group in driver.groups):
        record = evidence.states[topic]
        yield from contained(f"topic {topic}", _check_state_topic, topic, evidence)
        if record.reports:
            for group in driver.groups:
                if group.state_topic == topic:
                    yield from contained(group_label(group), check_group, robot, group, record, gripper)


def _check_state_topic(topic: str, evidence: Evidence) -> Check:
    others = evidence.others(topic, JOINT_STATE)
    return check_source(evidence.peers[topic], JOINT_STATE, others, len(evidence.states[topic].reports))
