# SPDX-License-Identifier: Apache-2.0
"""Devices in an operator's hands, whose publishers have whatever QoS their makers chose."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.timer import Timer
from std_msgs.msg import Bool, String

from molmoact2_ros.operation.client import OperatorClient

from ..catalogue.names import FLAPPING, HELD, RELEASED, RESTART, TAPPED
from ..fault import Action
from .operators import PRESSED, SafetyServices
from .way import Way

PERIODS_S = {HELD: 0.2, TAPPED: 1.0, FLAPPING: 0.005}  # RESTART: on change alone
FLAPS = 600
HELD_PERIOD_S = 0.1  # of an enabling device
DISCOVERY_S = 1.0
INSTRUCTION_S = 5.0
INSTRUCTION = "move slowly to the other side"
RELEASE_S = 0.5


def profile(words: str) -> QoSProfile:
    """Return the QoS of depth 10 that two words name: reliability, durability."""
    reliability, durability = words.split()
    return QoSProfile(
        depth=10,
        reliability=ReliabilityPolicy[reliability.upper()],
        durability=DurabilityPolicy[durability.upper()],
    )


class Device:
    """A publisher of Bool that repeats what it is at, until what it is to publish next has an end."""

    def __init__(self, client: OperatorClient, topic: str, qos: QoSProfile) -> None:
        """Join the graph; publish nothing yet."""
        self._node: Any = client.node
        self._publisher: Publisher = self._node.create_publisher(Bool, topic, qos)
        self._timer: Timer | None = None
        self._values: Iterator[bool] = iter(())

    def publish(self, values: Iterator[bool], period_s: float | None = None) -> None:
        """Publish the first value now, and one more each period while there are any."""
        self._stop_timer()
        self._values = values
        self._publish_next()
        if period_s is not None:
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._timer = self._node.create_timer(period_s, self._publish_next, clock=steady)

    def leave(self) -> None:
        """Leave the graph."""
        self._stop_timer()
        self._node.destroy_publisher(self._publisher)

    def _publish_next(self) -> None:
        value = next(self._values, None)
        if value is None:
            self._stop_timer()
        else:
            self._publisher.publish(Bool(data=value))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None


class EstopDevice(Way):
    """An e-stop of any make on the estop topic."""

    def __init__(self, client: OperatorClient, services: SafetyServices) -> None:
        """Take the client; a device joins for one fault."""
        self._client, self._services = client, services
        self._device: Device | None = None

    def prepare(self, action: Action) -> None:
        """Join, and publish that nothing is pressed, as such a device does."""
        press, qos = action.argument.split(maxsplit=1)
        self._device = Device(self._client, "estop", profile(qos))
        self._client.spin_for(DISCOVERY_S)
        self._device.publish(itertools.repeat(False), PERIODS_S.get(press))

    def begin(self, action: Action) -> None:
        """Press."""
        press = action.argument.split()[0]
        values = {
            HELD: itertools.repeat(True),
            TAPPED: itertools.chain([True], itertools.repeat(False)),
            FLAPPING: itertools.chain([True, False] * (FLAPS // 2), itertools.repeat(True)),
            RESTART: iter([True]),
        }
        self._publish(values[press], PERIODS_S.get(press))

    def objections(self, action: Action) -> list[str]:
        """Ask for a reset while the device is pressed."""
        press = action.argument.split()[0]
        objections = self._services.restart_safety() if press == RESTART else []
        if press != TAPPED and self._services.ask("reset")[0]:
            objections.append(PRESSED)
        return objections

    def end(self, action: Action) -> None:
        """Release; the device goes on publishing that."""
        period_s = PERIODS_S.get(action.argument.split()[0]) or RELEASE_S
        self._publish(itertools.repeat(False), max(period_s, HELD_PERIOD_S))

    def leave(self, _action: Action) -> None:
        """Take the device away."""
        if self._device is not None:
            self._client.spin_for(RELEASE_S)
            self._device.leave()
            self._device = None

    def _publish(self, values: Iterator[bool], period_s: float | None) -> None:
        if self._device is not None:
            self._device.publish(values, period_s)


class EnablingDevice(Way):
    """A switch that must be held while the robot may move; a usual one is there whenever no fault needs another."""

    def __init__(self, client: OperatorClient, services: SafetyServices, *, required: bool) -> None:
        """Hold one if the graph asks for it."""
        self._client, self._services = client, services
        self._device: Device | None = None
        if required:
            self._hold("reliable volatile")

    def prepare(self, action: Action) -> None:
        """Stop, and change the device for one with another QoS, which is held."""
        self._services.ask("stop")
        self._hold(action.argument.split(maxsplit=1)[1])
        self._client.spin_for(DISCOVERY_S)

    def begin(self, action: Action) -> None:
        """Release it, or end it."""
        if self._device is not None:
            released = itertools.repeat(False) if action.argument.startswith(RELEASED) else iter(())
            self._device.publish(released, HELD_PERIOD_S)

    def end(self, _action: Action) -> None:
        """Hold it again."""
        if self._device is not None:
            self._device.publish(itertools.repeat(True), HELD_PERIOD_S)

    def leave(self, _action: Action) -> None:
        """Change the device for a usual one."""
        self._hold("reliable volatile")

    def _hold(self, qos: str) -> None:
        if self._device is not None:
            self._device.leave()
        self._device = Device(self._client, "enabling_device", profile(qos))
        self._device.publish(itertools.repeat(True), HELD_PERIOD_S)


class Instruction(Way):
    """Publish another instruction with any QoS, five times a second."""

    def __init__(self, client: OperatorClient, restore: Callable[[], None]) -> None:
        """Take the client, and what gives the usual instruction."""
        self._client, self._restore = client, restore
        self._publisher: Publisher | None = None
        self._text = ""

    def begin(self, action: Action) -> None:
        """Publish until the policy follows it, for some seconds at most."""
        node = self._client.node
        self._text = f"{INSTRUCTION}, {action.argument}"
        self._publisher = node.create_publisher(String, "instruction", profile(action.argument))
        for _ in range(round(INSTRUCTION_S / PERIODS_S[HELD])):
            if self._is_followed():
                return
            self._publisher.publish(String(data=self._text))
            self._client.spin_for(PERIODS_S[HELD])

    def objections(self, _action: Action) -> list[str]:
        """Look at what the policy follows."""
        return [] if self._is_followed() else [f"the instruction was not followed within {INSTRUCTION_S:.0f} s"]

    def end(self, _action: Action) -> None:
        """Leave, and give the usual instruction."""
        if self._publisher is not None:
            self._client.node.destroy_publisher(self._publisher)
            self._publisher = None
        self._restore()

    def _is_followed(self) -> bool:
        chunk = self._client.chunk
        return chunk is not None and chunk.instruction == self._text
