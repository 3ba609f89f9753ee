# SPDX-License-Identifier: Apache-2.0
"""Whatever ends while the arm moves, the arm comes to rest without a jump, and the cause is named.

The graph runs in lockstep: `kill -9` to standstill is measured on simulated time, and is the same on any computer. The
same in real time: `molmoact2 faults`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from fakes.lockstep_lab import STILL_RAD_S, lockstep_lab

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.msg import BridgeState, SafetyState

pytestmark = pytest.mark.graph

STANDSTILL_BUDGET_S = 1.5


@pytest.mark.parametrize(
    ("victim", "cause", "domain"),
    [
        ("perception", "perception silent", 77),
        ("policy", "policy silent", 78),
        ("interpolator", "interpolator silent", 79),
        ("bridge", "bridge silent", 80),
        ("safety", "", 81),
    ],
)
def test_killing_a_node_in_motion_brings_the_arm_to_rest_and_names_the_cause(
    tmp_path: Path, victim: str, cause: str, domain: int
) -> None:
    with lockstep_lab(tmp_path, domain, "droid") as lab:
        lab.arm_and_move()
        killed_s = lab.now_s
        lab.kill(victim)
        rest_s = lab.stand_still()
        acceleration = lab.largest_acceleration(killed_s)
        print(f"{victim} killed: at rest after {rest_s * 1e3:.0f} ms, at most {acceleration:.1f} rad/s2")
        assert 0.0 < rest_s < STANDSTILL_BUDGET_S
        assert acceleration < lab.robot.limits("acceleration").max()
        if cause:
            assert lab.cause == cause
            # Without a bridge, nothing measures that the arm stands.
            assert lab.mode == (SafetyState.STOPPING if victim == "bridge" else SafetyState.STOPPED)
        else:
            bridge = lab.client.bridge
            assert bridge is not None
            assert (bridge.mode, bridge.cause) == (BridgeState.HOLDING, BridgeState.CAUSE_SAFETY_SILENT)


def test_a_stop_is_latched_until_reset_and_nothing_moves_until_armed_again(tmp_path: Path) -> None:
    with lockstep_lab(tmp_path, 82, "droid") as lab:
        lab.arm_and_move()
        assert lab.ask("safety", "stop")[0]
        assert lab.stand_still() < STANDSTILL_BUDGET_S
        lab.run_until(lambda: lab.mode == SafetyState.STOPPED, 1.0)
        assert not lab.ask("safety", "arm")[0]
        lab.run_for(1.0)
        done, text = lab.ask("safety", "reset")
        assert done, text
        stopped = len(lab.velocities)
        lab.run_for(2.0)
        assert np.abs(np.array(lab.velocities[stopped:])).max() < STILL_RAD_S
        lab.arm_and_move()


@pytest.mark.parametrize(("robot", "domain"), [("droid", 101), ("yam", 6), ("so101", 7)])
def test_a_fault_of_the_robot_stops_it_and_blocks_the_reset_until_it_is_over(
    tmp_path: Path, robot: str, domain: int
) -> None:
    with lockstep_lab(tmp_path, domain, robot) as lab:
        lab.arm_and_move()
        lab.inject("robot_fault user_stop")
        lab.run_until(lambda: lab.mode == SafetyState.STOPPED, 5.0)
        assert lab.cause == "robot fault"
        assert "user_stop" in lab.client.safety.text
        done, text = lab.ask("safety", "reset")
        assert not done
        assert "the robot reports a fault" in text
        lab.inject("")
        lab.run_for(2.5)  # drivers report once a second
        assert lab.ask("safety", "reset")[0]
        lab.arm_and_move()


def test_swapped_cameras_stop_the_robot_and_are_named(tmp_path: Path) -> None:
    with lockstep_lab(tmp_path, 8, "droid") as lab:
        lab.arm_and_move()
        lab.run_for(1.0)
        lab.inject("cameras_swapped")
        lab.run_until(lambda: lab.mode == SafetyState.STOPPED, 5.0)
        assert lab.cause == "wrong camera"
        assert "the frame_id of camera 'wrist'" in lab.client.safety.text


def test_home_brings_the_arm_back_and_the_arm_stays_there_when_the_policy_has_no_task(tmp_path: Path) -> None:
    with lockstep_lab(tmp_path, 11, "droid") as lab:
        lab.arm_and_move()
        home = Embodiment.load("droid").pose("home")
        moves, text = lab.ask("interpolator", "home")
        assert moves, text

        def at_home() -> bool:
            state = lab.client.robot
            return state is not None and bool(np.abs(np.array(state.positions) - home).max() < 0.02)

        lab.run_until(at_home, 20.0)
        lab.run_for(1.0)
        assert at_home()
        assert lab.mode == SafetyState.ARMED


def test_a_dead_camera_in_motion_stops_the_robot_and_is_named(tmp_path: Path) -> None:
    with lockstep_lab(tmp_path, 30, "droid") as lab:  # 30: a ROS domain that no other test uses
        lab.arm_and_move()
        lab.inject("camera_dead wrist")
        lab.run_until(lambda: lab.mode == SafetyState.STOPPED, 5.0)
        assert lab.cause == "stale camera"
