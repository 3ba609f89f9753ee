# SPDX-License-Identifier: Apache-2.0
"""Which nodes make up the graph of a robot, and with which parameters: one list for launch files and `molmoact2 up`.

No ROS in here: the list can be read, printed and tested anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from molmoact2_ros.embodiment import Embodiment, EmbodimentError, share_folder
from molmoact2_ros.interpolation.settings import SPEED_SCALES
from molmoact2_ros.model.config import MolmoAct2Config
from molmoact2_ros.model.hub import local_folder
from molmoact2_ros.policy.handshake import check_handshake
from molmoact2_ros.policy.simulated_latency import SimulatedLatency
from molmoact2_ros.processing.processor import Processor

from .safety_file import load_safety_file, shipped_safety_file

NODE_NAMES = ("simulator", "bridge", "safety", "interpolator", "task", "perception", "policy", "depth_viewer")
OPTIONAL_NODES = ("depth_viewer",)  # the graph goes on without them
DEMO_CHECKPOINT = "demo"
DEPTH_CODEC = "depth_codes"  # under checkpoints/; the demo's depth codes are its
RELEASED_IMAGE_SIZE = (378, 378)  # px; what every released checkpoint takes
RELEASED_DEPTH_GRID = 10  # cells along a side


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
    checkpoint = resolve_checkpoint(robot, arguments["checkpoint"], sim=sim, think=think)
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


def default_driver(robot: Embodiment, *, sim: bool) -> str:
    """Return the first driver profile; in simulation the first that common_interfaces suffices for."""
    profiles = list(robot.drivers.values())
    plain = [profile for profile in profiles if not profile.extra_messages]
    return (plain if sim and plain else profiles)[0].name


def resolve_checkpoint(robot: Embodiment, checkpoint: str, *, sim: bool, think: bool = False) -> str:
    """Return the folder, absolute because nodes may run elsewhere, or the hub id that an argument means."""
    if _is_demo(checkpoint, sim=sim):
        return str(demo_checkpoint(robot, think=think))
    name = checkpoint or robot.policy.checkpoint
    return str(local_folder(name) or name)


def _is_demo(checkpoint: str, *, sim: bool) -> bool:
    """Return whether the argument means the small checkpoint that comes along."""
    return checkpoint == DEMO_CHECKPOINT or (sim and not checkpoint)


def depth_decoder(arguments: Mapping[str, str], *, sim: bool, think: bool) -> str:
    """Return the path, absolute because nodes may run elsewhere, of what decodes depth codes; empty: nothing.

    Raises:
        EmbodimentError: there is no such path, or nothing that it could decode.
    """
    given = arguments["depth_decoder"]
    if given and not think:
        raise EmbodimentError("depth_decoder decodes what a policy writes with enable_depth: set that, too")
    if given:
        path = Path(given).expanduser()
        if not path.exists():
            raise EmbodimentError(f"depth_decoder: there is no {path}")
        return str(path.resolve())
    own = think and _is_demo(arguments["checkpoint"], sim=sim)
    return str(share_folder() / "checkpoints" / DEPTH_CODEC) if own else ""


def demo_checkpoint(robot: Embodiment, *, think: bool = False) -> Path:
    """Return the folder of the small checkpoint for the robot's norm tag; with `think`, one that reasons in depth.

    Raises:
        EmbodimentError: none comes along for this tag.
    """
    kind = f"{DEMO_CHECKPOINT}_think" if think else DEMO_CHECKPOINT
    folder = share_folder() / "checkpoints" / f"{kind}_{robot.policy.norm_tag}"
    if not folder.is_dir():
        there = sorted(path.name for path in folder.parent.glob(f"{kind}_*"))
        known = ", ".join(name for name in there if think or not name.startswith(f"{DEMO_CHECKPOINT}_think"))
        which, switch = ("depth-reasoning demo", "--think ") if think else ("demo", "")
        raise EmbodimentError(
            f"no {which} checkpoint comes along for norm tag {robot.policy.norm_tag} of {robot.name} (those that do: "
            f"{known}): fit one with `molmoact2 fit-demo {switch}--embodiment {robot.name} --out DIR` and give it as "
            "checkpoint"
        )
    return folder


def depth_grid(checkpoint: str) -> int:
    """Return the cells along a side of a checkpoint's depth maps; 0: it writes none, which the policy will say."""
    folder = Path(checkpoint)
    if not folder.is_dir():
        return RELEASED_DEPTH_GRID
    depth = MolmoAct2Config.load(folder).depth
    return depth.side if depth else 0


def image_size(robot: Embodiment, checkpoint: str, instruction: str = "") -> tuple[int, int]:
    """Return (height, width) of the model's images; a checkpoint still on the hub is one of the released ones.

    A folder is checked against the robot and the instruction here already: one sentence, before anything starts.
    """
    folder = Path(checkpoint)
    if not folder.is_dir():
        return RELEASED_IMAGE_SIZE
    processor = Processor.load(folder)
    check_handshake(robot, processor.stats.tag(robot.policy.norm_tag))
    if instruction:
        processor.check_task(instruction, robot.policy.norm_tag, len(robot.cameras))
    return processor.image_size
