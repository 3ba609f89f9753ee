# SPDX-License-Identifier: Apache-2.0
"""How visible the seams between chunks are, mode by mode, against baselines."""
