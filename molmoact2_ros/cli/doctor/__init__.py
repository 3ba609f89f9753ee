# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 doctor`: one file for each thing that is looked at, each a pure judgement on plain records.

`listener` has all the ROS; `machine` looks at this computer.
"""

from .command import add_parser

__all__ = ["add_parser"]
