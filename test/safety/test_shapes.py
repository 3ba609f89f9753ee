# SPDX-License-Identifier: Apache-2.0
"""A check whose subject is empty passes: so configure fails where links, pairs or TCPs leave nothing to check."""

from __future__ import annotations

import dataclasses
import re
import struct
from pathlib import Path

import pytest

from molmoact2_ros.embodiment import Embodiment, shipped_embodiments
from molmoact2_ros.safety import CollisionChecker, SafetyError

DROID = Embodiment.load("droid")
COLLISION = re.compile(r"<collision\b.*?</collision>", re.S)


def _bare(robot: Embodiment, folder: Path, *links: str) -> Embodiment:
    """Return the robot with a URDF in which these links, or all of them, have no collision shape."""

    def strip(match: re.Match[str]) -> str:
        return COLLISION.sub("", match[0]) if not links or match[1] in links else match[0]

    urdf = folder / "lab.urdf"
    urdf.write_text(re.sub(r'<link name="(\w+)">.*?</link>', strip, robot.urdf.read_text(), flags=re.S))
    return dataclasses.replace(robot, urdf=urdf)


def _geometry(robot: Embodiment, **changes: object) -> Embodiment:
    return dataclasses.replace(robot, geometry=dataclasses.replace(robot.geometry, **changes))


@pytest.mark.parametrize("name", shipped_embodiments())
def test_a_urdf_without_any_shape_is_refused_with_every_arm_link(name: str, tmp_path: Path) -> None:
    robot = Embodiment.load(name)
    with pytest.raises(SafetyError, match="would not be checked for collisions; add a <collision>") as caught:
        CollisionChecker.load(_bare(robot, tmp_path))
    moved = re.findall(r'<joint name="(\w+)" type="revolute">.*?<child link="(\w+)"', robot.urdf.read_text(), re.S)
    assert moved
    for _, link in moved:
        assert link in str(caught.value)


@pytest.mark.parametrize("link", ["fr3_link0", "fr3_link4", "robotiq_85_base_link", "robotiq_85_left_finger_tip_link"])
def test_one_link_without_a_shape_is_refused_unless_the_file_names_it(link: str, tmp_path: Path) -> None:
    robot = _bare(DROID, tmp_path, link)
    with pytest.raises(SafetyError, match=rf"but {link} has none in .*lab\.urdf.*geometry\.links_without_shape"):
        CollisionChecker.load(robot)
    CollisionChecker.load(_geometry(robot, links_without_shape=(link,)))


@pytest.mark.parametrize("link", ["fr3_link4", "elbow"])
def test_naming_a_link_that_has_a_shape_or_is_not_there_is_refused(link: str) -> None:
    with pytest.raises(SafetyError, match=f"links_without_shape names {link}"):
        CollisionChecker.load(_geometry(DROID, links_without_shape=(link,)))


def test_a_shape_too_small_to_meet_anything_is_none(tmp_path: Path) -> None:
    robot = _bare(DROID, tmp_path, "fr3_link4")
    dot = '<link name="fr3_link4"><collision><geometry><sphere radius="1e-5"/></geometry></collision>'
    robot.urdf.write_text(robot.urdf.read_text().replace('<link name="fr3_link4">', dot))
    with pytest.raises(SafetyError, match="but fr3_link4 has none"):
        CollisionChecker.load(robot)


def test_a_margin_within_which_everything_touches_leaves_nothing_to_check() -> None:
    with pytest.raises(SafetyError, match=r"held against no other link.*lower the margin"):
        CollisionChecker.load(_geometry(DROID, margin_m=3.0))


def test_ignored_pairs_that_silence_a_link_are_refused(tmp_path: Path) -> None:
    links = re.findall(r'<link name="(\w+)"', DROID.urdf.read_text())
    ignored = {link: "fr3_link3" for link in links if link != "fr3_link3"}
    with pytest.raises(SafetyError, match=r"fr3_link3 would be held against no other link.*ignored_pairs"):
        CollisionChecker.load(_geometry(DROID, ignored_pairs=ignored))
    with pytest.raises(SafetyError, match="fr3_link3 against itself"):
        CollisionChecker.load(_geometry(DROID, ignored_pairs={"fr3_link3": "fr3_link3"}))


def test_a_gripper_without_a_tcp_is_rejected() -> None:
    yam = Embodiment.load("yam")
    with pytest.raises(SafetyError, match=r"the gripper right_gripper belongs to no TCP of geometry.tcps \(left"):
        CollisionChecker.load(_geometry(yam, tcps=yam.geometry.tcps[:1]))


def _with_mesh(folder: Path, name: str) -> Embodiment:
    robot = _bare(DROID, folder, "fr3_link4")
    mesh = f'<link name="fr3_link4"><collision><geometry><mesh filename="{name}"/></geometry></collision>'
    robot.urdf.write_text(robot.urdf.read_text().replace('<link name="fr3_link4">', mesh))
    return robot


def _write_stl(path: Path) -> None:
    """Write a tetrahedron of 0.1 m."""
    corners = [(0, 0, 0), (0.1, 0, 0), (0, 0.1, 0), (0, 0, 0.1)]
    faces = [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]
    triangles = [struct.pack("<12fH", 0, 0, 0, *(value for at in face for value in corners[at]), 0) for face in faces]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(80) + struct.pack("<I", len(faces)) + b"".join(triangles))


@pytest.mark.parametrize(
    "name", ["meshes/link4.stl", "../lab/meshes/link4.stl", "package://lab_description/link4.stl", "file://{}/a.stl"]
)
def test_a_mesh_is_found_from_the_urdf_and_by_its_package(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, prefix = tmp_path / "lab", tmp_path / "install"
    (prefix / "share/ament_index/resource_index/packages").mkdir(parents=True)
    (prefix / "share/ament_index/resource_index/packages/lab_description").touch()
    for path in (lab / "meshes/link4.stl", prefix / "share/lab_description/link4.stl", lab / "a.stl"):
        _write_stl(path)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{prefix}")
    monkeypatch.chdir("/")
    CollisionChecker.load(_with_mesh(lab, name.format(lab)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("meshes/link0.stl", "expected it at .*meshes/link0.stl, where no file is; put the mesh there"),
        ("package://lab_description/x.stl", "no package 'lab_description' is in AMENT_PREFIX_PATH"),
        ("arm.dae", "expected .stl, .obj, .msh, got .dae; convert it"),
        ("", "where no file is"),
        ("http://x/y.stl", "expected a path, package:// or file://"),
        ("broken.stl", "cannot use .*lab.urdf: .*STL.*broken"),
    ],
)
def test_a_mesh_that_cannot_be_used_names_urdf_and_link(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "arm.dae").touch()
    (tmp_path / "broken.stl").write_text("solid x\n")
    with pytest.raises(SafetyError, match=words) as caught:
        CollisionChecker.load(_with_mesh(tmp_path, name))
    assert "lab.urdf" in str(caught.value)
    assert "fr3_link4" in str(caught.value)
