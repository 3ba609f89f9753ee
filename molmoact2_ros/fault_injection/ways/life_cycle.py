# SPDX-License-Identifier: Apache-2.0
"""Take a node through its life cycle while the arm moves."""

from __future__ import annotations

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState

from molmoact2_ros.operation.client import OperatorClient

from ..fault import Action
from .way import Way

FOUND_S = 5.0
DONE_S = 60.0  # a policy loads its checkpoint

DOWN = {"deactivate": Transition.TRANSITION_DEACTIVATE, "cleanup": Transition.TRANSITION_CLEANUP}
UP = {"configure": Transition.TRANSITION_CONFIGURE, "activate": Transition.TRANSITION_ACTIVATE}


class Cycle(Way):
    """Deactivate and clean up a node; once the arm stands, configure and activate it."""

    def __init__(self, client: OperatorClient) -> None:
        """Take the client."""
        self._client = client

    def begin(self, action: Action) -> None:
        """Take the node down."""
        self._change(action.argument, DOWN)

    def end(self, action: Action) -> None:
        """Bring it up."""
        self._change(action.argument, UP)

    def _change(self, node: str, transitions: dict[str, int]) -> None:
        client = self._client.node.create_client(ChangeState, f"{node}/change_state")
        try:
            if not self._client.wait_for(client.service_is_ready, FOUND_S):
                raise ValueError(f"{node} offers no life cycle")
            for name, transition in transitions.items():
                future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
                if not self._client.wait_for(future.done, DONE_S) or not future.result().success:
                    raise ValueError(f"{node} did not {name}")
        finally:
            self._client.node.destroy_client(client)
