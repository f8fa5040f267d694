"""A word has one meaning: no two classes of one name, no exception matched by the name of one."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
TWINS = ("kernels", "envs")
"""Rooms whose classes may have the name of what they are the twin of."""
FILES = [
    path for room in ("qcbench", "jobs", "deploy") for path in sorted((ROOT / room).rglob("*.py"))
]
BY_NAME = {
    "qcbench/workload/formats/columns_parquet.py",
    "qcbench/workload/circuits/qiskit_door.py",
}
"""Doors of libraries in Rust, whose panics have a class that no module offers."""


def test_no_two_classes_of_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        where = path.relative_to(ROOT)
        if where.parts[1] in TWINS:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(where))
    assert places
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_exceptions_are_matched_by_their_class() -> None:
    found = []
    for path in FILES:
        where = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and any(
                isinstance(side, ast.Attribute)
                and side.attr == "__name__"
                and isinstance(side.value, ast.Call)
                and getattr(side.value.func, "id", "") == "type"
                for side in (node.left, *node.comparators)
            ):
                found.append(where)
    assert set(found) <= BY_NAME
