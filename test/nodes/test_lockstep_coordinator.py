# SPDX-License-Identifier: Apache-2.0
"""Who acts when in lockstep. No node runs here."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from molmoact2_ros.msg import LockstepDone, LockstepPhase
from molmoact2_ros.nodes.lockstep_coordinator import LockstepCoordinator
from molmoact2_ros.ros.lockstep import NEVER_NS

pytestmark = pytest.mark.node

BRIDGE, SAFETY, OPERATOR = "/bridge", "/safety", "/operator"


def _ready(order: LockstepCoordinator, node: str, *subscriptions: str) -> None:
    order.take(LockstepDone(node=node, subscriptions=list(subscriptions)))


def _done(order: LockstepCoordinator, node: str, next_ns: int = NEVER_NS, **published: int) -> bool:
    topics, sequences = [f"/{topic}" for topic in published], list(published.values())
    return order.take(
        LockstepDone(node=node, step=order.step, phase=order.phase, next_ns=next_ns, topics=topics, sequences=sequences)
    )


@pytest.fixture
def order() -> LockstepCoordinator:
    order = LockstepCoordinator([BRIDGE, SAFETY, OPERATOR])
    _ready(order, BRIDGE, "/joint_states", "/safe")
    _ready(order, SAFETY, "/robot_state")
    _ready(order, OPERATOR)
    order.begin_step()
    return order


def test_first_step_waits_until_every_node_is_ready_and_names_those_that_are_not() -> None:
    order = LockstepCoordinator([BRIDGE, SAFETY])
    _ready(order, SAFETY)
    assert (order.is_ready, order.waiting_for) == (False, [BRIDGE])
    _ready(order, BRIDGE)
    assert order.is_ready


def test_nodes_act_in_the_order_in_which_data_flows(order: LockstepCoordinator) -> None:
    acted = []
    while names := order.next_phase(0):
        acted.append((order.phase, names))
        for name in names:
            _done(order, name, next_ns=0)
    assert acted == [
        (LockstepPhase.STATE, [BRIDGE]),
        (LockstepPhase.CHECK, [SAFETY]),
        (LockstepPhase.FORWARD, [BRIDGE]),
        (LockstepPhase.OPERATE, [OPERATOR]),
    ]


def test_node_without_new_inputs_and_before_its_own_time_does_not_act(order: LockstepCoordinator) -> None:
    while names := order.next_phase(0):
        for name in names:
            _done(order, name, next_ns=100 if name == SAFETY else NEVER_NS)
    order.begin_step()
    order.announce({"/joint_states": 1})
    assert order.next_phase(50) == [BRIDGE]
    assert _done(order, BRIDGE, robot_state=1)
    assert order.next_phase(50) == [SAFETY]
    assert _done(order, SAFETY, next_ns=100)
    assert order.next_phase(50) == []
    order.begin_step()
    assert order.next_phase(100) == [SAFETY]


def test_answer_to_another_phase_or_a_second_one_does_not_count(order: LockstepCoordinator) -> None:
    assert order.next_phase(0) == [BRIDGE]
    assert not order.take(LockstepDone(node=BRIDGE, step=order.step, phase=LockstepPhase.FORWARD))
    assert not order.take(LockstepDone(node=SAFETY, step=order.step, phase=order.phase))
    assert order.waiting_for == [BRIDGE]
    assert _done(order, BRIDGE)
    assert not _done(order, BRIDGE)


def test_steps_go_on_without_a_node_that_the_operator_says_has_ended(order: LockstepCoordinator) -> None:
    assert order.next_phase(0) == [BRIDGE]
    assert order.take(LockstepDone(node=OPERATOR, ended=[BRIDGE]))
    assert order.next_phase(0) == [SAFETY]
