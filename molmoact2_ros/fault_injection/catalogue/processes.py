# SPDX-License-Identifier: Apache-2.0
"""Processes that end, hang, pause, starve, or pass through their life cycle while the arm moves."""

from __future__ import annotations

from molmoact2_ros.safety.settings import Settings

from ..fault import NONE, Action, Allowance, Fault, Means
from .allowances import AT_ONCE, PAUSE_GAP_S, silence, state_aged
from .names import NODES

STARVED_S = 3.0
TIMES = 4
MS = 1e-3
# A pause may be survived; what stops must name the process that paused, or the load of the computer. Of commands that
# were lost because safety paused, the bridge says so (stale command).
OWN = {"safety": ("stale command", "overloaded"), "bridge": ("stale command", "bridge silent", "overloaded")}
SHORT_MS = {"safety": (100, 250, 400), "bridge": (100, 250, 400)}
HARMLESS_MS = {"interpolator": 100, "policy": 300, "perception": 300}


def processes(settings: Settings) -> list[Fault]:
    """List what happens to whole processes."""
    return [
        *_ended(settings),
        *_paused(settings),
        *_starved(settings),
        *_cycled(settings),
    ]


def _ended(settings: Settings) -> list[Fault]:
    faults: list[Fault] = []
    for node in NODES:
        for means, done in ((Means.KILL, "killed"), (Means.HANG, "hung")):
            what = "SIGKILL" if means is Means.KILL else "SIGSTOP, and SIGCONT once the arm stands"
            does, cause = f"{node} gets {what}", f"{node} silent"
            faults.append(Fault(f"{node}_{done}", does, Action(means, node), (cause,), (silence(settings)[node],)))
    aged = (state_aged(settings),)
    killed, hung = "gets SIGKILL", "gets SIGSTOP, and SIGCONT once safety has stopped"
    for means, done, what in ((Means.KILL, "killed", killed), (Means.HANG, "hung", hung)):
        does = f"the simulator, robot and drivers in one, {what}"
        action = Action(means, "simulator")
        faults.append(Fault(f"simulator_{done}", does, action, ("stale state",), aged, measurable=False))
    carries_on = "task gets SIGKILL, and is started again: the arm follows its instruction on"
    return [*faults, Fault("task_killed", carries_on, Action(Means.KILL, "task"), ())]


def _paused(settings: Settings) -> list[Fault]:
    faults = []
    noticed = Allowance(settings.bridge_timeout_s, "the bridge may hold for so long")
    for node, lengths in SHORT_MS.items():
        for length in lengths:
            times = TIMES if length == min(lengths) else 1
            action = Action(Means.PAUSE, node, seconds=length * MS, times=times)
            passes = Allowance(times * (action.seconds + PAUSE_GAP_S), "until the last pause is over")
            count = f", {times} times" if times > 1 else ""
            does = f"{node} stands still for {length} ms{count}"
            expected = (*OWN[node], NONE)
            faults.append(Fault(f"{node}_paused_{length}_ms", does, action, expected, (passes, noticed)))
    for node, length in HARMLESS_MS.items():
        action = Action(Means.PAUSE, node, seconds=length * MS, times=TIMES)
        faults.append(
            Fault(f"{node}_paused_{length}_ms", f"{node} stands still for {length} ms, {TIMES} times", action, ())
        )
    return faults


def _starved(settings: Settings) -> list[Fault]:
    loops = f"busy loops of real-time priority 50 for {STARVED_S:.0f} s"
    while_starved = Allowance(STARVED_S, "starvation, in which what was sent is seen late")
    return [
        Fault(
            "bridge_starved",
            f"one core is the bridge's alone, and has {loops}",
            Action(Means.STARVE, "bridge", seconds=STARVED_S),
            ("bridge silent", "overloaded"),
            (state_aged(settings),),
        ),
        Fault(
            "computer_starved",
            f"every core has {loops}",
            Action(Means.STARVE, "", seconds=STARVED_S),
            ("overloaded",),
            (while_starved, state_aged(settings)),
        ),
    ]


def _cycled(settings: Settings) -> list[Fault]:
    does = "{} is deactivated and cleaned up, then configured and activated: the arm can be armed and moves again"
    notice = {**silence(settings), "safety": AT_ONCE}
    cause = {node: f"{node} silent" for node in NODES} | {"safety": "operator stop"}
    return [
        Fault(f"{node}_cleanup", does.format(node), Action(Means.CYCLE, node), (cause[node],), (notice[node],))
        for node in NODES
    ]
