# SPDX-License-Identifier: Apache-2.0
"""The one reader of URDF files: names that stand twice are refused, mesh files are found from where the URDF lies.

MuJoCo opens a mesh by its name from the working directory, and knows no `package://`. Here a relative name counts from
the URDF's folder (or the `meshdir` that its own <mujoco> element gives), and a package is found by the ament index.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.parsers import expat

from molmoact2_ros.schema import brief

from .errors import EmbodimentError

MESH_FORMATS = (".stl", ".obj", ".msh")  # that MuJoCo reads
# Of each of these an element has one at most; XML readers take the first, or the last, silently.
_ONCE = {
    "joint": {"parent", "child", "origin", "axis", "limit", "mimic", "dynamics", "safety_controller", "calibration"},
    "collision": {"geometry", "origin"},
    "visual": {"geometry", "origin"},
    "geometry": {"box", "sphere", "cylinder", "capsule", "mesh"},
    "link": {"inertial"},
}
_NAMED = {"link", "joint"}


def read_urdf(path: Path) -> ElementTree.Element:
    """Return the root of a URDF.

    Raises:
        EmbodimentError: the file cannot be read, is not valid XML, or a link, a joint or a part of them stands in it
            twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _Twins(path).look(text)
        root = ElementTree.fromstring(text)
    except OSError as error:
        raise EmbodimentError(f"cannot use {path}: {error.strerror}; correct `urdf` in the embodiment file") from error
    except (ElementTree.ParseError, expat.ExpatError, UnicodeDecodeError) as error:
        raise EmbodimentError(f"cannot use {path}: not valid XML ({error}); correct it") from error
    if root.tag != "robot":
        raise EmbodimentError(f"cannot use {path}: expected a <robot>, got <{brief(root.tag)}>; give a URDF")
    return root


def resolve_meshes(root: ElementTree.Element, path: Path) -> None:
    """Write the place of each mesh file into the tree of the URDF at `path`.

    Raises:
        EmbodimentError: a file is not there, or in no format that MuJoCo reads; names the link.
    """
    compiler = root.find("mujoco/compiler")
    folders = [path.parent]
    if compiler is not None and compiler.get("meshdir"):
        folders.insert(0, path.parent / str(compiler.get("meshdir")))
    for link in root.iter("link"):
        for mesh in link.iter("mesh"):
            name = mesh.get("filename", "")
            where = f"{path}: link {link.get('name')} has the mesh {brief(name)}"
            file = _mesh_file(name, folders, where)
            if file.suffix.lower() not in MESH_FORMATS:
                raise EmbodimentError(
                    f"{where}: expected {', '.join(MESH_FORMATS)}, got {file.suffix or 'no suffix'}; convert it, or "
                    "draw the shape with <box>, <sphere> or <cylinder>"
                )
            mesh.set("filename", str(file))


def explain(path: Path, error: Exception) -> str:
    """Return MuJoCo's error in one line, with the links of the mesh that it speaks of: it names the file alone."""
    text = " ".join(str(error).split())
    root = read_urdf(path)
    resolve_meshes(root, path)
    meshes = [
        (str(link.get("name")), str(mesh.get("filename"))) for link in root.iter("link") for mesh in link.iter("mesh")
    ]
    links = sorted({link for link, file in meshes if file in text})
    return f"{text} (a mesh of link {', '.join(links)})" if links else text


def set_compiler(root: ElementTree.Element, **options: str) -> None:
    """Set options of MuJoCo's compiler, in the URDF's own <mujoco> element where it has one: MuJoCo reads the first."""
    extension = root.find("mujoco")
    if extension is None:
        extension = ElementTree.SubElement(root, "mujoco")
    compiler = extension.find("compiler")
    if compiler is None:
        compiler = ElementTree.SubElement(extension, "compiler")
    compiler.attrib.update(options | {"strippath": "false"})


def _mesh_file(name: str, folders: list[Path], where: str) -> Path:
    scheme, found, rest = name.partition("://")
    if not found:
        files = [folder / name for folder in folders]
    elif scheme == "file":
        files = [Path(unquote(rest))]
    elif scheme in ("package", "model"):
        package, _, inside = rest.partition("/")
        share = _package_share(package)
        if share is None:
            prefixes = os.environ.get("AMENT_PREFIX_PATH", "") or "nothing"
            raise EmbodimentError(
                f"{where}, but no package {brief(package)} is in AMENT_PREFIX_PATH ({prefixes}); source its workspace, "
                "or write the path from the URDF's folder"
            )
        files = [share / inside]
    else:
        raise EmbodimentError(f"{where}: expected a path, package:// or file://; write the path from the URDF's folder")
    for file in files:
        if name and file.is_file():
            return file.absolute()
    raise EmbodimentError(
        f"{where}, expected it at {' or '.join(map(str, files))}, where no file is; put the mesh there or correct its "
        "name. Do not delete the <collision>: without it the link is not checked"
    )


def _package_share(package: str) -> Path | None:
    """Return share/<package> of the first prefix whose ament index names it."""
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix and (Path(prefix) / "share/ament_index/resource_index/packages" / package).is_file():
            return Path(prefix) / "share" / package
    return None


class _Twins:
    """Look for what stands twice, with the lines of both: ElementTree does not keep lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[tuple[str, dict[tuple[str, str], int]]] = []

    def look(self, text: str) -> None:
        """Raise EmbodimentError for the first twin, ExpatError where the text is no XML."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = lambda tag, names: self._begin(tag, names, parser.CurrentLineNumber)
        parser.EndElementHandler = lambda _tag: self._open.pop()
        parser.Parse(text, True)

    def _begin(self, tag: str, attributes: dict[str, str], line: int) -> None:
        if self._open:
            parent, seen = self._open[-1]
            named = parent == "robot" and tag in _NAMED
            if named or tag in _ONCE.get(parent, ()):
                name = attributes.get("name", "") if named else ""
                if (tag, name) in seen:
                    what = f"<{tag}{f' name={brief(name)}' if named else ''}> of <{parent}>"
                    raise EmbodimentError(
                        f"{self._path}: expected {what} once, got it on line {seen[tag, name]} and again on line "
                        f"{line}; delete or rename one of them"
                    )
                seen[tag, name] = line
        self._open.append((tag, {}))
