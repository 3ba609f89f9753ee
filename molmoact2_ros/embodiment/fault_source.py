# SPDX-License-Identifier: Apache-2.0
"""Where a driver says that its robot is in a fault."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.schema import Section

from .errors import EmbodimentError

# diagnostic_msgs/DiagnosticArray of ros2_control's controller_manager: every hardware component must be active.
HARDWARE_COMPONENTS = "hardware_components"
# diagnostic_msgs/DiagnosticArray: a status that the driver publishes itself must be neither ERROR nor STALE.
DIAGNOSTICS = "diagnostics"
# franka_msgs/FrankaRobotState of franka_ros2's state broadcaster: reflexes, the user stop, errors.
FRANKA_STATE = "franka_state"

FAULT_SOURCES = (HARDWARE_COMPONENTS, DIAGNOSTICS, FRANKA_STATE)


@dataclass(frozen=True)
class FaultSource:
    """One topic to listen to. `names` are the hardware components or statuses that count; empty: every component."""

    kind: str
    topic: str
    names: tuple[str, ...] = ()

    @classmethod
    def read(cls, section: Section) -> FaultSource:
        """Read one entry of a driver's `faults`; raise EmbodimentError if it cannot be used."""
        source = cls(
            kind=section.choice("kind", FAULT_SOURCES),
            topic=section.text("topic"),
            names=section.words("names", ()),
        )
        if source.kind == DIAGNOSTICS and not source.names:
            raise EmbodimentError(
                f"{section.where}.names: {DIAGNOSTICS} needs the names of the driver's own statuses; "
                "`ros2 topic echo /diagnostics` shows them"
            )
        if source.kind == FRANKA_STATE and source.names:
            raise EmbodimentError(f"{section.where}.names: {FRANKA_STATE} has no parts to name; remove it")
        section.finish()
        return source
