"""A late or re-sent image makes a new version of what others refer to, and replaces the rest."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from appliance.catalog import add_file, change_policy, tag
from appliance.formats import file_facts, read_volume, write_nifti
from tests.exchange.kit import write_series

HOME = "S-0001#2024-05-02"


def folder(kit) -> Path:
    return kit.folder.projects / "default/S-0001/2024-05-02/t1_mprage_3"


def series(kit, tmp_path, n: int, first: int = 0, name: str = "a"):
    write_series(tmp_path / name, n=n, first=first)
    return kit.take_in(tmp_path / name)


def tags(kit) -> dict[str, list[str]]:
    return {Path(row.path).name: row.tags for row in kit.files().values()}


def draw(kit) -> None:
    """Draw a ROI on the image, as a person does: a mask of the same grid in the study."""
    image = next(row for row in kit.images().values() if row.path.endswith("s001.nii"))
    source = folder(kit) / "s001.nii"
    target = folder(kit).parent / "roi.nii"
    write_nifti(target, read_volume(source))

    def write(tx) -> None:
        made = add_file(tx, image.study_id, "roi.nii", **file_facts(target))
        tag(tx, "file", [made], add=["mask"])

    kit.catalog.write(write)


def refer(kit) -> None:
    """Have a job read the image."""
    wanted = next(row.id for row in kit.images().values() if row.path.endswith("s001.nii"))
    kit.importer.ctx.referrers.append(lambda _con, ids: {wanted} & set(ids))


@pytest.mark.parametrize("how", [draw, refer])
def test_what_is_referred_to_stays_and_a_late_image_makes_a_new_version(kit, tmp_path, how) -> None:
    series(kit, tmp_path, 3)
    how(kit)
    before = (folder(kit) / "s001.nii").read_bytes(), (folder(kit) / "s001.json").read_bytes()
    old = next(row for row in kit.images().values() if row.path.endswith("s001.nii"))
    receipt = series(kit, tmp_path, 2, first=3, name="b")
    assert receipt.state == "done"
    after = (folder(kit) / "s001.nii").read_bytes(), (folder(kit) / "s001.json").read_bytes()
    assert after == before
    images = {Path(row.path).name: row for row in kit.images().values()}
    assert images["s001.nii"].id == old.id
    assert images["s001.nii"].version == old.version
    assert images["s001_v2.nii"].header["shape"] == [16, 16, 5]
    told = tags(kit)
    assert told["s001.nii"] == told["s001.json"] == ["superseded"]
    assert told["s001_v2.nii"] == told["s001_v2.json"] == []
    assert {item.reason for item in receipt.items} == {
        "a new version: s001_v2; what others refer to stays as it was"
    }
    series(kit, tmp_path, 1, first=5, name="c")  # nobody refers to the new version yet
    names = sorted(tags(kit))
    assert [name for name in names if name.startswith("s001")] == [
        "s001.json", "s001.nii", "s001_v2.json", "s001_v2.nii",
    ]  # fmt: skip
    assert kit.images()[f"{HOME}/t1_mprage_3/s001_v2.nii"].header["shape"] == [16, 16, 6]


def test_what_nobody_refers_to_is_replaced(kit, tmp_path) -> None:
    series(kit, tmp_path, 3)
    series(kit, tmp_path, 2, first=3, name="b")
    assert sorted(tags(kit)) == ["s001.json", "s001.nii"]
    assert next(iter(kit.images().values())).header["shape"] == [16, 16, 5]


def test_a_conversion_that_gives_the_same_bytes_changes_nothing(kit, tmp_path) -> None:
    series(kit, tmp_path, 3)
    refer(kit)
    rows = kit.files()
    study = next(iter(rows.values())).study_id
    assert kit.importer.convert_again(study) == 1
    kit.run()
    again = kit.files()
    assert {name: (row.id, row.version, row.tags) for name, row in rows.items()} == {
        name: (row.id, row.version, row.tags) for name, row in again.items()
    }


def test_an_image_that_was_packed_by_another_program_is_no_new_version(kit, tmp_path) -> None:
    kit.catalog.write(lambda tx: change_policy(tx, "default", {"nifti": "nii.gz"}, actor="me"))
    series(kit, tmp_path, 3)
    image = folder(kit) / "s001.nii.gz"
    old = gzip.compress(gzip.decompress(image.read_bytes()), 9, mtime=0)
    assert old != image.read_bytes()
    image.write_bytes(old)
    wanted = next(iter(kit.images().values()))
    kit.importer.ctx.referrers.append(lambda _con, ids: {wanted.id} & set(ids))
    kit.importer.convert_again(wanted.study_id)
    kit.run()
    assert tags(kit) == {"s001.json": [], "s001.nii.gz": []}
    assert image.read_bytes() == old


def test_a_version_that_comes_back_is_the_present_one_again(kit, tmp_path) -> None:
    series(kit, tmp_path, 3)
    refer(kit)
    series(kit, tmp_path, 2, first=3, name="b")
    for path in kit.originals()[3:]:
        path.unlink()  # somebody took the late objects away again
    study = next(iter(kit.files().values())).study_id
    kit.importer.convert_again(study)
    kit.run()
    assert tags(kit) == {"s001.json": [], "s001.nii": []}


def test_PROJ_04_a_project_may_replace_nothing_at_all(kit, tmp_path) -> None:
    kit.catalog.write(lambda tx: change_policy(tx, "default", {"overwrite": "never"}, actor="me"))
    series(kit, tmp_path, 3)
    before = (folder(kit) / "s001.nii").read_bytes()
    series(kit, tmp_path, 1, first=3, name="b")
    series(kit, tmp_path, 1, first=4, name="c")
    told = tags(kit)
    assert sorted(name for name in told if name.endswith(".nii")) == [
        "s001.nii", "s001_v2.nii", "s001_v3.nii",
    ]  # fmt: skip
    assert [told[f"s001{n}.nii"] for n in ("", "_v2", "_v3")] == [
        ["superseded"],
        ["superseded"],
        [],
    ]
    assert (folder(kit) / "s001.nii").read_bytes() == before
