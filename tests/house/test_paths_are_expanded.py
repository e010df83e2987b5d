"""Paths are kept without the ids of their study: only a few modules may read them as they are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "appliance"
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "static" not in p.parts)
KEPT = re.compile(r"\b(?:[pn]\.path|path_fold)\b")
TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(?:main\.)?paths\b")
KNOWING = {
    f"catalog/{name}.py"
    for name in (
        "bulk",
        "conditions",
        "fast_pages",
        "listing",
        "moves",
        "path_cache",
        "path_conditions",
        "path_rows",
        "posting_reads",
        "reintern",
        "schema",
        "templates",
        "writes",
    )
}


def sql_of(module):
    """Every text of a module that is no docstring."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    docs = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_whoever_shows_paths_expands_them():
    found = []
    for module in MODULES:
        name, texts = module.relative_to(PACKAGE).as_posix(), list(sql_of(module))
        expands = "path_sql" in module.read_text(encoding="utf-8") or name == "catalog/sql_pages.py"
        if name not in KNOWING:
            found += [(name, text) for text in texts if KEPT.search(text)]
            found += [(name, text) for text in texts if TABLE.search(text) and not expands]
    assert not found, "use path_sql or files_at"
