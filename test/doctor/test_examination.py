# SPDX-License-Identifier: Apache-2.0
"""A robot that is well passes every check; each trap is named by the check that is there for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.recorded_drivers import (
    ARM,
    DRIVER,
    DROID,
    GRIPPER,
    HOME,
    IMAGE,
    JOINT_STATE,
    arrivals,
    camera,
    healthy,
    peers,
    renamed,
    scene,
    states,
)

from molmoact2_ros.doctor.check import OK, Check
from molmoact2_ros.doctor.evidence import Arrivals, CameraRecord, Evidence, StateRecord, TopicPeers
from molmoact2_ros.doctor.examination import examine
from molmoact2_ros.embodiment import Embodiment, shipped_embodiments

TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
NOTHING = Arrivals(*(np.zeros(0, dtype=np.int64),) * 3, until_ns=0)


def _sick(evidence: Evidence) -> list[Check]:
    return [check for check in examine(DROID, DRIVER, evidence) if check.status != OK]


def _with_states(evidence: Evidence, topic: str, record: StateRecord) -> Evidence:
    return replace(evidence, states={**evidence.states, topic: record})


def _with_camera(role: str, record: CameraRecord) -> Evidence:
    evidence = healthy()
    record = replace(record, frame_id=evidence.cameras[role].frame_id)
    return replace(evidence, cameras={**evidence.cameras, role: record})


def _with_peers(*others: TopicPeers) -> Evidence:
    evidence = healthy()
    return replace(evidence, peers={**evidence.peers, **{each.topic: each for each in others}})


def test_a_robot_that_is_well_passes_every_check() -> None:
    checks = list(examine(DROID, DRIVER, healthy()))
    assert [check for check in checks if check.status != OK] == []
    assert len(checks) > 25


@pytest.mark.parametrize("name", shipped_embodiments())
def test_every_shipped_robot_passes_in_its_home_pose_by_each_of_its_profiles(name: str) -> None:
    robot = Embodiment.load(name)
    for driver in robot.drivers.values():
        sick = [check for check in examine(robot, driver, healthy(robot, driver)) if check.status != OK]
        assert sick == [], driver.name


def test_no_two_checks_have_one_name() -> None:
    names = [check.name for check in examine(DROID, DRIVER, healthy())]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    ("evidence", "name", "found", "remedy"),
    [
        pytest.param(
            _with_states(healthy(), ARM.state_topic, states(ARM, HOME[:7], arrivals(5.0))),
            "joint1..joint7 rate", "5.0 Hz", "perception waits for ever", id="slow_topic",
        ),
        pytest.param(
            _with_states(healthy(), ARM.state_topic, states(ARM, HOME[:7], broken={"fr3_joint2": np.nan})),
            "joint1..joint7 values", "fr3_joint2 = nan", "encoder", id="nan",
        ),
        pytest.param(
            _with_states(healthy(), ARM.state_topic, states(ARM, np.rad2deg(HOME[:7]))),
            "joint1..joint7 limits", "fr3_joint4 = -144.000 rad", "look like degrees", id="degrees",
        ),
        pytest.param(
            _with_states(healthy(), ARM.state_topic, states(ARM, HOME[:7], arrivals(100.0, age_s=3.2))),
            "joint1..joint7 clock", "3.20 s behind this machine's", "chrony", id="stale_clock",
        ),
        pytest.param(
            _with_states(
                healthy(), ARM.state_topic,
                renamed(states(ARM, HOME[:7]), lambda name: name.replace("fr3_", "panda_")),
            ),
            "joint1..joint7 names", "the topic names left_finger, panda_joint7", "'panda_joint'", id="other_names",
        ),
        pytest.param(
            _with_camera("wrist", camera(scene(2), checksums=[7] * 75)),
            "camera wrist change", "75 identical images in 4.9 s", "restart the camera", id="frozen_camera",
        ),
        pytest.param(
            _with_camera("wrist", camera(scene(1))),
            "cameras external and wrist", "byte for byte", "one camera feeds both", id="duplicated_camera",
        ),
        pytest.param(
            _with_camera("wrist", camera(scene(2) // 30)),
            "camera wrist light", "black", "take the cap off", id="black_camera",
        ),
        pytest.param(
            _with_camera("wrist", camera(scene(2), encoding="bayer_rggb8")),
            "camera wrist image", "encoding 'bayer_rggb8'", "set it in the camera driver", id="wrong_encoding",
        ),
        pytest.param(
            _with_peers(peers(ARM.command_topic, TRAJECTORY, publishers=("teleop",), subscribers=("controller",))),
            "joint1..joint7 second publishers", "teleop publishes on fr3_arm_controller", "stop it", id="publisher",
        ),
        pytest.param(
            _with_peers(TopicPeers(ARM.command_topic)),
            "joint1..joint7 controller", "no node subscribes", "ros2 control list_controllers", id="missing_controller",
        ),
    ],
)  # fmt: skip
def test_a_trap_is_named_and_nothing_else_is(evidence: Evidence, name: str, found: str, remedy: str) -> None:
    (check,) = _sick(evidence)
    assert check.name == name
    assert found in check.found
    assert remedy in check.remedy
    assert check.expected


def test_a_dead_topic_is_named_with_the_topics_of_its_type() -> None:
    evidence = _with_states(healthy(), ARM.state_topic, StateRecord((), NOTHING))
    evidence = replace(evidence, peers={**evidence.peers, ARM.state_topic: TopicPeers(ARM.state_topic)})
    (check,) = _sick(replace(evidence, published={"/fr3/joint_states": (JOINT_STATE,), "/tf": ("tf2_msgs",)}))
    assert check.name == "topic franka/joint_states"
    assert check.found == "no node publishes it; the domain has this type on /fr3/joint_states"


def test_a_publisher_that_says_nothing_is_named() -> None:
    (check,) = _sick(_with_states(healthy(), GRIPPER.state_topic, StateRecord((), NOTHING)))
    assert (check.name, check.status) == ("topic joint_states", "failed")
    assert "lab/joint_state_broadcaster publishes" in check.found


def test_a_topic_of_another_type_is_reported_with_both_types() -> None:
    evidence = _with_camera("wrist", CameraRecord(NOTHING))
    compressed = peers("camera/wrist/image", "sensor_msgs/msg/CompressedImage", publishers=("usb_cam",))
    (check,) = _sick(replace(evidence, peers={**evidence.peers, "camera/wrist/image": compressed}))
    assert check.found == "sensor_msgs/msg/CompressedImage from usb_cam"
    assert check.expected == IMAGE
    assert "--image-transport" in check.remedy
