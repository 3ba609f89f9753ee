# SPDX-License-Identifier: Apache-2.0
"""A node's parameters come from dataclasses: flat names, types, ranges, and values that are read back into groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

rclpy = pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from rclpy.node import Node
from rclpy.parameter import Parameter

from molmoact2_ros.nodes.interpolator_node import InterpolatorParams
from molmoact2_ros.nodes.perception_node import PerceptionParams
from molmoact2_ros.nodes.safety_node import SafetyParams
from molmoact2_ros.ros.lifecycle import Molmoact2Node
from molmoact2_ros.ros.parameters import declare_parameters, read_parameters
from molmoact2_ros.schema import param, parameter_name, settings_in

pytestmark = pytest.mark.node


@dataclass(frozen=True)
class Room:
    speed: float = param(1.0, "How fast", unit="m/s", low=0, high=2, name="room_speed")
    steps: int = param(3, "How many", low=1)

    def __post_init__(self) -> None:
        if self.steps > 5 * self.speed:
            raise ValueError(f"steps: expected at most five times room_speed, got {self.steps}")


@dataclass(frozen=True)
class Params:
    robot: str = param("droid", "Which robot", mutable=True)
    room: Room = field(default_factory=Room)


class RoomNode(Molmoact2Node[Params]):
    def __init__(self) -> None:
        super().__init__("example", Params)

    def _setup(self) -> None:
        self.steps = self.params.room.steps


@pytest.fixture(autouse=True)
def ros(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ROS_DOMAIN_ID", "74")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    yield
    rclpy.try_shutdown()


def _start(*arguments: str) -> None:
    rclpy.init(args=["--ros-args", *(part for argument in arguments for part in ("-p", argument))])


def _declared(kind: type) -> Node:
    node = rclpy.create_node("example")
    declare_parameters(node, kind)
    return node


def test_the_settings_of_a_room_are_parameters_of_the_node_and_come_back_as_the_rooms_class() -> None:
    _start("room_speed:=1.5", "robot:=yam")
    assert read_parameters(_declared(Params), Params) == Params("yam", Room(1.5, 3))


def test_a_setting_of_a_room_is_declared_with_its_unit_range_and_type() -> None:
    _start()
    node = _declared(Params)
    speed, steps = node.describe_parameters(["room_speed", "steps"])
    assert (speed.description, speed.type, speed.read_only) == ("How fast [m/s]", Parameter.Type.DOUBLE.value, True)
    assert (speed.floating_point_range[0].from_value, speed.floating_point_range[0].to_value) == (0.0, 2.0)
    assert (steps.type, steps.integer_range[0].from_value) == (Parameter.Type.INTEGER.value, 1)


def test_a_value_out_of_range_is_refused_with_the_name_of_the_parameter_and_the_range() -> None:
    _start("room_speed:=2.5")
    with pytest.raises(ValueError, match=r"parameter room_speed \(How fast \[m/s\]\): expected .* from 0 to 2"):
        _declared(Params)


def test_values_that_a_room_refuses_fail_the_configure_and_not_the_start() -> None:
    _start("steps:=11")
    node = RoomNode()
    assert not node.autostart()
    assert node.failure == "steps: expected at most five times room_speed, got 11"


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (SafetyParams, {"embodiment", "driver", "speed_scale", "jump_arm_rad", "reset_cooldown_s"}),
        (InterpolatorParams, {"embodiment", "safety_timeout_s", "speed_scale", "blend_s", "mode"}),
        (
            PerceptionParams,
            {"camera_max_age_s", "moved_rad", "change_statistic", "change_threshold", "change_reference", "depth_grid"},
        ),
    ],
)
def test_parameters_of_the_nodes_have_the_names_that_launch_files_and_labs_use(kind: type, names: set[str]) -> None:
    declared = [parameter_name(setting) for setting in settings_in(kind)]
    assert names <= set(declared)
    assert len(declared) == len(set(declared))


@pytest.mark.parametrize("kind", [SafetyParams, InterpolatorParams, PerceptionParams])
def test_a_node_that_is_given_no_values_runs_with_the_defaults_of_its_rooms(kind: type) -> None:
    _start()
    assert read_parameters(_declared(kind), kind) == kind()
