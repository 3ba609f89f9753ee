# SPDX-License-Identifier: Apache-2.0
"""Every node leaves nothing behind: no entity, no thread, and none of another node's."""

from __future__ import annotations

import pytest

rclpy = pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")
pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")

from fakes.lifecycle_manager import belongings

from molmoact2_ros.embodiment import Embodiment, share_folder
from molmoact2_ros.nodes.bridge_node import BridgeNode
from molmoact2_ros.nodes.depth_viewer_node import DepthViewerNode
from molmoact2_ros.nodes.interpolator_node import InterpolatorNode
from molmoact2_ros.nodes.perception_node import PerceptionNode
from molmoact2_ros.nodes.policy_node import PolicyNode
from molmoact2_ros.nodes.safety_node import SafetyNode
from molmoact2_ros.nodes.simulator_node import SimulatorNode
from molmoact2_ros.nodes.task_node import TaskNode
from molmoact2_ros.ros.lifecycle import Molmoact2Node

pytestmark = [pytest.mark.node, pytest.mark.sim]

DEMO = share_folder() / "checkpoints" / f"demo_{Embodiment.load('droid').policy.norm_tag}"
FORWARD = "driver:=franka_ros2_robotiq_forward"
NODES = {
    BridgeNode: [FORWARD],
    DepthViewerNode: [f"depth_decoder:={share_folder() / 'checkpoints' / 'depth_codes'}"],
    InterpolatorNode: [],
    PerceptionNode: [],
    PolicyNode: [f"checkpoint:={DEMO}", "device:=cpu"],
    SafetyNode: [],
    SimulatorNode: [FORWARD, "camera_rate_hz:=5.0", "publish_clock:=true", "publish_truth:=true"],
    TaskNode: ["instruction:=wave"],
}


@pytest.mark.parametrize("make", NODES, ids=lambda make: make.__name__)
def test_every_node_leaves_nothing_behind_after_cleanup(ros_domain: int, make: type[Molmoact2Node]) -> None:
    rclpy.init(args=["--ros-args", *(word for parameter in NODES[make] for word in ("-p", parameter))])
    node = make()
    before = belongings(node)
    for _ in range(2):
        assert node.autostart(), node.failure
        assert belongings(node) != before
        node.trigger_deactivate()
        node.trigger_cleanup()
        assert belongings(node) == before
    node.destroy_node()
