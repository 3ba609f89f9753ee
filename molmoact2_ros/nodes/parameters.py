# SPDX-License-Identifier: Apache-2.0
"""Declare a node's parameters from one frozen dataclass, with description, unit and range."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

Params = TypeVar("Params")


def param(
    default: Any,
    description: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    mutable: bool = False,
) -> Any:
    """Describe one parameter as a dataclass field.

    Args:
        default: bool, int, float, str or tuple of str; its type is the parameter's type.
        description: one sentence for `ros2 param describe`.
        unit: appended to the description.
        low: smallest value allowed; None for no bound.
        high: largest value allowed; None for no bound.
        mutable: may change while the node runs; the node must then listen for it.
    """
    metadata = {"description": description, "unit": unit, "low": low, "high": high, "mutable": mutable}
    return dataclasses.field(default=default, metadata=metadata)


def declare_parameters(node: Node, params_type: type[Params]) -> Params:
    """Declare every field of `params_type` on the node and return the values it was started with.

    Raises:
        ValueError: a value has the wrong type or lies outside its range; the sentence gives both.
    """
    values = {field.name: _declare(node, field) for field in dataclasses.fields(params_type)}  # type: ignore[arg-type]
    return params_type(**values)


def _declare(node: Node, field: dataclasses.Field[Any]) -> Any:
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    descriptor = _descriptor(field)
    try:
        value = node.declare_parameter(field.name, default, descriptor).value
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        raise ValueError(
            f"{node.get_name()}: parameter {field.name} ({descriptor.description}): expected "
            f"{_expected(field)}, default {default!r}; {error}"
        ) from error
    return tuple(value) if isinstance(field.default, tuple) else value


def _descriptor(field: dataclasses.Field[Any]) -> ParameterDescriptor:
    about = field.metadata
    unit = f" [{about['unit']}]" if about["unit"] else ""
    descriptor = ParameterDescriptor(description=about["description"] + unit, read_only=not about["mutable"])
    low, high = about["low"], about["high"]
    if low is None and high is None:
        return descriptor
    if isinstance(field.default, float):
        bounds = (-math.inf if low is None else float(low), math.inf if high is None else float(high))
        descriptor.floating_point_range = [FloatingPointRange(from_value=bounds[0], to_value=bounds[1])]
    else:
        whole = (-(2**62) if low is None else int(low), 2**62 if high is None else int(high))
        descriptor.integer_range = [IntegerRange(from_value=whole[0], to_value=whole[1])]
    return descriptor


def _expected(field: dataclasses.Field[Any]) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number with a decimal point", str: "text"}
    kind = names.get(type(field.default), "a list of texts")
    low, high = field.metadata["low"], field.metadata["high"]
    if low is None and high is None:
        return kind
    return f"{kind} from {'any' if low is None else low} to {'any' if high is None else high}"
