# SPDX-License-Identifier: Apache-2.0
"""What an operator asks of safety's services."""

from __future__ import annotations

import signal
from typing import Any

from std_srvs.srv import SetBool, Trigger

from molmoact2_ros.msg import SafetyState
from molmoact2_ros.operation.client import OperatorClient

from ..catalogue.names import ARM_STOPPED, ESTOP_SERVICE, ESTOP_SERVICE_RESTART, RESET_MOVING, STOP_RESTART
from ..fault import Action
from .processes import Processes
from .way import Way

REPLY_S = 5.0
RESTART_S = 20.0
SETTLED_S = 2.0  # from then on nothing but the device may stand in the way of a reset
PRESSED = "~/reset was granted while the e-stop was pressed"


class SafetyServices:
    """Ask `arm`, `stop` and `reset`, press and release `~/estop`, restart the process."""

    def __init__(self, client: OperatorClient, processes: Processes) -> None:
        """Open services."""
        self._client, self._processes = client, processes
        node = client.node
        self._triggers = {name: node.create_client(Trigger, f"safety/{name}") for name in ("arm", "stop", "reset")}
        self._estop = node.create_client(SetBool, "safety/estop")

    def ask(self, what: str) -> tuple[bool, str]:
        """Call `arm`, `stop` or `reset`; return the answer and its words."""
        client = self._triggers[what]
        if not self._client.wait_for(client.service_is_ready, REPLY_S):
            return False, "no safety node answers"
        future = client.call_async(Trigger.Request())
        if not self._client.wait_for(future.done, REPLY_S):
            return False, f"the safety node did not answer within {REPLY_S:.0f} s"
        return bool(future.result().success), str(future.result().message)

    def call(self, what: str) -> Any:
        """Call without waiting; return the future."""
        return self._triggers[what].call_async(Trigger.Request())

    def press(self, pressed: bool) -> None:
        """Call `~/estop`, without waiting."""
        self._estop.call_async(SetBool.Request(data=pressed))

    def restart_safety(self) -> list[str]:
        """Kill safety and start it again; object if the new one is not stopped for the same cause."""
        before = self._client.safety
        self._processes.signal("safety", signal.SIGKILL)
        self._processes.start("safety")
        latched = self._client.wait_for(lambda: self._is_stopped_again(before), RESTART_S)
        self._client.spin_for(SETTLED_S)
        after = self._client.safety
        if latched and before is not None and after is not None and after.cause == before.cause:
            return []
        return ["the stop was not latched again after safety was restarted"]

    def _is_stopped_again(self, before: SafetyState | None) -> bool:
        after = self._client.safety
        return (
            after is not None
            and before is not None
            and after.instance_id != before.instance_id
            and after.mode == SafetyState.STOPPED
        )


class Operator(Way):
    """Stop by a service, and ask for what must be refused."""

    def __init__(self, services: SafetyServices) -> None:
        """Take the services."""
        self._services = services
        self._too_early: Any = None  # the answer to a reset while the arm moved

    def begin(self, action: Action) -> None:
        """Stop the arm."""
        if action.argument in (ESTOP_SERVICE, ESTOP_SERVICE_RESTART):
            self._services.press(True)
            return
        self._services.call("stop")
        self._too_early = self._services.call("reset") if action.argument == RESET_MOVING else None

    def objections(self, action: Action) -> list[str]:
        """Ask for what the action says."""
        what, services = action.argument, self._services
        objections = services.restart_safety() if what in (STOP_RESTART, ESTOP_SERVICE_RESTART) else []
        if what in (ESTOP_SERVICE, ESTOP_SERVICE_RESTART) and services.ask("reset")[0]:
            objections.append(PRESSED)
        if what == ARM_STOPPED and services.ask("arm")[0]:
            objections.append("~/arm was granted while stopped")
        if what == RESET_MOVING and (self._too_early.result() if self._too_early.done() else None) is None:
            objections.append("~/reset was not answered while the arm moved")
        elif what == RESET_MOVING and self._too_early.result().success:
            objections.append("~/reset was granted while the arm moved")
        return objections

    def end(self, action: Action) -> None:
        """Release."""
        if action.argument in (ESTOP_SERVICE, ESTOP_SERVICE_RESTART):
            self._services.press(False)
