# SPDX-License-Identifier: Apache-2.0
"""Joint states as a driver reports them that misbehaves."""

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
    Misbehaviour,
)
from .group_state import GroupState

EXTRA = GroupState(("torso_joint", "head_joint"), np.array([0.1, np.nan]), np.array([0.0, np.nan]), np.zeros(2))


class SpoiltStates:
    """Pass states on as one misbehaviour would."""

    def __init__(self, misbehaviour: Misbehaviour) -> None:
        self._wrong, self._kind = misbehaviour, misbehaviour.kind
        self._frozen: dict[str, list[GroupState]] = {}  # by topic

    def spoil(self, topic: str, states: list[GroupState]) -> list[GroupState] | None:
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

    def _measured(self, state: GroupState) -> GroupState:
        elsewhere = self._wrong.offset * np.array([name == self._wrong.joint for name in state.names])
        return replace(state, positions=state.positions + elsewhere, velocities=state.velocities * self._wrong.factor)


def _with_nan(state: GroupState) -> GroupState:
    positions = state.positions.copy()
    positions[0] = np.nan
    return replace(state, positions=positions)


def _picked(state: GroupState, joints: np.ndarray) -> GroupState:
    """Return the state of some joints [indices], in that order."""
    names = tuple(state.names[joint] for joint in joints)
    return GroupState(names, state.positions[joints], state.velocities[joints], state.efforts[joints])
