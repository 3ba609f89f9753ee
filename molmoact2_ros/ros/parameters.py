# SPDX-License-Identifier: Apache-2.0
"""Declare a node's parameters from one frozen dataclass, with description, unit and range, and read them back."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

from molmoact2_ros.schema import group_in, param, parameter_name, settings_in

__all__ = ["declare_parameters", "param", "read_parameters"]

Params = TypeVar("Params")


def declare_parameters(node: Node, params_type: type[Any]) -> None:
    """Declare every setting of `params_type` on the node, those of its groups as well.

    Raises:
        ValueError: a value has the wrong type or lies outside its range; the sentence gives both.
    """
    for field in settings_in(params_type):
        _declare(node, field)


def read_parameters(node: Node, params_type: type[Params]) -> Params:
    """Return the values of parameters that `declare_parameters` has declared.

    Raises:
        ValueError: `params_type`, or a group in it, refuses the values.
    """
    values = {}
    for field in dataclasses.fields(params_type):  # type: ignore[arg-type]
        group = group_in(field)
        values[field.name] = _value(node, field) if group is None else read_parameters(node, group)
    return params_type(**values)


def _value(node: Node, field: dataclasses.Field[Any]) -> Any:
    value = node.get_parameter(parameter_name(field)).value
    return tuple(value) if isinstance(field.default, tuple) else value


def _declare(node: Node, field: dataclasses.Field[Any]) -> None:
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    name, descriptor = parameter_name(field), _descriptor(field)
    try:
        node.declare_parameter(name, default, descriptor)
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        raise ValueError(
            f"{node.get_name()}: parameter {name} ({descriptor.description}): expected "
            f"{_expected(field)}, default {default!r}; {error}"
        ) from error


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
