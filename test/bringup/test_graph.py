# SPDX-License-Identifier: Apache-2.0
"""The node list that launch files and `molmoact2 up` share. Needs no ROS."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from molmoact2_ros.bringup.graph import GRAPH_ARGUMENTS, NODE_NAMES, NodeSpec, graph
from molmoact2_ros.embodiment import Embodiment, EmbodimentError, share_folder, shipped_embodiments
from molmoact2_ros.model.tiny import write_tiny_checkpoint
from molmoact2_ros.training.demo.fit import norm_tag

TINY_BASE = Path(__file__).parents[1] / "data" / "parity" / "tiny_base"


def _graph(robot: str = "droid", **arguments: str) -> dict[str, NodeSpec]:
    defaults = {argument.name: argument.default for argument in GRAPH_ARGUMENTS}
    return {node.name: node for node in graph(robot, defaults | arguments)}


def test_the_simulator_runs_only_where_there_is_no_robot() -> None:
    assert tuple(_graph(sim="true", enable_depth="true")) == NODE_NAMES
    assert tuple(_graph(sim="false", enable_depth="true")) == NODE_NAMES[1:]


def test_the_depth_viewer_runs_only_where_the_policy_reasons_in_depth() -> None:
    assert set(NODE_NAMES) - set(_graph(sim="true")) == {"depth_viewer"}


def test_the_instruction_is_the_task_nodes() -> None:
    nodes = _graph(instruction="wave")
    assert [name for name, node in nodes.items() if "instruction" in node.parameters] == ["task"]
    assert nodes["task"].parameters["instruction"] == "wave"


def test_an_instruction_that_the_checkpoint_cannot_read_is_refused_before_anything_starts() -> None:
    with pytest.raises(ValueError, match="holds the model's own tokens <im_patch>"):
        _graph(sim="true", instruction="pick <im_patch> up")


@pytest.mark.parametrize("name", NODE_NAMES)
def test_every_node_of_the_list_has_its_module(name: str) -> None:
    assert importlib.util.find_spec(NodeSpec(name, {}).module) is not None


def test_a_real_robot_gets_its_released_checkpoint_and_driver_and_a_simulated_one_those_that_come_along() -> None:
    real, simulated = _graph(sim="false"), _graph(sim="true")
    assert real["policy"].parameters["checkpoint"] == "allenai/MolmoAct2-DROID"
    assert real["bridge"].parameters["driver"] == "franka_ros2_robotiq"
    assert Path(str(simulated["policy"].parameters["checkpoint"])).name == "demo_franka_droid"
    assert simulated["bridge"].parameters["driver"] == simulated["simulator"].parameters["driver"]


def test_depth_reasoning_in_simulation_takes_the_demo_checkpoint_that_can() -> None:
    nodes = _graph(sim="true", enable_depth="true")
    policy, viewer = nodes["policy"].parameters, nodes["depth_viewer"].parameters
    assert (Path(str(policy["checkpoint"])).name, policy["enable_depth"]) == ("demo_think_franka_droid", True)
    assert Path(str(viewer["depth_decoder"])).name == "depth_codes"  # the codec of its codes


def test_a_depth_decoder_is_absolute_and_only_asked_for_with_depth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vae-final.pt").touch()
    viewer = _graph(enable_depth="true", depth_decoder="vae-final.pt")["depth_viewer"].parameters
    assert viewer["depth_decoder"] == str(tmp_path / "vae-final.pt")
    assert _graph(enable_depth="true")["depth_viewer"].parameters["depth_decoder"] == ""  # whose codes are not known
    with pytest.raises(EmbodimentError, match=r"depth_decoder: there is no other\.pt"):
        _graph(enable_depth="true", depth_decoder="other.pt")
    with pytest.raises(EmbodimentError, match=r"depth_decoder decodes .* enable_depth: set that, too"):
        _graph(depth_decoder="vae-final.pt")


def test_a_robot_without_a_demo_checkpoint_that_reasons_in_depth_is_refused_with_how_to_get_one() -> None:
    with pytest.raises(
        EmbodimentError,
        match=r"no depth-reasoning demo .*\(those that do: demo_think_franka_droid\): .* --think --embodiment yam",
    ):
        _graph("yam", sim="true", enable_depth="true")


@pytest.mark.parametrize(
    ("arguments", "grid"),
    [
        ({"sim": "true", "enable_depth": "true"}, 10),  # the demo's own
        ({"enable_depth": "true", "checkpoint": "allenai/MolmoAct2-Think-DROID"}, 10),  # not here yet
        ({"enable_depth": "false"}, 0),
    ],
)
def test_perception_is_given_the_size_of_the_depth_grid(arguments: dict[str, str], grid: int) -> None:
    assert _graph(**arguments)["perception"].parameters["depth_grid"] == grid


def test_the_depth_grid_of_a_folder_is_its_own(tmp_path: Path) -> None:
    write_tiny_checkpoint(tmp_path, think=True, tags=dict([norm_tag(Embodiment.load("droid"))]))
    assert _graph(enable_depth="true", checkpoint=str(tmp_path))["perception"].parameters["depth_grid"] == 4


def test_the_mode_reaches_policy_and_interpolator_alike() -> None:
    nodes = _graph(mode="rtc")
    assert [name for name, node in nodes.items() if node.parameters.get("mode") == "rtc"] == ["interpolator", "policy"]


def test_the_speed_scale_reaches_everybody_who_counts_time_or_speed() -> None:
    nodes = _graph(speed_scale="0.25")
    scaled = [name for name, node in nodes.items() if node.parameters.get("speed_scale") == 0.25]
    assert scaled == ["safety", "interpolator", "policy"]


@pytest.mark.parametrize("scale", ["0.05", "1.5", "slow", "nan"])
def test_a_speed_scale_out_of_range_is_refused_before_anything_starts(scale: str) -> None:
    with pytest.raises(EmbodimentError, match=f"speed_scale: expected a number from 0.1 to 1.0, got '{scale}'"):
        _graph(speed_scale=scale)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"only": "policy"}, ["policy"]),
        ({"only": "policy, perception"}, ["perception", "policy"]),
        ({"without": "policy"}, ["bridge", "safety", "interpolator", "task", "perception"]),
        ({"sim": "true", "only": "simulator,bridge", "without": "bridge"}, ["simulator"]),
    ],
)
def test_a_machine_of_several_starts_its_part_of_the_graph(arguments: dict[str, str], names: list[str]) -> None:
    assert list(_graph(**arguments)) == names


@pytest.mark.parametrize("arguments", [{"only": "polcy"}, {"without": "polcy"}])
def test_a_node_that_does_not_exist_is_refused_with_those_that_do(arguments: dict[str, str]) -> None:
    with pytest.raises(EmbodimentError, match=r"expected names of simulator, bridge, .*, got polcy"):
        _graph(**arguments)


def test_the_machine_without_the_policy_needs_no_weights(tmp_path: Path) -> None:
    for file in TINY_BASE.glob("*.json"):
        shutil.copy(file, tmp_path)
    perception = _graph(checkpoint=str(tmp_path), without="policy")["perception"].parameters
    assert (perception["image_height"], perception["image_width"]) == (70, 70)


def test_a_choice_of_no_node_at_all_is_refused() -> None:
    with pytest.raises(EmbodimentError, match="they leave no node to start"):
        _graph(only="policy", without="policy")


def test_topics_of_the_lab_reach_every_node() -> None:
    nodes = _graph(remap="camera/external/image:=/zed/left/image, joint_states:=robot/joint_states")
    expected = {"camera/external/image": "/zed/left/image", "joint_states": "robot/joint_states"}
    assert all(node.remappings == expected for node in nodes.values())


@pytest.mark.parametrize("text", ["a=b", "a:=", ":=b", "a:=b,c"])
def test_a_remapping_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(EmbodimentError, match="remap: expected OLD:=NEW, got"):
        _graph(remap=text)


def test_compressed_images_are_asked_of_those_who_subscribe_to_cameras() -> None:
    nodes = _graph(image_transport="compressed", enable_depth="true")
    asked = [name for name, node in nodes.items() if node.parameters.get("image_transport") == "compressed"]
    assert asked == ["perception", "depth_viewer"]


@pytest.mark.parametrize("robot", shipped_embodiments())
def test_every_shipped_robot_can_be_simulated_with_what_comes_along(robot: str) -> None:
    nodes = _graph(robot, sim="true")
    assert Path(str(nodes["policy"].parameters["checkpoint"])).is_dir()
    assert not Embodiment.load(robot).driver(str(nodes["bridge"].parameters["driver"])).extra_messages


def test_a_robot_without_a_demo_checkpoint_is_refused_with_how_to_get_one(tmp_path: Path) -> None:
    text = (
        (share_folder() / "config" / "embodiments" / "droid.yaml")
        .read_text()
        .replace("norm_tag: franka_droid", "norm_tag: my_arm")
    )
    path = tmp_path / "config" / "embodiments" / "mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(EmbodimentError, match=r"no demo checkpoint .* norm tag my_arm .* demo_franka_droid.*fit-demo"):
        _graph(str(path), sim="true")


def test_perception_makes_images_of_the_size_the_checkpoint_takes() -> None:
    perception = _graph(checkpoint=str(TINY_BASE))["perception"].parameters
    assert (perception["image_height"], perception["image_width"]) == (70, 70)


def test_a_relative_checkpoint_folder_becomes_absolute_because_nodes_run_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(TINY_BASE.parent)
    assert _graph(checkpoint="tiny_base")["policy"].parameters["checkpoint"] == str(TINY_BASE)


@pytest.mark.parametrize("checkpoint", ["/nowhere/at/all", "a word", "one/two/three"])
def test_a_checkpoint_that_is_neither_folder_nor_hub_id_is_refused_before_anything_starts(checkpoint: str) -> None:
    with pytest.raises(ValueError, match="is neither an existing folder nor a hub id"):
        _graph(checkpoint=checkpoint)


def test_a_checkpoint_under_the_home_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(TINY_BASE.parent))
    assert _graph(checkpoint="~/tiny_base")["policy"].parameters["checkpoint"] == str(TINY_BASE)


def test_a_folder_that_is_no_checkpoint_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"config\.json"):
        _graph(checkpoint=str(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"franka_droid"', '"another_robot"', "no norm tag 'franka_droid'; choose one of .*another_robot"),
        ("absolute joint pose", "delta joint pose", "policy.control 'absolute joint pose', but the checkpoint"),
    ],
)
def test_a_checkpoint_of_another_robot_is_refused_before_anything_starts(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    checkpoint = Path(shutil.copytree(share_folder() / "checkpoints" / "demo_franka_droid", tmp_path / "checkpoint"))
    stats = checkpoint / "norm_stats.json"
    assert old in stats.read_text()
    stats.write_text(stats.read_text().replace(old, new))
    with pytest.raises(ValueError, match=words):
        _graph(checkpoint=str(checkpoint))


def test_compressed_images_are_refused_of_the_simulator_which_sends_raw_ones() -> None:
    with pytest.raises(EmbodimentError, match="simulated cameras send raw images alone, got compressed: leave it out"):
        _graph(sim="true", image_transport="compressed")


def test_simulated_cameras_run_at_the_rate_that_is_asked_for() -> None:
    simulator = _graph(sim="true", camera_rate="8")["simulator"]
    assert simulator.parameters["camera_rate_hz"] == 8.0


@pytest.mark.parametrize("rate", ["fast", "0", "1000", "nan"])
def test_a_camera_rate_that_is_none_is_refused(rate: str) -> None:
    with pytest.raises(EmbodimentError, match=r"camera_rate: expected 1 to 120 Hz, got"):
        _graph(sim="true", camera_rate=rate)
