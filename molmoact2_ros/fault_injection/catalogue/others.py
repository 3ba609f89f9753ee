# SPDX-License-Identifier: Apache-2.0
"""Another node in the graph: a second publisher of one of its topics, a second process of one of its nodes."""

from __future__ import annotations

from molmoact2_ros.safety.settings import Settings

from ..fault import Action, Allowance, Fault, Means
from .allowances import second_publisher_found
from .names import CONTROLLER, DRIVER_STATES, NODES, OLD, PROPOSED, SAFE

TOPICS = ("action_chunk", "observation", "perception_status", "robot_state", "safety_state", "bridge_state")


def others(settings: Settings) -> list[Fault]:
    """List who else may be there."""
    found = second_publisher_found()
    held = Allowance(settings.bridge_timeout_s, "the bridge may hold for so long")

    def second_publisher(name: str, what: str, topic: str, *notice: Allowance) -> Fault:
        action = Action(Means.SECOND_PUBLISHER, topic)
        return Fault(f"second_publisher_{name}", what, action, ("second publisher",), (*found, *notice))

    publishes = "another node publishes on {}"
    old = Fault(
        "robot_state_old_publisher",
        "another node repeats an old robot_state",
        Action(Means.SECOND_PUBLISHER, f"robot_state {OLD}"),
        ("second publisher", "stale state"),
        found,
    )
    return [
        second_publisher("proposed", publishes.format(PROPOSED), PROPOSED),
        second_publisher("safe", publishes.format(SAFE), SAFE),
        second_publisher("controller", publishes.format("a controller's topic"), CONTROLLER, held),
        second_publisher("driver_states", "two drivers report the same joints", DRIVER_STATES, held),
        *(second_publisher(topic, publishes.format(topic), topic, held) for topic in TOPICS),
        old,
        *(
            Fault(
                f"second_{node}",
                f"a second process of {node} joins",
                Action(Means.SECOND, node),
                ("second publisher",),
                (*found, held),
            )
            for node in NODES
        ),
    ]
