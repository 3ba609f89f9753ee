# SPDX-License-Identifier: Apache-2.0
"""The faults of one robot, each with its cause and its budget, which follows from the thresholds of the nodes."""

from __future__ import annotations

from collections.abc import Sequence

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.perception.budgets import Budgets
from molmoact2_ros.safety.settings import Settings

from .fault import Action, Allowance, Fault, Means

NODES = ("perception", "policy", "interpolator", "safety", "bridge")
PROPOSED, SAFE, CONTROLLER = "command/proposed", "command/safe", "controller"
ESTOP_TOPIC, ESTOP_SERVICE = "estop topic", "estop service"
RESET_MOVING, ARM_STOPPED, STOP_RESTART = "reset while moving", "arm while stopped", "safety restarted after a stop"

MOTION_POINTS = 3  # periods of motion in a command, then it brakes
BRAKE_S = 0.4  # of the demo's gentle motion, and until measured speeds have been small for long enough
PERCEPTION_HEARTBEAT_S = 0.2  # parameter heartbeat_rate_hz of perception
SAFETY_TIMEOUT_S = 0.3  # parameter safety_timeout_s of the bridge
RIVAL_PERIOD_S = 0.5  # between looks at who else publishes, and as long again for discovery
FAULT_PERIOD_S = 1.0  # drivers publish their diagnostics once a second
DEAF_LOOK_S = 0.1  # and asked for long enough: see safety/deaf.py
BRIDGE_LOOK_S = 0.1  # two periods in which the bridge looks at the clock
SLOWEST_RAD_S = 0.05  # the slowest motion in which a fault is injected
CHUNK_WAIT_S = 0.3  # until the policy's next chunk, on a busy machine
LAG_S = 1.2  # stamps fall behind by 0.7 s a second, and begin with the age of an honest chunk
WAY_S = 6.0  # a smooth way to the forbidden pose, at a third of the speed limits
JUMPED = ("acceleration limit", "velocity limit")


def catalogue(robot: Embodiment) -> tuple[Fault, ...]:
    """List every fault for a robot, in the order in which they are injected."""
    settings = Settings()
    motion = MOTION_POINTS / robot.command_rate_hz
    brake = (
        Allowance(motion, "motion of the last command, three periods"),
        Allowance(BRAKE_S, "its brake, which was checked with it"),
    )
    return tuple(
        Fault(name, does, action, expected, notice, () if not expected else brake, **other)
        for name, does, action, expected, notice, other in _rows(robot, settings)
    )


def choose(faults: Sequence[Fault], names: Sequence[str]) -> list[Fault]:
    """Return the faults that are named, in the order of the list; all when none is.

    Raises:
        ValueError: an unknown name; the sentence lists those known.
    """
    known = [fault.name for fault in faults]
    for name in names:
        if name not in known:
            raise ValueError(f"--only: expected one of {', '.join(known)}; got {name!r}")
    return [fault for fault in faults if not names or fault.name in names]


Row = tuple[str, str, Action, tuple[str, ...], tuple[Allowance, ...], dict[str, bool]]


def _rows(robot: Embodiment, settings: Settings) -> list[Row]:
    return [
        *_operator(),
        *_processes(settings),
        *_policy(settings),
        *_cameras(robot, settings),
        *_states(settings),
        *_rivals(settings),
        *_clocks(settings),
    ]


def _operator() -> list[Row]:
    def row(name: str, does: str, what: str, cause: str, *notice: Allowance) -> Row:
        return name, does, Action(Means.OPERATOR, what), (cause,), notice, {}

    again = Allowance(0.0, "the stop itself takes no time")
    return [
        row("estop", "the estop topic says true during motion, is held, then released", ESTOP_TOPIC, "estop", again),
        row("estop_service", "~/estop is called during motion, held, then released", ESTOP_SERVICE, "estop", again),
        row("reset_while_moving", "~/stop, and ~/reset at once: refused", RESET_MOVING, "operator stop", again),
        row("arm_while_stopped", "~/stop, and ~/arm once stopped: refused", ARM_STOPPED, "operator stop", again),
        row(
            "restart_after_stop",
            "~/stop, then safety is killed and started again: the stop stays latched",
            STOP_RESTART,
            "operator stop",
            again,
        ),
    ]


def _processes(settings: Settings) -> list[Row]:
    silence = {
        "perception": Allowance(settings.perception_timeout_s, "silence of perception"),
        "policy": Allowance(settings.observation_age_max_s, "age of the last chunk's observation"),
        "interpolator": Allowance(settings.command_timeout_s, "silence of the interpolator"),
        "safety": Allowance(SAFETY_TIMEOUT_S, "silence of safety, noticed by the bridge"),
        "bridge": Allowance(settings.state_timeout_s, "age of robot_state"),
    }
    rows: list[Row] = []
    for node in NODES:
        for means, done in ((Means.KILL, "killed"), (Means.HANG, "hung")):
            what = "SIGKILL" if means is Means.KILL else "SIGSTOP, and SIGCONT once the arm stands"
            action = Action(means, node)
            rows.append((f"{node}_{done}", f"{node} gets {what}", action, (f"{node} silent",), (silence[node],), {}))
    gone = Allowance(settings.state_timeout_s, "age of robot_state")
    action = Action(Means.KILL, "simulator")
    what = "the simulator, robot and drivers in one, gets SIGKILL"
    rows.append(("simulator_killed", what, action, ("stale state",), (gone,), {"measurable": False}))
    return rows


def _policy(settings: Settings) -> list[Row]:
    refused = settings.max_refused_in_a_row
    next_chunk = Allowance(CHUNK_WAIT_S, f"until the next chunk, and {refused} refusals")
    old = Allowance(settings.observation_age_max_s, "age of the last good chunk's observation")
    lag = Allowance(LAG_S, "until stamps lag by the greatest age allowed")
    way = Allowance(WAY_S, "the smooth way there")

    def row(name: str, does: str, kind: str, expected: tuple[str, ...], notice: Allowance) -> Row:
        return f"policy_{name}", f"the policy {does}", Action(Means.CHUNKS, kind), expected, (notice,), {}

    return [
        row("slow", "answers 3 s late", "slow", ("policy silent",), old),
        row("silent", "lives and says nothing", "silent", ("policy silent",), old),
        row("nan", "emits NaN", "nan", ("not finite",), next_chunk),
        row("wrong_width", "emits one joint too few", "wrong_width", ("wrong shape",), next_chunk),
        row("jump", "emits chunks that are 1 rad off", "jump", JUMPED, next_chunk),
        row("old_stamps", "emits chunks of ever older observations", "old_stamps", ("stale observation",), lag),
        row("out_of_range", "leads a joint out of its range", "out_of_range", ("position limit",), way),
        row("in_collision", "leads the arm into itself", "in_collision", ("collision",), way),
    ]


def _cameras(robot: Embodiment, settings: Settings) -> list[Row]:
    budgets, role = Budgets(), robot.camera_roles[-1]
    unready = (
        Allowance(PERCEPTION_HEARTBEAT_S, "a heartbeat of perception"),
        Allowance(settings.perception_not_ready_max_s, "perception may be unready for so long"),
    )
    aged = (Allowance(budgets.camera_max_age_s, "age of the newest frame"), *unready)
    still = (Allowance(budgets.moved_rad / SLOWEST_RAD_S, "motion that the picture must show"), *aged)

    def row(name: str, does: str, what: str, cause: str, notice: tuple[Allowance, ...]) -> Row:
        return name, does, Action(Means.HARDWARE, what), (cause,), notice, {}

    rows = [
        row("camera_dead", f"{role} sends nothing", f"camera_dead {role}", "stale camera", aged),
        row(
            "camera_frozen_stamp",
            f"{role} repeats an image with its stamp",
            f"camera_frozen_stamp {role}",
            "frozen camera",
            aged,
        ),
        row(
            "camera_frozen_content",
            f"{role} repeats a picture with new stamps, in motion",
            f"camera_frozen_content {role}",
            "frozen camera",
            still,
        ),
        row("camera_delayed", f"{role} comes 500 ms late", f"camera_delayed {role} 0.5", "stale camera", aged),
    ]
    if len(robot.camera_roles) > 1:
        swap = "two cameras are on each other's topic, told by their frame_id"
        rows.append(row("cameras_swapped", swap, "cameras_swapped", "wrong camera", aged))
    return rows


def _states(settings: Settings) -> list[Row]:
    aged = (Allowance(settings.state_timeout_s, "age of robot_state"),)
    in_vain = (
        Allowance(settings.deaf_time_s, "for so long motion may be asked for in vain"),
        Allowance(DEAF_LOOK_S, "between looks at that"),
    )
    diagnostics = (Allowance(FAULT_PERIOD_S, "a period of the driver's diagnostics"),)
    ignoring = ("tracking error", "jump", "frozen state")

    def row(name: str, does: str, what: str, expected: tuple[str, ...], notice: tuple[Allowance, ...]) -> Row:
        return name, does, Action(Means.HARDWARE, what), expected, notice, {}

    return [
        row("state_nan", "joint states hold NaN", "state_nan", ("stale state",), aged),
        row("state_dead", "joint states end", "state_dead", ("stale state",), aged),
        row("state_frozen", "joint states repeat their values, in motion", "state_frozen", ("frozen state",), in_vain),
        row("state_reordered", "joint states list the joints in another order", "state_reordered", (), ()),
        row("state_missing", "joint states lack a joint", "state_missing", ("stale state",), aged),
        row("controller_ignores", "controllers swallow commands", "controller_ignores", ignoring, in_vain),
        row("robot_fault", "the robot's driver reports a reflex", "robot_fault reflex", ("robot fault",), diagnostics),
        row("robot_user_stop", "its own stop is pressed", "robot_fault user_stop", ("robot fault",), diagnostics),
    ]


def _rivals(settings: Settings) -> list[Row]:
    look = Allowance(RIVAL_PERIOD_S, "between looks at who publishes")
    found = Allowance(RIVAL_PERIOD_S, "until the other is discovered")
    held = Allowance(settings.bridge_timeout_s, "the bridge may hold for so long")

    def row(name: str, topic: str, *notice: Allowance) -> Row:
        where = "a controller's topic" if topic == CONTROLLER else topic
        does = f"somebody else publishes on {where}"
        return f"second_publisher_{name}", does, Action(Means.RIVAL, topic), ("second publisher",), notice, {}

    return [
        row("proposed", PROPOSED, look, found),
        row("safe", SAFE, look, found),
        row("controller", CONTROLLER, look, found, held),
    ]


def _clocks(settings: Settings) -> list[Row]:
    seen = Allowance(settings.clock_jump_max_s, "until the new time has been heard by all")
    repeated = Allowance(BRIDGE_LOOK_S, "until the bridge has sent the rest of the last brake by the new time")

    def row(name: str, does: str, seconds: str, *notice: Allowance) -> Row:
        action = Action(Means.HARDWARE, f"clock_jump {seconds}")
        return f"clock_jump_{name}", does, action, ("clock jump",), notice, {"sim_time": True}

    return [
        row("forward", "ROS time jumps 1 s ahead", "1.0", seen),
        row("back", "ROS time jumps 1 s back", "-1.0", seen, repeated),
    ]
