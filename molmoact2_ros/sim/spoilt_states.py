# SPDX-License-Identifier: Apache-2.0
"""Joint states as a driver reports them that misbehaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .group_state import GroupState
from .misbehaviour import STATE_DEAD, STATE_FROZEN, STATE_MISSING, STATE_NAN, STATE_REORDERED, Misbehaviour


class SpoiltStates:
    """Pass states on as one misbehaviour would."""

    def __init__(self, misbehaviour: Misbehaviour) -> None:
        self._kind = misbehaviour.kind
        self._frozen: dict[str, list[GroupState]] = {}  # by topic

    def spoil(self, topic: str, states: list[GroupState]) -> list[GroupState] | None:
        """Return what is said on a topic instead of `states`; None: nothing."""
        if self._kind == STATE_DEAD:
            return None
        if self._kind == STATE_FROZEN:
            return self._frozen.setdefault(topic, states)
        if self._kind == STATE_NAN:
            return [_with_nan(state) for state in states]
        if self._kind == STATE_REORDERED:
            return [_picked(state, np.roll(np.arange(len(state.names)), 1)) for state in states]
        if self._kind == STATE_MISSING:
            return [_picked(state, np.arange(len(state.names) - 1)) for state in states]
        return states


def _with_nan(state: GroupState) -> GroupState:
    positions = state.positions.copy()
    positions[0] = np.nan
    return replace(state, positions=positions)


def _picked(state: GroupState, joints: np.ndarray) -> GroupState:
    """Return the state of some joints [indices], in that order."""
    names = tuple(state.names[joint] for joint in joints)
    return GroupState(names, state.positions[joints], state.velocities[joints], state.efforts[joints])
