# SPDX-License-Identifier: Apache-2.0
"""Which nodes make up the graph of a robot, and with which parameters: one list for launch files and `molmoact2 up`.

No ROS in here: the list can be read, printed and tested anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from molmoact2_ros.embodiment import Embodiment, EmbodimentError, default_driver
from molmoact2_ros.interpolation.settings import SPEED_SCALES
from molmoact2_ros.policy.checkpoint_choice import choose_checkpoint, depth_decoder, depth_grid, image_size
from molmoact2_ros.policy.simulated_latency import SimulatedLatency

from .safety_file import load_safety_file, shipped_safety_file

NODE_NAMES = ("simulator", "bridge", "safety", "interpolator", "task", "perception", "policy", "depth_viewer")
OPTIONAL_NODES = ("depth_viewer",)  # the graph goes on without them


@dataclass(frozen=True)
class GraphArgument:
    """One argument of the launch files, and of `molmoact2 up` as `--name`."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()


GRAPH_ARGUMENTS = (
    GraphArgument("sim", "false", "run the robot in MuJoCo instead of real drivers", ("true", "false")),
    GraphArgument(
        "checkpoint",
        "",
        "folder, hub id such as allenai/MolmoAct2-DROID, or 'demo' (the small one that comes with the package: moves "
        "smoothly, knows no task); empty: the embodiment's released one, or 'demo' with sim",
    ),
    GraphArgument("instruction", "", "what the robot is to do, given to node task; empty: wait for the instruction "
                  "topic"),
    GraphArgument("driver", "", "driver profile of the embodiment file; empty: its first one"),
    GraphArgument("device", "auto", "where the model runs", ("auto", "cpu", "cuda")),
    GraphArgument("dtype", "auto", "precision of the model; auto: bfloat16 on cuda, else float32",
                  ("auto", "float32", "bfloat16")),
    GraphArgument("mode", "receding", "which chunk is followed: the newest, the weighted mean of all, or the newest, "
                  "guided to continue the one before", ("receding", "ensemble", "rtc")),
    GraphArgument("speed_scale", "1.0", "execute chunks at this part of their speed, 0.1 to 1, and refuse what "
                  "is faster than this part of the limits: for bring-up"),
    GraphArgument("enable_depth", "false", "reason in depth before acting; needs a MolmoAct2-Think checkpoint",
                  ("true", "false")),
    GraphArgument("depth_decoder", "", "with enable_depth: show what depth codes stand for; vae-final.pt of MolmoAct, "
                  "or a folder of `molmoact2 fit-depth`; empty: with the demo's checkpoint its own, else nothing"),
    GraphArgument("safety_file", "", "thresholds of safety, a file such as config/safety.yaml; empty: that one"),
    GraphArgument("lockstep", "false", "with sim: simulated time waits for every node, so that a slow or busy computer "
                  "takes longer and changes nothing else", ("true", "false")),
    GraphArgument("latency", "", "with lockstep: what an inference takes in simulated time, milliseconds, or a JSON "
                  "file of measured ones; empty: 80"),
    GraphArgument("use_sim_time", "false", "follow /clock, with sim that of the simulator, not the computer's clock",
                  ("true", "false")),
    GraphArgument("dry_run", "false", "run everything, but send nothing to the robot", ("true", "false")),
    GraphArgument("image_transport", "raw", "what the camera drivers send, with sim raw alone; compressed: "
                  "'/compressed' is added to each topic", ("raw", "compressed")),
    GraphArgument("camera_rate", "", "with sim: images a second of each camera, for slow computers; empty: "
                  "those of the scene"),
    GraphArgument("remap", "", "topics by the lab's names, OLD:=NEW, separated by commas"),
    GraphArgument("only", "", "start only these nodes, separated by commas; the others run on another machine"),
    GraphArgument("without", "", "start all nodes but these, separated by commas"),
)  # fmt: skip


CAMERA_RATE_MAX_HZ = 120.0


@dataclass(frozen=True)
class NodeSpec:
    """One process: node and executable have the same name, its code is nodes/<name>_node.py.

    `remappings` gives other names to topics that the node knows.
    """

    name: str
    parameters: Mapping[str, object]
    remappings: Mapping[str, str] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """Module to run with `python -m`."""
        return f"molmoact2_ros.nodes.{self.name}_node"


def graph(embodiment: str, arguments: dict[str, str]) -> list[NodeSpec]:
    """List the nodes, in the order in which they are best started.

    Args:
        embodiment: name of a shipped robot or path of an embodiment file.
        arguments: value of every entry of GRAPH_ARGUMENTS, as text.

    Raises:
        EmbodimentError: the embodiment, its driver profile, its demo checkpoint or the safety file does not exist or
            cannot be used; `remap`, `only`, `without` or `camera_rate` is wrong; the simulated cameras are asked for
            compressed images; the depth decoder does not exist or has nothing to decode.
        ConfigError: depth is asked of a checkpoint whose config.json cannot be used.
        HubError: the checkpoint is neither a folder nor a hub id.
        ProcessingError: the checkpoint is a folder that cannot be used, lacks the robot's norm tag, or could not read
            the instruction.
        PolicyError: the checkpoint is a folder that was made for another robot.
    """
    robot = Embodiment.load(embodiment)
    sim, think = (arguments[name] == "true" for name in ("sim", "enable_depth"))
    _require_raw_images_of_simulator(arguments["image_transport"], sim=sim)
    driver = robot.driver(arguments["driver"] or default_driver(robot, sim=sim)).name
    checkpoint = choose_checkpoint(robot, arguments["checkpoint"], sim=sim, think=think)
    height, width = image_size(robot, checkpoint, arguments["instruction"])
    speed_scale = _speed_scale(arguments["speed_scale"])
    sim_time = arguments["use_sim_time"] == "true"
    lockstep = _lockstep(arguments, sim=sim)
    names, remappings = _chosen(arguments), remappings_in(arguments["remap"])
    own: dict[str, object] = {"embodiment": embodiment} | ({"lockstep": True} if lockstep else {})
    common = own | ({"use_sim_time": True} if sim_time else {})
    nodes = [
        NodeSpec("bridge", common | {"driver": driver, "dry_run": arguments["dry_run"] == "true"}),
        NodeSpec("safety", common | {"driver": driver, "speed_scale": speed_scale}
                 | load_safety_file(arguments["safety_file"] or shipped_safety_file())),
        NodeSpec("interpolator", common | {"mode": arguments["mode"], "speed_scale": speed_scale}),
        NodeSpec("task", common | {"instruction": arguments["instruction"]}),
        NodeSpec("perception", common | {"image_height": height, "image_width": width,
                                         "image_transport": arguments["image_transport"],
                                         "depth_grid": depth_grid(checkpoint) if think else 0}),
        NodeSpec("policy", common | {"checkpoint": checkpoint, "speed_scale": speed_scale,
                                     "enable_depth": think}
                 | ({"latency": arguments["latency"]} if arguments["latency"] else {})
                 | {name: arguments[name] for name in ("device", "dtype", "mode")}),
    ]  # fmt: skip
    decoder = depth_decoder(arguments, sim=sim, think=think)
    if think:
        transport = {"image_transport": arguments["image_transport"]}
        nodes.append(NodeSpec("depth_viewer", common | transport | {"depth_decoder": decoder}))
    if sim:
        nodes.insert(
            0,
            NodeSpec(
                "simulator",
                own
                | {"driver": driver, "publish_clock": sim_time or lockstep}
                | ({"lockstep_nodes": ",".join(node.name for node in nodes if node.name in names)} if lockstep else {})
                | _camera_rate(arguments["camera_rate"]),
            ),
        )
    return [replace(node, remappings=remappings) for node in nodes if node.name in names]


def _require_raw_images_of_simulator(image_transport: str, *, sim: bool) -> None:
    if sim and image_transport != "raw":
        raise EmbodimentError(
            f"image_transport: simulated cameras send raw images alone, got {image_transport}: leave it out with sim"
        )


def _lockstep(arguments: Mapping[str, str], *, sim: bool) -> bool:
    lockstep = arguments["lockstep"] == "true"
    if lockstep and not sim:
        raise EmbodimentError("lockstep: it is the simulator's time, real robots do not wait: set sim, or leave it out")
    if arguments["latency"]:
        if not lockstep:
            raise EmbodimentError("latency: it is that of simulated time, a real one is measured: set lockstep, too")
        SimulatedLatency(arguments["latency"])
    return lockstep


def _camera_rate(text: str) -> dict[str, float]:
    """Return the simulator's parameter; raise EmbodimentError unless the text is empty or a rate."""
    if not text:
        return {}
    try:
        rate_hz = float(text)
    except ValueError:
        rate_hz = math.nan
    if not 1.0 <= rate_hz <= CAMERA_RATE_MAX_HZ:
        raise EmbodimentError(f"camera_rate: expected 1 to {CAMERA_RATE_MAX_HZ:g} Hz, got {text!r}")
    return {"camera_rate_hz": rate_hz}


def _chosen(arguments: Mapping[str, str]) -> set[str]:
    """Return the names of the nodes that `only` and `without` leave."""
    only, without = (
        {name.strip() for name in arguments[argument].split(",") if name.strip()} for argument in ("only", "without")
    )
    if unknown := sorted((only | without) - set(NODE_NAMES)):
        raise EmbodimentError(f"only, without: expected names of {', '.join(NODE_NAMES)}, got {', '.join(unknown)}")
    if chosen := (only or set(NODE_NAMES)) - without:
        return chosen
    raise EmbodimentError("only, without: they leave no node to start")


def remappings_in(text: str) -> dict[str, str]:
    """Return new name by old one from a text `OLD:=NEW,OLD:=NEW`; raise EmbodimentError if it is another."""
    pairs = [pair.strip().partition(":=") for pair in text.split(",") if pair.strip()]
    if broken := ["".join(pair) for pair in pairs if not all(pair)]:
        raise EmbodimentError(f"remap: expected OLD:=NEW, got {', '.join(broken)}")
    return {old: new for old, _, new in pairs}


def _speed_scale(text: str) -> float:
    low, high = SPEED_SCALES
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not low <= scale <= high:
        raise EmbodimentError(f"speed_scale: expected a number from {low} to {high}, got {text!r}")
    return scale


def in_lockstep(node: NodeSpec, seed: int, operator: str, **simulator: object) -> NodeSpec:
    """Return the node with its seed; the simulator, with parameters of its own, waits for the operator, too."""
    own: dict[str, object] = {"seed": seed} if node.name in ("simulator", "policy") else {}
    if node.name == "simulator":
        own |= simulator
        own["lockstep_nodes"] = f"{node.parameters['lockstep_nodes']},{operator}"
    return replace(node, parameters={**node.parameters, **own})
