# SPDX-License-Identifier: Apache-2.0
"""Joint states as a faulty driver reports them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .faults import (
    STATE_DEAD,
    STATE_DUPLICATE,
    STATE_EXTRA,
    STATE_FROZEN,
    STATE_MISSING,
    STATE_NAN,
    STATE_OFFSET,
    STATE_REORDERED,
    STATE_VELOCITIES,
    STATE_WITHOUT_VELOCITIES,
    InjectedFault,
)
from .group_state import SimulatedGroupState

EXTRA = SimulatedGroupState(
    ("torso_joint", "head_joint"), np.array([0.1, np.nan]), np.array([0.0, np.nan]), np.zeros(2)
)


class FaultyJointStates:
    """Forward states as one fault would."""

    def __init__(self, fault: InjectedFault) -> None:
        self._wrong, self._kind = fault, fault.kind
        self._frozen: dict[str, list[SimulatedGroupState]] = {}  # by topic

    def apply(self, topic: str, states: list[SimulatedGroupState]) -> list[SimulatedGroupState] | None:
        """Return what is said on a topic instead of `states`; None: nothing."""
        if self._kind == STATE_DEAD:
            return None
        if self._kind == STATE_FROZEN:
            return self._frozen.setdefault(topic, states)
        if self._kind == STATE_DUPLICATE:
            return [*states, _picked(states[0], np.array([0]))]
        if self._kind == STATE_EXTRA:
            return [*states, EXTRA]
        changes = {
            STATE_NAN: _with_nan,
            STATE_REORDERED: lambda state: _picked(state, np.roll(np.arange(len(state.names)), 1)),
            STATE_MISSING: lambda state: _picked(state, np.arange(len(state.names) - 1)),
            STATE_WITHOUT_VELOCITIES: lambda state: replace(state, velocities=np.zeros(0)),
            STATE_VELOCITIES: self._measured,
            STATE_OFFSET: self._measured,
        }
        change = changes.get(self._kind)
        return states if change is None else [change(state) for state in states]

    def _measured(self, state: SimulatedGroupState) -> SimulatedGroupState:
        elsewhere = self._wrong.offset * np.array([name == self._wrong.joint for name in state.names])
        return replace(state, positions=state.positions + elsewhere, velocities=state.velocities * self._wrong.factor)


def _with_nan(state: SimulatedGroupState) -> SimulatedGroupState:
    positions = state.positions.copy()
    positions[0] = np.nan
    return replace(state, positions=positions)


def _picked(state: SimulatedGroupState, joints: np.ndarray) -> SimulatedGroupState:
    """Return the state of some joints [indices], in that order."""
    names = tuple(state.names[joint] for joint in joints)
    return SimulatedGroupState(names, state.positions[joints], state.velocities[joints], state.efforts[joints])
