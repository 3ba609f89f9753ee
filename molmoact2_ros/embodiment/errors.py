# SPDX-License-Identifier: Apache-2.0
"""The one error of this room: a file that describes a robot cannot be used."""

from __future__ import annotations

from molmoact2_ros.schema import SchemaError

# A reader of a robot's files expects one error, whether a value or its place in the file is wrong.
EmbodimentError = SchemaError
