"""A subject is erased from everything: proved by a search of the whole data folder (B5)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.catalog import Catalog, change_policy, get_project
from appliance.core import Conflict, DataFolder, Invalid, NotFound
from appliance.exchange import Importer
from appliance.privacy import IdentityStore
from appliance.upkeep import Eraser, backup, catalog_extensions, restore
from tests.exchange.kit import HandQueue, Kit, write_series

WHO = {"patient_id": "ZQ-778812", "name": "XYLANDER^QUIRINA", "birth": "19370519"}
STUDY = "1.2.826.0.1.3680043.10.777.4"
TRACES = [b"ZQ-778812", b"XYLANDER", b"Xylander", b"QUIRINA", b"19370519", STUDY.encode()]
OTHER = {"patient_id": "OTHER-7", "name": "ROE^RICHARD", "birth": "19500101"}


class Whole(Kit):
    """A kit on a catalog with the tables of all rooms."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reopen()

    def reopen(self) -> None:
        self.close()
        self.catalog = Catalog.open(self.folder.catalog_path, migrations=catalog_extensions())
        self.identities = IdentityStore.open(self.folder.identity_path)
        self.queue = HandQueue()
        self.importer = Importer(
            self.catalog, self.identities, self.queue, self.folder, self.settings
        )

    @property
    def eraser(self) -> Eraser:
        return Eraser(self.catalog, self.folder, self.identities)


@pytest.fixture
def whole(tmp_path: Path):
    kit = Whole(tmp_path / "data")
    yield kit
    kit.close()


def fill(kit: Whole, tmp_path: Path) -> None:
    """One person twice, a copy that was set aside, and somebody else."""
    came = tmp_path / "came"
    write_series(came / "xylander", n=3, study_uid=STUDY, description="for Xylander", **WHO)
    kit.take_in(came)
    write_series(tmp_path / "other", n=2, study_uid="1.2.826.0.1.3680043.10.888.5", **OTHER)
    kit.take_in(tmp_path / "other")
    damaged = next((came / "xylander").iterdir()).read_bytes()[:-200]
    (tmp_path / "Quirina.dcm").write_bytes(damaged)
    kit.upload(tmp_path / "Quirina.dcm")


def traces(root: Path) -> dict[str, list[bytes]]:
    """Files of a folder, and their names, in which something of the person is found."""
    found: dict[str, list[bytes]] = {}
    for path in root.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        name = str(path.relative_to(root)).encode()
        mine = [one for one in TRACES if one in data or one.lower() in name.lower()]
        if mine:
            found[str(path)] = mine
    return found


def files_of(kit: Whole) -> set[str]:
    return {name.partition("#")[0] for name in kit.files()}


def test_nothing_of_the_person_is_left_and_the_other_is_whole(whole, tmp_path):
    fill(whole, tmp_path)
    assert traces(whole.folder.root)
    plan = whole.eraser.plan("default", "S-0001")
    assert (plan.n_originals, plan.n_held, plan.busy) == (3, 1, "")
    assert plan.n_files >= 2
    assert plan.n_names >= 4
    assert plan.studies == ["S-0001#2024-05-02"]
    before = len(whole.originals())
    whole.eraser.erase("default", "S-0001", typed="S-0001", actor="owner")
    assert traces(whole.folder.root) == {}
    assert len(whole.originals()) == before - 3
    assert files_of(whole) == {"S-0002"}
    with pytest.raises(NotFound):
        whole.identities.reveal(project_key(whole), "S-0001")
    assert whole.identities.reveal(project_key(whole), "S-0002").name == "ROE^RICHARD"


def project_key(kit: Whole) -> str:
    with kit.catalog.read() as con:
        return get_project(con, "default").key


def test_history_keeps_the_code_alone_and_nobody_gets_it_again(whole, tmp_path):
    fill(whole, tmp_path)
    whole.eraser.erase("default", "S-0001", typed="S-0001", actor="owner")
    with whole.catalog.read() as con:
        row = con.execute("SELECT actor, target FROM operations WHERE verb = 'erase'").fetchone()
        told = con.execute("SELECT target, before FROM operations").fetchall()
    assert (row["actor"], json.loads(row["target"])["code"]) == ("owner", "S-0001")
    assert not [one for one in told if "S-0001#" in f"{one['target']}{one['before']}"]
    write_series(tmp_path / "new", n=1, study_uid="1.2.3.4", patient_id="N", name="N^N")
    whole.take_in(tmp_path / "new")
    assert files_of(whole) == {"S-0002", "S-0003"}


def test_it_is_typed_and_waits_for_what_arrives(whole, tmp_path):
    fill(whole, tmp_path)
    for typed in ("", "S-0002", "s-0001"):
        with pytest.raises(Invalid):
            whole.eraser.erase("default", "S-0001", typed=typed, actor="owner")
    whole.catalog.write(
        lambda tx: tx.con.execute("UPDATE incoming_series SET state = 'entered'") and None
    )
    with pytest.raises(Conflict):
        whole.eraser.erase("default", "S-0001", typed="S-0001", actor="owner")
    assert traces(whole.folder.root)


def test_where_codes_tell_who_it_is_history_gets_another(whole, tmp_path):
    change = {"identified": True}
    whole.catalog.write(lambda tx: change_policy(tx, "default", change, actor="owner"))
    fill(whole, tmp_path)
    (code,) = {name for name in files_of(whole) if name.startswith("ZQ")}
    whole.eraser.erase("default", code, typed=code, actor="owner")
    left = traces(whole.folder.root)
    # the identity store keeps the code as taken
    assert set(left) <= {str(whole.folder.identity_path)}


def test_a_restored_backup_erases_again(whole, tmp_path):
    fill(whole, tmp_path)
    older = backup(whole.folder)
    assert whole.eraser.plan("default", "S-0001").backups == [older.name]
    whole.eraser.erase("default", "S-0001", typed="S-0001", actor="owner")
    whole.close()
    assert traces(Path(older.path))
    restore(Path(older.path), whole.folder)
    left = {name for name in traces(whole.folder.root) if "/backups/" not in name}
    assert left == set()
    whole.reopen()
    assert files_of(whole) == {"S-0002"}


def test_somebody_known_elsewhere_is_told_and_stays(whole, tmp_path):
    from appliance.catalog import ensure_project

    fill(whole, tmp_path)
    whole.catalog.write(lambda tx: ensure_project(tx, "second"))
    whole.importer.import_path("second", tmp_path / "came" / "xylander")
    whole.run()
    assert whole.eraser.plan("default", "S-0001").elsewhere == ["second/S-0001"]
    whole.eraser.erase("default", "S-0001", typed="S-0001", actor="owner")
    assert {name.partition("#")[0] for name in whole.files("second")} == {"S-0001"}


_CHILD = """
import sys
from pathlib import Path
from appliance.catalog import Catalog
from appliance.core import DataFolder
from appliance.privacy import IdentityStore
from appliance.upkeep import Eraser, catalog_extensions
folder = DataFolder(Path(sys.argv[1]))
catalog = Catalog.open(folder.catalog_path, migrations=catalog_extensions())
eraser = Eraser(catalog, folder, IdentityStore.open(folder.identity_path))
if sys.argv[2] == "resume":
    eraser.resume()
else:
    eraser.erase("default", "S-0001", typed="S-0001", actor="owner")
catalog.close()
"""


@pytest.mark.parametrize("at", ["removed", "forgotten", "rows"])
def test_one_that_was_cut_off_is_gone_on_with(whole, tmp_path, at):
    fill(whole, tmp_path)
    whole.close()
    home = whole.folder.root
    env = {**os.environ, "NORA_TEST": "1", "NORA_CRASH_AT": f"erase.{at}"}
    command = [sys.executable, "-c", _CHILD, str(home)]
    cut = subprocess.run([*command, "erase"], env=env, capture_output=True, check=False)
    assert cut.returncode == 9, cut.stderr.decode()
    env.pop("NORA_CRASH_AT")
    subprocess.run([*command, "resume"], env=env, check=True)
    assert traces(home) == {}
    whole.reopen()
    assert files_of(whole) == {"S-0002"}


def test_an_unmounted_disk_erases_nothing(whole, tmp_path):
    from appliance.core import StorageError

    fill(whole, tmp_path)
    shutil.move(whole.folder.originals / ".nora-storage", tmp_path / "marker")
    with pytest.raises(StorageError):
        whole.eraser.erase("default", "S-0001", typed="S-0001", actor="owner")
    shutil.move(tmp_path / "marker", whole.folder.originals / ".nora-storage")
    assert DataFolder(whole.folder.root).originals.is_dir()
    assert whole.eraser.resume() == 1
    assert traces(whole.folder.root) == {}
