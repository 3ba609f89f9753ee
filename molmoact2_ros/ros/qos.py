# SPDX-License-Identifier: Apache-2.0
"""The quality of service of every topic, named by what it carries."""

from __future__ import annotations

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

# Drivers publish reliable or best effort; a best-effort reader receives both. Old frames are worth nothing.
CAMERA = QoSProfile(depth=2, reliability=ReliabilityPolicy.BEST_EFFORT)
DRIVER_STATE = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
# Many publish there, at once and seldom. Drivers report faults there, so the reader asks for the least; what gets lost
# comes again a second later.
DIAGNOSTICS = QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT)

# One message must not be lost, and an old one must not be queued behind it.
STATE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
OBSERVATION = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
CHUNK = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
STATUS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)

# A reader that comes late, or back from a crash, must learn the present state at once.
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# What operators and their devices publish, in two readers: see operator_input. No publication may be overwritten by the
# one after it: a button that is pressed and released at once was pressed.
OPERATOR_LATCHED = QoSProfile(
    depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
OPERATOR_ANY = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
# Must come again and again: what gets lost stops the robot, and never moves it.
ENABLING = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)

# Topics on which many publish. In lockstep their publications are handled as they arrive.
DRIVER_DIAGNOSTICS = QoSProfile(depth=10)
_SHARED = (DIAGNOSTICS, DRIVER_DIAGNOSTICS, OPERATOR_LATCHED, OPERATOR_ANY, ENABLING)

RECORDING_DEPTH = 200  # some seconds of the fastest topic

# What a controller takes.
CONTROLLER = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


def command(period_s: float) -> QoSProfile:
    """Return the profile of the command topics: a command older than two periods is never delivered."""
    return QoSProfile(
        depth=1, reliability=ReliabilityPolicy.RELIABLE, lifespan=Duration(nanoseconds=int(2e9 * period_s))
    )


def is_shared(profile: QoSProfile | int) -> bool:
    """Return whether a profile is that of topics on which nodes other than those of the graph publish, too."""
    return any(profile is shared for shared in _SHARED)


def to_record(profile: QoSProfile) -> QoSProfile:
    """Return the profile for a reader that wants every message, not the newest only."""
    return QoSProfile(depth=RECORDING_DEPTH, reliability=profile.reliability, durability=profile.durability)
