# SPDX-License-Identifier: Apache-2.0
"""What safety receives from perception and bridge, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.interfaces.safety_state import Cause, Estop, Verdict


@dataclass(frozen=True)
class PerceptionReport:
    """`cause` says which input fails when observations are not `ready`; `text` is perception's sentence."""

    ready: bool
    cause: Cause = Cause.NONE
    text: str = ""


@dataclass(frozen=True)
class BridgeReport:
    """`cause` is not NONE when the bridge does not forward commands; `text` is its sentence.

    `receives_us`: whether the safety process that the bridge received last is this one; `former` is the stop that one
    before it left behind, `former_pressed` the e-stops that were pressed then. With `dry_run` the controllers get
    nothing.
    """

    cause: Cause = Cause.NONE
    text: str = ""
    receives_us: bool = True
    former: Verdict | None = None
    former_pressed: Estop = Estop.NONE
    dry_run: bool = False
