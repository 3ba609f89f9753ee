# SPDX-License-Identifier: Apache-2.0
"""What an operator does: stops, resets, presses devices of any make, gives instructions."""

from __future__ import annotations

from molmoact2_ros.safety.settings import Settings

from ..fault import Action, Allowance, Fault, Means, Variant
from .allowances import AT_ONCE
from .names import (
    ARM_STOPPED,
    ESTOP_SERVICE,
    ESTOP_SERVICE_RESTART,
    FLAPPING,
    HELD,
    QOS,
    RELEASED,
    RESET_MOVING,
    RESTART,
    SILENT,
    STOP_RESTART,
    TAPPED,
)

LATCHED = "reliable transient_local"


def operators() -> list[Fault]:
    """List what an operator does by the services of safety."""

    def fault(name: str, does: str, what: str, cause: str) -> Fault:
        return Fault(name, does, Action(Means.OPERATOR, what), (cause,), (AT_ONCE,))

    restarted = "safety is killed and started again: reset is refused until the release"
    return [
        fault("estop_service", "~/estop is called during motion, held, then released", ESTOP_SERVICE, "estop"),
        fault("estop_service_restart", f"~/estop is called, {restarted}", ESTOP_SERVICE_RESTART, "estop"),
        fault("reset_while_moving", "~/stop, and ~/reset at once: refused", RESET_MOVING, "operator stop"),
        fault("arm_while_stopped", "~/stop, and ~/arm once stopped: refused", ARM_STOPPED, "operator stop"),
        fault(
            "restart_after_stop",
            "~/stop, then safety is killed and started again: the stop stays latched",
            STOP_RESTART,
            "operator stop",
        ),
    ]


def estop_devices() -> list[Fault]:
    """List presses of e-stop devices, which publish with whatever QoS they were made with."""

    def fault(name: str, does: str, what: str) -> Fault:
        return Fault(name, does, Action(Means.ESTOP_DEVICE, what), ("estop",), (AT_ONCE,))

    held = "is true during motion, is held, then released"
    restarted = "says true once, safety is killed and started again: reset is refused until the release"
    return [
        fault("estop", f"the estop topic {held}", f"{HELD} {LATCHED}"),
        *(
            fault(f"estop_{qos.replace(' ', '_')}", f"the estop topic, {_words(qos)}, {held}", f"{HELD} {qos}")
            for qos in QOS
            if qos != LATCHED
        ),
        fault(
            "estop_tapped",
            "the estop topic, reliable and volatile at 1 Hz, is true in a single message",
            f"{TAPPED} reliable volatile",
        ),
        fault(
            "estop_flapping",
            "the estop topic changes 100 times a second between true and false for 3 s",
            f"{FLAPPING} reliable volatile",
        ),
        fault("estop_topic_restart", f"the estop topic {restarted}", f"{RESTART} reliable volatile"),
    ]


def enabling_devices(settings: Settings) -> list[Fault]:
    """List what enabling devices do, in a graph that asks for one."""
    silent = Allowance(settings.enabling_device_timeout_s, "silence of the device")

    def fault(name: str, does: str, what: str, notice: Allowance) -> Fault:
        action = Action(Means.ENABLING_DEVICE, what)
        return Fault(
            f"enabling_device_{name}", does, action, ("enabling device",), (notice,), variant=Variant.ENABLING_DEVICE
        )

    released = "the enabling device, {}, allows arming and is released during motion"
    return [
        *(fault(qos.replace(" ", "_"), released.format(_words(qos)), f"{RELEASED} {qos}", AT_ONCE) for qos in QOS),
        fault("silent", "the enabling device ends during motion", f"{SILENT} reliable volatile", silent),
    ]


def instructions() -> list[Fault]:
    """List instructions by publishers of every QoS."""
    return [
        Fault(
            f"instruction_{qos.replace(' ', '_')}",
            f"another instruction, published {_words(qos)}, is followed",
            Action(Means.INSTRUCTION, qos),
            (),
        )
        for qos in QOS
    ]


def _words(qos: str) -> str:
    return " and ".join(word.replace("_", " ") for word in qos.split())
