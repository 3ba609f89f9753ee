# SPDX-License-Identifier: Apache-2.0
"""Declare a setting once: default, meaning, unit and range stand at its field of a frozen dataclass.

The rooms declare their settings so. A node's parameters are one such class, which holds the settings of its room as
fields: `settings: Settings = field(default_factory=Settings)`. nodes/parameters.py declares them to ROS under the names
of the innermost fields, and tools/make_docs.py writes the tables of the documentation. No ROS in here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any


def param(
    default: Any,
    description: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    note: str = "",
    name: str = "",
    mutable: bool = False,
) -> Any:
    """Describe one setting as a dataclass field.

    Args:
        default: bool, int, float, str or tuple of str; its type is the parameter's type.
        description: one sentence for `ros2 param describe`.
        unit: appended to the description.
        low: smallest value allowed; None for no bound.
        high: largest value allowed; None for no bound.
        note: for the documentation: why the default is what it is, or what else to know.
        name: of the ROS parameter where it is not the field's, since a node's names are flat.
        mutable: may change while the node runs; the node must then listen for it.
    """
    metadata = {"description": description, "unit": unit, "low": low, "high": high, "note": note, "name": name}
    return dataclasses.field(default=default, metadata=metadata | {"mutable": mutable})


def parameter_name(field: dataclasses.Field[Any]) -> str:
    """Return the name of the ROS parameter."""
    return str(field.metadata["name"] or field.name)


def group_in(field: dataclasses.Field[Any]) -> type[Any] | None:
    """Return the settings class that a field holds; None for a single setting."""
    group = field.default_factory
    return group if isinstance(group, type) and dataclasses.is_dataclass(group) else None


def settings_in(kind: type[Any]) -> Iterator[dataclasses.Field[Any]]:
    """Yield the field of every single setting of a settings class, those of its groups in their place."""
    for field in dataclasses.fields(kind):
        group = group_in(field)
        if group is None:
            yield field
        else:
            yield from settings_in(group)
