# SPDX-License-Identifier: Apache-2.0
"""What the arguments of actions are called, for those who list faults and those who bring them about."""

from __future__ import annotations

NODES = ("perception", "policy", "interpolator", "safety", "bridge")

PROPOSED, SAFE, CONTROLLER, DRIVER_STATES = "command/proposed", "command/safe", "controller", "driver states"
# What each node publishes that no other may.
LINKS = {
    "perception": "observation",
    "policy": "action_chunk",
    "interpolator": PROPOSED,
    "safety": SAFE,
    "bridge": "robot_state",
}
OLD = "old"  # after a topic: repeat what came last before

ESTOP_SERVICE, ESTOP_SERVICE_RESTART = "estop service", "estop service, safety restarted"
RESET_MOVING, ARM_STOPPED, STOP_RESTART = "reset while moving", "arm while stopped", "safety restarted after a stop"

# What a device does, before the QoS of its publisher: reliability, then durability.
HELD, TAPPED, RESTART, FLAPPING = "held", "tapped", "restart", "flapping"
RELEASED, SILENT = "released", "silent"
QOS = ("reliable volatile", "reliable transient_local", "best_effort volatile", "best_effort transient_local")
