"""Saved batches, rules and views lie on disk too, and brought tools in backups."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.catalog import (
    Catalog,
    get_project,
    list_docs,
    mark_project_purged,
    put_doc,
    set_project_state,
    trashed_projects,
)
from appliance.jobs import dump_rules
from appliance.upkeep import adopt_projects, backup, catalog_extensions, restore
from appliance.upkeep.kept import write_kept
from appliance.upkeep.swap import Swap

RULE = {
    "name": "r",
    "owner": "anna",
    "rule": {"batch": "b"},
    "batch": {"jobs": [{"name": "j", "language": "bash", "code": "true"}]},
    "created_at": 5,
}


def kept(site) -> Path:
    """The file of the one project."""
    [path] = [path for path in (site.folder.root / "kept").glob("*.json") if path.stem != "all"]
    return path


def reopened(site):
    """The same data folder with an empty catalog, and what was adopted into it."""
    site.catalog.close()
    for path in site.folder.root.glob("catalog.sqlite*"):
        path.unlink()
    catalog = Catalog.open(site.folder.catalog_path, migrations=catalog_extensions())
    adopt_projects(catalog, site.folder)
    return catalog


def save(site, name: str, project_id: int | None) -> None:
    site.catalog.write(
        lambda tx: put_doc(tx, "view", name, {"a": 1}, project_id=project_id) and None
    )


def test_what_cannot_be_read_is_left_out_and_the_rest_comes_back(site, caplog):
    site.add("a.nii")
    save(site, "mine", 1)
    save(site, "for all", None)
    assert write_kept(site.catalog, site.folder) == 2
    assert write_kept(site.catalog, site.folder) == 0
    path = kept(site)
    assert path.stat().st_mode & 0o077 == 0
    doc = json.loads(path.read_bytes())
    odd = [RULE | {"name": "odd", "rule": {"batch": 3}}, {"name": "none"}]
    path.write_text(json.dumps(doc | {"rules": [*odd, RULE]}))
    (path.parent / "all.json").write_text("{")
    catalog = reopened(site)
    try:
        with catalog.read() as con:
            project = get_project(con, "p")
            assert [one.name for one in list_docs(con, "view", project_id=project.id)] == ["mine"]
            rules = dump_rules(con, project.id)
        assert [(one["name"], one["owner"]) for one in rules] == [("r", "anna")]
        assert caplog.text.count("cannot be read") == 3
    finally:
        catalog.close()


def test_what_the_catalog_knows_is_not_replaced(site):
    site.add("a.nii")
    save(site, "mine", 1)
    write_kept(site.catalog, site.folder)
    path = kept(site)
    path.write_text(path.read_text().replace('"a": 1', '"a": 2'))
    assert adopt_projects(site.catalog, site.folder) == []
    with site.catalog.read() as con:
        assert [one.doc for one in list_docs(con, "view", project_id=1)] == [{"a": 1}]


def test_a_project_that_was_swept_is_not_kept(site):
    site.add("a.nii")
    write_kept(site.catalog, site.folder)
    site.catalog.write(lambda tx: set_project_state(tx, "p", "trashed", actor="anna"))
    with site.catalog.read() as con:
        [project] = trashed_projects(con)
    site.catalog.write(lambda tx: mark_project_purged(tx, project))
    write_kept(site.catalog, site.folder)
    assert [path.stem for path in (site.folder.root / "kept").glob("*.json")] == ["all"]


@pytest.fixture
def tools(site) -> Path:
    folder = site.folder.root / "tools"
    (folder / "kept").mkdir(parents=True)
    (folder / "one.json").write_text("1")
    (folder / "kept" / "abc.json").write_text("1")
    return folder


def test_tools_are_in_backups_and_come_back(site, tools):
    made = backup(site.folder)
    site.catalog.close()
    (tools / "one.json").unlink()
    (tools / "two.json").write_text("2")
    report = restore(made.name, site.folder)
    assert sorted(path.name for path in tools.rglob("*.json")) == ["abc.json", "one.json"]
    assert (Path(report.restore_point) / "tools" / "two.json").read_text() == "2"


def test_a_backup_without_tools_leaves_those_that_are_there(site, tools):
    aside = tools.rename(tools.with_name("aside"))
    made = backup(site.folder)
    aside.rename(tools)
    site.catalog.close()
    restore(made.name, site.folder)
    assert (tools / "one.json").read_text() == "1"


def test_tools_of_a_restore_that_was_cut_off_are_put_back(site, tools):
    site.catalog.close()
    Swap.begin(site.folder, tools=True)
    assert not (tools / "one.json").exists()
    (tools / "new.json").write_text("3")
    again = Swap.interrupted(site.folder)
    assert again is not None
    again.undo()
    assert sorted(path.name for path in tools.rglob("*.json")) == ["abc.json", "one.json"]
