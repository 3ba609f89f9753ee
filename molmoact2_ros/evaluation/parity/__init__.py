# SPDX-License-Identifier: Apache-2.0
"""The network against stored outputs of the reference implementation."""
