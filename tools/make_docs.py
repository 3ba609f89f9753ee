# SPDX-License-Identifier: Apache-2.0
"""Write the reference pages from the code: `make docs`. A test compares them with what this would write.

doc/parameters.md and the table in SAFETY.md come from the dataclasses of settings, doc/messages.md from the comments of
msg/, srv/ and action/. doc/parameters.md imports the nodes, so it needs ROS; the rest does not.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from molmoact2_ros.bringup.graph import NODE_NAMES
from molmoact2_ros.safety.settings import Settings
from molmoact2_ros.schema import parameter_name, settings_in

ROOT = Path(__file__).parents[1]
NOTE = "<!-- Written by `make docs` from the code: change it there. -->"
BEGIN, END = "<!-- thresholds: written by `make docs` from safety/settings.py -->", "<!-- end of thresholds -->"
ROS_TYPES = {bool: "bool", int: "integer", float: "double", str: "string", tuple: "string[]"}
PARTS = {".msg": [""], ".srv": ["Request", "Response"], ".action": ["Goal", "Result", "Feedback"]}
DECLARATION = re.compile(r"(?P<type>\S+)\s+(?P<name>\w+)(?:=(?P<value>\S+))?\s*(?:#\s*(?P<text>.*))?")

Setting = dataclasses.Field[Any]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; bars within cells are escaped."""
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# Parameters.


def safety_table() -> str:
    """Return the thresholds of safety for SAFETY.md."""
    rows = [
        [f"`{parameter_name(setting)}`", _default(setting, with_unit=True), _range(setting), *_texts(setting)]
        for setting in settings_in(Settings)
    ]
    return table(["parameter", "default", "range", "meaning", "note"], rows)


def parameters_page() -> str:
    """Return the parameters of all nodes. Needs ROS."""
    lifecycle = importlib.import_module("molmoact2_ros.ros.lifecycle")
    groups = [
        ("Every node", lifecycle.StartParams),
        ("Nodes that commands pass through", lifecycle.RealtimeParams),
        *((f"`{name}`", _node_parameters(name)) for name in sorted(NODE_NAMES)),
    ]
    sections = "".join(f"\n## {title}\n\n{_parameter_table(kind)}" for title, kind in groups)
    return f"""# Parameters

{NOTE}

A value of another type or outside its range is refused at start, in one sentence. Read-only parameters cannot change
while the node runs. `ros2 param describe /NODE NAME` shows the same. Numbers of type double need a decimal point. Every
node has ROS's own `use_sim_time` as well.
{sections}"""


def _node_parameters(node: str) -> type[Any]:
    module = importlib.import_module(f"molmoact2_ros.nodes.{node}_node")
    (kind,) = (
        kind
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if name.lower() == f"{node.replace('_', '')}params" and kind.__module__ == module.__name__
    )
    return kind


def _parameter_table(kind: type[Any]) -> str:
    rows = [
        [
            f"`{parameter_name(setting)}`",
            ROS_TYPES[type(setting.default)],
            setting.metadata["unit"],
            _range(setting),
            _default(setting),
            *_texts(setting),
            "no" if setting.metadata["mutable"] else "yes",
        ]
        for setting in settings_in(kind)
    ]
    heads = ["name", "type", "unit", "range", "default", "description", "note", "read-only"]
    return table(heads, rows)


def _default(setting: Setting, *, with_unit: bool = False) -> str:
    value = setting.default
    if isinstance(value, (str, tuple)):
        return "empty" if not value else value if isinstance(value, str) else ", ".join(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{text} {setting.metadata['unit']}".strip() if with_unit else text


def _range(setting: Setting) -> str:
    low, high = setting.metadata["low"], setting.metadata["high"]
    if low is None and high is None:
        return ""
    if high is None:
        return f"from {_number(low)}"
    return f"up to {_number(high)}" if low is None else f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _texts(setting: Setting) -> tuple[str, str]:
    return setting.metadata["description"], setting.metadata["note"]


# Messages.


def messages_page() -> str:
    """Return all messages, services and actions, with their comments."""
    files = [path for suffix in PARTS for path in sorted((ROOT / suffix[1:]).glob(f"*{suffix}"))]
    sections = "".join(f"\n## {path.name}\n\n{''.join(_sections_of(path))}" for path in files)
    return f"""# Messages, services and actions

{NOTE}

The causes of a stop are the constants of `SafetyState`; SAFETY.md says what to do about each.
{sections}"""


def _sections_of(path: Path) -> Iterator[str]:
    """Yield what the comment at the top of a file says, then the tables of each part."""
    lines = path.read_text().splitlines()
    length = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
    paragraphs = "\n".join(line.removeprefix("#").strip() for line in lines[:length]).split("\n\n")
    yield "".join(f"{paragraph.strip()}\n\n" for paragraph in paragraphs).rstrip("\n") + "\n"
    parts = "\n".join(lines[length:]).split("\n---\n")
    for title, part in zip(PARTS[path.suffix], parts, strict=True):
        constants, fields = _declarations(part)
        if title:
            yield f"\n### {title}\n"
        if constants:
            yield "\n" + table(["constant", "value", "meaning"], constants)
        if fields:
            yield "\n" + table(["field", "type", "meaning"], fields)


def _declarations(text: str) -> tuple[list[list[str]], list[list[str]]]:
    """Return the rows of constants and of fields; a line that is a comment continues the one before it."""
    constants: list[list[str]] = []
    fields: list[list[str]] = []
    row: list[str] | None = None
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("#"):
            if row is None:
                raise ValueError(f"expected a declaration before the comment, got {line!r}; put one in front")
            row[2] = f"{row[2]} {line.removeprefix('#').strip()}"
            continue
        found = DECLARATION.fullmatch(line)
        if found is None:
            raise ValueError(f"expected 'type name  # comment', got {line!r}; correct it")
        constant = found["value"] is not None
        row = [f"`{found['name']}`", found["value"] if constant else f"`{found['type']}`", found["text"] or ""]
        (constants if constant else fields).append(row)
    return constants, fields


# Files.


def safety_page() -> str:
    """Return SAFETY.md with its table of thresholds.

    Raises:
        ValueError: the lines that enclose the table are not there once each, in order.
    """
    text = (ROOT / "SAFETY.md").read_text()
    before, begin, rest = text.partition(f"{BEGIN}\n")
    old, end, after = rest.partition(f"{END}\n")
    if not begin or not end or BEGIN in old + after or END in before + after:
        raise ValueError(f"SAFETY.md: expected the lines {BEGIN!r} and {END!r} once each; put them around the table")
    return f"{before}{begin}\n{safety_table()}\n{end}{after}"


PAGES = {"SAFETY.md": safety_page, "doc/parameters.md": parameters_page, "doc/messages.md": messages_page}


def main() -> int:
    """Write every page that differs; return the exit status."""
    for name, make in PAGES.items():
        path, text = ROOT / name, make()
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)
            print(f"make docs: wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
