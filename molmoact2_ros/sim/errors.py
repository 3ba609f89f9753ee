# SPDX-License-Identifier: Apache-2.0
"""The errors of this room."""

from __future__ import annotations


class SimulationError(ValueError):
    """Say what the simulation cannot do, what was expected, what came and what to do."""


class CommandRefused(SimulationError):
    """Say why a controller ignores a command, as the controller on a robot would log it."""
