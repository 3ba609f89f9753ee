# SPDX-License-Identifier: Apache-2.0
"""The one reader of this package's YAML files. A key that stands twice is refused; PyYAML takes the last one silently.

Merge keys (`<<`) stay legal: a key beside one overrides the merged value, as YAML means it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from molmoact2_ros.quoting import brief

from .errors import EmbodimentError


class _DoubledKey(yaml.MarkedYAMLError):
    """A key stands twice in one mapping."""


class _StrictLoader(yaml.SafeLoader):
    """Look at the keys of a mapping as they are written, before merge keys bring in those of another one."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: dict[Any, yaml.Mark] = {}
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                key = self._key(key_node)
                if key in seen:
                    raise _DoubledKey(context_mark=seen[key], problem=key_node.value, problem_mark=key_node.start_mark)
                seen[key] = key_node.start_mark
        return node

    def _key(self, node: yaml.ScalarNode) -> Any:
        """Return the key as the mapping will have it: 1 and 0x1 are the same one."""
        return "<<" if node.tag == "tag:yaml.org,2002:merge" else self.construct_object(node)


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        EmbodimentError: the file cannot be read, is not valid YAML, or a key stands in it twice.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except OSError as error:
        raise EmbodimentError(f"{path}: {error.strerror}; correct the path") from error
    except _DoubledKey as error:
        raise EmbodimentError(
            f"{path}: expected every key once, got {brief(error.problem)} on {_place(error.context_mark)} and again on "
            f"{_place(error.problem_mark)}; delete one of them"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, or a date that is none
        raise EmbodimentError(f"{path}: not valid YAML: {' '.join(str(error).split())[:400]}; correct it") from error


def _place(mark: yaml.Mark | None) -> str:
    assert mark is not None
    return f"line {mark.line + 1} (column {mark.column + 1})"
