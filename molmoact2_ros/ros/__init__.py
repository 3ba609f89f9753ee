# SPDX-License-Identifier: Apache-2.0
"""What every node needs: the lifecycle base, parameters, QoS, conversions, latency budget, real-time priority."""
