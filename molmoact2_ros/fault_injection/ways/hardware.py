# SPDX-License-Identifier: Apache-2.0
"""Faults of the hardware, by a parameter of the simulator."""

from __future__ import annotations

from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters

from molmoact2_ros.operation.client import OperatorClient

from ..fault import Action
from .way import Way

REPLY_S = 5.0


class Hardware(Way):
    """Set `fault`; the argument of an action is its value."""

    def __init__(self, client: OperatorClient) -> None:
        """Open the service."""
        self._client = client
        self._parameters = client.node.create_client(SetParameters, "simulator/set_parameters")

    def begin(self, action: Action) -> None:
        """Misbehave."""
        self._set(action.argument)

    def end(self, _action: Action) -> None:
        """Behave."""
        self._set("")

    def _set(self, text: str) -> None:
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=text)
        request = SetParameters.Request(parameters=[Parameter(name="fault", value=value)])
        future = self._parameters.call_async(request)
        if not self._client.wait_for(future.done, REPLY_S):
            raise ValueError(f"the simulator did not accept fault={text!r} within {REPLY_S:.0f} s")
        result = future.result().results[0]
        if not result.successful:
            raise ValueError(f"the simulator refused a fault: {result.reason}")
