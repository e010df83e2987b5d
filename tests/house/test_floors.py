"""The house itself: floors, doors and the words at the top of every module."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "appliance"
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "static" not in p.parts)
ROOMS = sorted(p.parent for p in PACKAGE.glob("*/__init__.py"))


def names_of(path):
    return str(path.relative_to(ROOT))


def test_rooms_import_lower_floors_only():
    script = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports())"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", MODULES, ids=names_of)
def test_a_module_says_what_it_is_for_and_lists_what_it_gives(module):
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "no docstring"
    if module.name == "__main__.py":
        return
    listed = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    ]
    assert len(listed) == 1, "one __all__"
    assert sorted(listed[0]) == sorted(set(listed[0])), "names twice"


@pytest.mark.parametrize("module", MODULES, ids=names_of)
def test_other_rooms_are_entered_by_their_door(module):
    room = module.relative_to(PACKAGE).parts[0]
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("appliance."):
            parts = node.module.split(".")
            assert parts[1] == room or len(parts) == 2, f"line {node.lineno}: {node.module}"


HOMES = {
    "dipy": {"imaging"},
    "duckdb": {"catalog"},
    "fastjsonschema": {"jobs"},
    "huey": {"jobs"},
    "isal": {"formats"},
    "litestar": {"web"},
    "mrcfile": {"formats"},
    "nibabel": {"formats"},
    "numba": {"formats", "imaging", "tomography"},
    "onnxruntime": {"segmentation"},
    "pydicom": {"formats"},
    "pynetdicom": {"exchange"},
    "SimpleITK": {"imaging"},
    "watchdog": {"exchange"},
}


@pytest.mark.parametrize("module", MODULES, ids=names_of)
def test_other_peoples_packages_are_used_in_their_home_only(module):
    room = module.relative_to(PACKAGE).parts[0]
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            homes = HOMES.get(name.partition(".")[0], {room})
            assert room in homes, f"line {node.lineno}: {name}"


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_name_at_a_door_can_be_had(room):
    script = (
        "import importlib, sys; d = importlib.import_module(sys.argv[1]);"
        "print([n for n in d.__all__ if not hasattr(d, n)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, f"appliance.{room.name}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_command_starts_without_heavy_packages():
    heavy = "numba onnxruntime duckdb mrcfile nibabel pydicom pynetdicom litestar huey scipy numpy"
    script = (
        "import sys; from appliance.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([n for n in '{heavy}'.split() if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr.strip().endswith("[]"), done.stderr
