# SPDX-License-Identifier: Apache-2.0
"""The `molmoact2` command. Each file is one sub-command, or something several of them share."""
