# SPDX-License-Identifier: Apache-2.0
"""msg/ as plain data: what travels between nodes. Imports timing and schema alone."""
