# SPDX-License-Identifier: Apache-2.0
"""Measure what one decision of safety costs, and how large a process with safety alone is.

Run: python benchmarks/safety_decision.py [--decisions 5000]
Prints a table and, last, one JSON line. One decision is everything between a command and its verdict: silences, all
checks, collisions included, bookkeeping. The second robot has two arms side by side, without their grippers. `hardest`
is a command at the full speed of a wrist, of which most points are looked at for collisions; the rest moves gently.
Times are the thread's own, on the processor: what else a busy machine does in between is left out.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.safety import BridgeReport, CollisionChecker, Limits, Monitor, PerceptionReport, Settings
from molmoact2_ros.safety.example import ExampleMotion
from molmoact2_ros.timing import Instant

ORIGIN_NS = 1_700_000_000_000_000_000
ARM_JOINTS = 7
SIDES_M = {"left": 0.5, "right": -0.5}  # y of each base


def with_two_arms(robot: Embodiment, folder: Path) -> Embodiment:
    """Return a robot with its arm twice, and 14 joints; its URDF is written into a folder."""
    root = ElementTree.Element("robot", name="two")
    ElementTree.SubElement(root, "link", name="stand")
    for side, y_m in SIDES_M.items():
        parts = copy.deepcopy(list(ElementTree.fromstring(robot.urdf.read_text())))
        for part in parts:
            if part.tag in ("link", "joint"):
                root.append(_renamed(part, side))
        joint = ElementTree.SubElement(root, "joint", name=f"{side}_stand", type="fixed")
        ElementTree.SubElement(joint, "parent", link="stand")
        ElementTree.SubElement(joint, "child", link=f"{side}_{robot.base_frame}")
        ElementTree.SubElement(joint, "origin", xyz=f"0 {y_m} 0")
    urdf = folder / "two.urdf"
    urdf.write_text(ElementTree.tostring(root, encoding="unicode"))
    joints = tuple(
        dataclasses.replace(joint, name=f"{side}_{joint.name}", urdf_joint=f"{side}_{joint.urdf_joint}")
        for side in SIDES_M
        for joint in robot.joints[:ARM_JOINTS]
    )
    tcps = tuple(
        dataclasses.replace(tcp, link=f"{side}_{tcp.link}", low_m=(-2, -2, -1), high_m=(2, 2, 2))
        for side in SIDES_M
        for tcp in robot.geometry.tcps
    )
    ignored = {
        f"{side}_{first}": f"{side}_{second}"
        for side in SIDES_M
        for first, second in robot.geometry.ignored_pairs.items()
    }
    geometry = dataclasses.replace(robot.geometry, tcps=tcps, grippers={}, ignored_pairs=ignored)
    poses = {"home": robot.poses["home"][:ARM_JOINTS] * len(SIDES_M)}
    return dataclasses.replace(robot, joints=joints, poses=poses, geometry=geometry, urdf=urdf)


def _renamed(part: ElementTree.Element, side: str) -> ElementTree.Element:
    part.set("name", f"{side}_{part.get('name')}")
    for tag, key in (("parent", "link"), ("child", "link"), ("mimic", "joint")):
        for element in part.iter(tag):
            element.set(key, f"{side}_{element.get(key)}")
    return part


def decide(robot: Embodiment, decisions: int) -> tuple[list[float], float]:
    """Return the milliseconds of each decision on a clean motion, and the poses looked at per decision."""
    limits, period_s = Limits.load(robot, Settings.gripper_overrun), 1.0 / robot.command_rate_hz
    collision_checker = CollisionChecker.load(robot)
    monitor, motion = (
        Monitor(robot, limits, Settings(), collision_checker),
        ExampleMotion(limits, period_s, 0, robot.pose("home")),
    )
    times_ms, poses = [], 0
    for index in range(-20, decisions):
        passed_ns = round(index * period_s * 1e9)
        now = Instant(ORIGIN_NS + passed_ns, passed_ns)
        monitor.on_bridge(BridgeReport(), now)
        monitor.on_perception(PerceptionReport(ready=True), now)
        monitor.on_robot_state(RobotState(now.ros_ns, limits.names, *motion.state(max(index, 0))), now)
        if index < 0:
            continue
        if index == 0 and not (reply := monitor.arm(now)).done:
            raise SystemExit(reply.text)
        command = motion.command(index, ORIGIN_NS, chunk_sequence=index + 1, observation_ns=now.ros_ns - 100_000_000)
        poses += len(collision_checker.points_of(command))
        begin = time.thread_time()
        passes = monitor.on_command(command, now)
        times_ms.append((time.thread_time() - begin) * 1e3)
        if not passes:
            raise SystemExit(f"a clean command was refused: {monitor.snapshot}")
    return times_ms, poses / decisions


def judge_hardest(robot: Embodiment, times: int) -> tuple[list[float], float]:
    """Return the milliseconds of the check for collisions on one brisk command, and the poses looked at."""
    collision_checker, period_s = CollisionChecker.load(robot), 1.0 / robot.command_rate_hz
    joint = robot.joints[ARM_JOINTS - 1]
    steps = np.arange(int(joint.velocity / (0.5 * joint.acceleration * period_s)) + 5)
    speeds = np.clip(joint.velocity - 0.5 * joint.acceleration * period_s * (steps - 3), 0.0, joint.velocity)
    velocities = np.outer(speeds, np.arange(len(robot.joints)) == ARM_JOINTS - 1)
    positions = robot.pose("home") + np.cumsum(velocities, axis=0) * period_s
    command = JointCommand(0, 1, period_s, robot.joint_names, 4, positions, velocities, 0, 0)
    times_ms = []
    for _ in range(times):
        begin = time.thread_time()
        verdict = collision_checker.check_command(command)
        times_ms.append((time.thread_time() - begin) * 1e3)
        if verdict is not None:
            raise SystemExit(f"the hardest command was refused: {verdict.text}")
    return times_ms, float(len(collision_checker.points_of(command)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decisions", type=int, default=5000, help="decisions per row (default: %(default)s)")
    arguments = parser.parse_args()
    result: dict[str, object] = {"decisions": arguments.decisions}
    print("joints   motion     poses     p50 ms     p99 ms     max ms")
    droid = Embodiment.load("droid")
    with tempfile.TemporaryDirectory() as folder:
        for robot in (droid, with_two_arms(droid, Path(folder))):
            for motion, measure in (("gentle", decide), ("hardest", judge_hardest)):
                times_ms, poses = measure(robot, arguments.decisions)
                p50, p99, most = np.percentile(times_ms, [50, 99, 100]).round(3)
                print(f"{len(robot.joints):6d}   {motion:7} {poses:8.1f} {p50:10.3f} {p99:10.3f} {most:10.3f}")
                key = f"joints_{len(robot.joints)}_{motion}"
                result[key] = {"poses": round(poses, 1), "p50_ms": p50, "p99_ms": p99}
    result["resident_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    result["torch_loaded"] = "torch" in sys.modules
    print(f"resident memory {result['resident_mib']} MiB, torch loaded: {result['torch_loaded']}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
