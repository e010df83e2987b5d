"""Masks and label maps: saved on exactly the reference's grid, loaded again, never lost."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest

from appliance import catalog, viewing
from appliance.core import Conflict, DiskFull, Invalid, NotFound
from appliance.formats import RoiReference
from appliance.geometry import ALL_ORIENTATIONS, Grid, axis_map
from appliance.imaging import mask_agreement
from appliance.upkeep import Mover, purge, rescan
from appliance.viewing import Changed, Limits, versions
from tests.viewing.desk import OBLIQUE, Desk

SHAPE = (7, 6, 5)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk.make(tmp_path)
    yield made
    made.catalog.close()


def ball(shape=SHAPE, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) > 0.6


def voxels(path: Path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj)


PLACE = (
    *("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x"),
    *("qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units"),
)


def same_place(one: Path, other: Path) -> None:
    """Affine and every field of the header that tells the place are the same to the bit."""
    a, b = nibabel.load(one), nibabel.load(other)
    assert np.array_equal(a.affine, b.affine)
    for field in PLACE:
        assert np.array_equal(a.header[field], b.header[field]), field
    assert np.array_equal(a.header["pixdim"][:4], b.header["pixdim"][:4])


@pytest.mark.parametrize("codes", [(1, 1), (4, 2), (2, 0), (0, 1), (0, 0), (3, 4)])
@pytest.mark.parametrize("name", ["roi.nii", "roi.nii.gz"])
def test_ROI_10_a_saved_mask_has_exactly_the_geometry_and_codes_of_its_reference(
    desk: Desk, codes: tuple[int, int], name: str
) -> None:
    turned = np.diag([-2.0, 2.0, 3.0, 1.0])  # a qform that says something else than the sform
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16), codes=codes, qform=turned)
    mask = ball()
    saved = desk.save(name, mask, image, tags=["mask"])
    same_place(desk.study / name, desk.study / "t1.nii")
    assert np.array_equal(voxels(desk.study / name), mask)
    assert nibabel.load(desk.study / name).get_data_dtype() == np.uint8
    assert (saved.file.tags, saved.file.origin, saved.n) == (["mask"], "drawn:anna", 1)


@pytest.mark.parametrize("code", ALL_ORIENTATIONS[::5])
def test_masks_on_flipped_and_permuted_grids_keep_their_voxels(desk: Desk, code: str) -> None:
    affine = OBLIQUE @ axis_map("RAS", code).affine(SHAPE)
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16), affine)
    desk.save("roi.nii", ball(), image)
    same_place(desk.study / "roi.nii", desk.study / "t1.nii")
    assert np.array_equal(voxels(desk.study / "roi.nii"), ball())


def test_units_big_endian_headers_and_single_slices_are_copied_as_they_are(desk: Desk) -> None:
    def edit(header) -> None:
        header["xyzt_units"] = 1 | 8  # metres and seconds
        header["pixdim"][0] = -1

    image = desk.image("slice.nii", np.ones((7, 6, 1), np.int16), edit=edit)
    desk.save("roi.nii", ball((7, 6, 1)), image)
    same_place(desk.study / "roi.nii", desk.study / "slice.nii")
    swapped = nibabel.Nifti1Image(np.ones(SHAPE, ">i2"), OBLIQUE)
    swapped.set_sform(OBLIQUE, 2)
    big = nibabel.Nifti1Image(swapped.dataobj, None, swapped.header.as_byteswapped(">"))
    nibabel.save(big, desk.study / "big.nii")
    assert (desk.study / "big.nii").read_bytes()[:4] == b"\0\0\1\x5c"
    desk.save("big_roi.nii", ball(), desk.register("big.nii"))
    same_place(desk.study / "big_roi.nii", desk.study / "big.nii")


def test_a_nifti_2_reference_gives_a_nifti_2_mask_with_its_exact_affine(desk: Desk) -> None:
    affine = OBLIQUE * (1 + 1e-12)
    affine[3] = OBLIQUE[3]
    desk.study.mkdir(parents=True)
    nibabel.save(nibabel.Nifti2Image(np.ones(SHAPE, np.int16), affine), desk.study / "t1.nii")
    desk.save("roi.nii", ball(), desk.register("t1.nii"))
    same_place(desk.study / "roi.nii", desk.study / "t1.nii")
    assert np.array_equal(nibabel.load(desk.study / "roi.nii").affine, affine)


def test_a_4d_roi_has_the_time_step_of_its_reference_and_all_frames(desk: Desk) -> None:
    def edit(header) -> None:
        header["pixdim"][4] = 2.5

    image = desk.image("bold.nii", np.ones((*SHAPE, 3), np.int16), edit=edit)
    mask = ball((*SHAPE, 3))
    saved = desk.save("roi.nii", mask, image)
    found = nibabel.load(desk.study / "roi.nii")
    assert found.shape == (*SHAPE, 3)
    assert found.header["pixdim"][4] == 2.5
    assert np.array_equal(np.asarray(found.dataobj), mask)
    about = viewing.roi_set(desk.study / "roi.nii", "roi")
    assert (about.n_frames, about.segments[0].n_voxels) == (3, int(mask.sum()))
    assert gzip.decompress(viewing.roi_bits(desk.study / "roi.nii", 1)) == gzip.decompress(
        viewing.pack_bits(mask)
    )
    assert saved.created


def test_a_3d_roi_of_a_4d_reference_is_3d(desk: Desk) -> None:
    image = desk.image("bold.nii", np.ones((*SHAPE, 3), np.int16))
    desk.save("roi.nii", ball(), image)
    assert nibabel.load(desk.study / "roi.nii").shape == SHAPE


def test_an_explicit_grid_becomes_both_forms(desk: Desk, tmp_path: Path) -> None:
    from appliance.formats import write_roi

    reference = RoiReference(Grid(SHAPE, OBLIQUE), 1, 2, 1)
    with (tmp_path / "roi.nii").open("wb") as stream:
        write_roi(stream, "roi.nii", ball().astype(np.uint8), reference)
    found = nibabel.load(tmp_path / "roi.nii")
    assert np.allclose(found.affine, OBLIQUE)
    assert (int(found.header["sform_code"]), int(found.header["qform_code"])) == (2, 1)


def test_several_rois_become_one_label_map_with_names_and_colours_and_come_back(
    desk: Desk,
) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    parts = np.random.default_rng(1).integers(0, 4, SHAPE)
    masks = {"Tumor <left> & more": parts == 1, "Ödem": parts == 2, "core": parts == 3}
    saved, segments = desk.save_all("map.nii.gz", masks, image, values=[7, 0, 300])
    assert [one.value for one in segments] == [7, 1, 300]
    assert voxels(desk.study / "map.nii.gz").dtype == np.uint16
    same_place(desk.study / "map.nii.gz", desk.study / "t1.nii")
    found = viewing.roi_set(desk.study / "map.nii.gz", "map")
    assert found.kind == "labels"
    assert {one.value: one.name for one in found.segments} == {
        7: "Tumor <left> & more",
        1: "Ödem",
        300: "core",
    }
    assert {one.value: one.color for one in found.segments}[300] == "#0000ff"
    for one in found.segments:
        mask = viewing.roi_mask(desk.study / "map.nii.gz", one.value).data
        assert np.array_equal(mask, masks[one.name])
        where = np.argwhere(mask)
        assert one.box == [where.min(0).tolist(), where.max(0).tolist()]
        assert np.allclose(one.center_mm, (OBLIQUE @ [*where.mean(0), 1])[:3])
        assert one.volume_ml == pytest.approx(mask.sum() * abs(np.linalg.det(OBLIQUE)) / 1000)
    assert saved.file.path == "map.nii.gz"


def test_rois_that_overlap_do_not_become_a_label_map_unless_the_later_one_may_win(
    desk: Desk,
) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    masks = {"a": ball(), "b": np.ones(SHAPE, bool)}
    with pytest.raises(Invalid, match="'b' and 'a' share") as told:
        desk.save_all("map.nii", masks, image)
    assert told.value.facts["n_voxels"] == int(ball().sum())
    assert not (desk.study / "map.nii").exists()
    desk.save_all("map.nii", masks, image, overlap="last")
    assert (voxels(desk.study / "map.nii") == 2).all()


def test_an_empty_roi_is_saved_and_loaded(desk: Desk) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    desk.save("roi.nii", np.zeros(SHAPE, bool), image)
    (segment,) = viewing.roi_set(desk.study / "roi.nii", "roi").segments
    assert (segment.n_voxels, segment.center_mm, segment.box) == (0, None, None)


@pytest.mark.parametrize("values", [(0, 255), (0, 0.5), (0, 100), (np.nan, 1)])
def test_any_mask_is_loaded_as_one_roi_of_all_above_zero(desk: Desk, values: tuple) -> None:
    data = np.where(ball(), values[1], values[0]).astype(np.float32)
    image = desk.image("mask.nii", data)
    found = viewing.roi_set(desk.study / "mask.nii", "mask")
    assert (found.kind, [one.value for one in found.segments]) == ("mask", [1])
    for value in (0, 1):
        assert np.array_equal(viewing.roi_mask(desk.study / image.path, value).data, ball())
    with pytest.raises(NotFound):
        viewing.roi_mask(desk.study / image.path, 2)


def test_a_photograph_is_no_label_map(desk: Desk) -> None:
    desk.image("t1.nii", np.arange(7 * 16 * 16, dtype=np.int16).reshape(7, 16, 16))
    with pytest.raises(Invalid, match="looks like an image"):
        viewing.roi_set(desk.study / "t1.nii", "t1")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"no gzip", "damaged"),
        (gzip.compress(b"\1" * 3), "holds 3 bytes, 27 were"),
        (gzip.compress(b"\1" * 5000), "more bytes"),
        (gzip.compress(b"\1" * 27)[:-4], "27 were expected"),
    ],
)
def test_data_that_do_not_fit_are_refused(data: bytes, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        viewing.unpack_mask(data, (7, 6, 5), 1, "bits")


def test_bits_and_bytes_say_the_same_and_run_along_i_first() -> None:
    mask = ball((7, 6, 5))
    as_bytes = gzip.compress(mask.astype(np.uint8).tobytes(order="F"))
    assert np.array_equal(viewing.unpack_mask(as_bytes, (7, 6, 5), 1, "bytes"), mask)
    one = np.zeros((7, 6, 5), bool)
    one[3, 0, 0] = True
    assert gzip.decompress(viewing.pack_bits(one))[0] == 1 << 3
    assert np.array_equal(viewing.unpack_mask(viewing.pack_bits(one), (7, 6, 5), 1, "bits"), one)


def test_a_change_by_somebody_else_is_refused_with_who_and_when_and_loses_nothing(
    desk: Desk,
) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    mine = desk.save("roi.nii", ball(seed=1), image)
    desk.save("roi.nii", ball(seed=2), image, actor="ben", version=mine.file.version)
    with pytest.raises(Changed, match="by ben at 20") as told:
        desk.save("roi.nii", ball(seed=3), image, version=mine.file.version)
    facts = told.value.facts
    assert (facts["changed_by"], facts["is_mine"]) == ("ben", False)
    assert facts["suggested_path"] == "roi_1.nii"
    assert np.array_equal(voxels(desk.study / "roi.nii"), ball(seed=2))
    other = desk.save(
        "roi.nii", ball(seed=3), image, version=mine.file.version, if_changed="new_name"
    )
    assert other.file.path == "roi_1.nii"
    last = desk.save(
        "roi.nii", ball(seed=4), image, version=mine.file.version, if_changed="replace"
    )
    found = viewing.list_versions(desk.folder, last.file)
    assert [(one.n, one.saved_by, one.is_current) for one in found] == [
        (3, "anna", True),
        (2, "ben", False),
        (1, "anna", False),
    ]
    for one in found:
        path = viewing.version_path(desk.folder, last.file, one.n)
        assert np.array_equal(voxels(path), ball(seed={3: 4, 2: 2, 1: 1}[one.n]))


def test_a_name_that_is_taken_and_a_file_that_is_gone_are_told(desk: Desk) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    saved = desk.save("roi.nii", ball(), image)
    with pytest.raises(Changed, match="exists already, made by anna"):
        desk.save("roi.nii", ball(), image, actor="ben")
    (desk.study / "roi.nii").write_bytes(b"other")
    with pytest.raises(Changed, match="changed by") as told:
        desk.save("roi.nii", ball(), image, version=saved.file.version)
    assert told.value.facts["version"] != saved.file.version
    (desk.study / "roi.nii").unlink()
    with pytest.raises(Changed, match="is gone"):
        desk.save("roi.nii", ball(), image, version=saved.file.version)
    desk.save("roi.nii", ball(), image, version=saved.file.version, if_changed="replace")
    assert np.array_equal(voxels(desk.study / "roi.nii"), ball())


def test_of_many_who_save_at_once_one_wins_and_the_others_are_told(desk: Desk) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    first = desk.save("roi.nii", ball(), image)
    outcomes: list[str] = []

    def rater(seed: int) -> None:
        try:
            desk.save("roi.nii", ball(seed=seed), image, version=first.file.version)
            outcomes.append("saved")
        except Changed:
            outcomes.append("told")

    threads = [threading.Thread(target=rater, args=(seed,)) for seed in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["saved", "told", "told", "told", "told"]
    assert [one.n for one in viewing.list_versions(desk.folder, desk.row(first.file.id))] == [2, 1]


def test_a_write_that_fails_leaves_the_file_as_it_was(desk: Desk) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    saved = desk.save("roi.nii", ball(), image)
    with pytest.raises(Invalid):
        desk.save("roi.nii", ball((7, 6, 4)), image, version=saved.file.version)
    assert np.array_equal(voxels(desk.study / "roi.nii"), ball())
    assert [path.name for path in desk.study.iterdir() if path.name.endswith(".part")] == []
    full = Desk(desk.catalog, desk.folder, desk.study_id, Limits(min_free_bytes=1 << 60))
    with pytest.raises(DiskFull):
        full.save("roi.nii", ball(), image, version=saved.file.version)


@pytest.mark.parametrize(
    "path",
    ["../roi.nii", "/roi.nii", ".hidden/roi.nii", "a/../roi.nii", "roi.txt", "x/.nii", "a\\b.nii"],
)
def test_paths_that_lead_elsewhere_are_refused(desk: Desk, path: str) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    with pytest.raises(Invalid):
        desk.save(path, ball(), image)


def test_what_came_from_outside_is_never_replaced(desk: Desk) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16), origin="source:abc")
    with pytest.raises(Conflict, match="never replaced") as told:
        desk.save("t1.nii", ball(), image, version=image.version)
    assert told.value.facts["suggested_path"] == "t1_1.nii"
    outside = desk.folder.root.parent / "theirs.nii"
    outside.write_bytes(b"theirs")
    (desk.study / "link.nii").symlink_to(outside)
    with pytest.raises(Conflict):
        desk.save("link.nii", ball(), image, if_changed="replace")
    assert outside.read_bytes() == b"theirs"


def test_an_uploaded_mask_may_be_edited_and_its_first_version_stays(desk: Desk) -> None:
    theirs = desk.image("mask.nii", ball(seed=9).astype(np.uint8), origin="receipt:abc")
    saved = desk.save("mask.nii", ball(), theirs, version=theirs.version)
    now, before = viewing.list_versions(desk.folder, saved.file)
    assert (now.n, before.n, before.saved_by, before.origin) == (2, 1, "import", "receipt:abc")
    assert np.array_equal(voxels(viewing.version_path(desk.folder, saved.file, 1)), ball(seed=9))


def test_a_project_in_the_archive_takes_no_mask(desk: Desk) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    desk.catalog.write(lambda tx: catalog.set_project_state(tx, "default", "archived", actor="o"))
    with pytest.raises(Conflict, match="archive"):
        desk.save("roi.nii", ball(), image)


def test_a_save_is_in_the_history_and_can_be_taken_back(desk: Desk) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    first = desk.save("roi.nii", ball(seed=1), image)
    second = desk.save("roi.nii", ball(seed=2), image, version=first.file.version)

    def undo(operation_id: int) -> None:
        with desk.catalog.read() as con:
            operation = catalog.find_operation(con, operation_id)
        viewing.undo_save(desk.catalog, desk.folder, desk.limits, operation, "anna")

    with pytest.raises(Conflict, match="changed later"):
        undo(first.operation_id)
    undo(second.operation_id)
    assert np.array_equal(voxels(desk.study / "roi.nii"), ball(seed=1))
    with pytest.raises(Conflict, match="undone already"):
        undo(second.operation_id)
    undo(first.operation_id)  # one after the other, as far back as one likes
    with pytest.raises(NotFound):
        desk.row(first.file.id)
    fresh = desk.save("new.nii", ball(), image)
    undo(fresh.operation_id)
    with pytest.raises(NotFound):
        desk.row(fresh.file.id)


def test_an_earlier_version_is_brought_back_and_the_present_one_kept(desk: Desk) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    first = desk.save("roi.nii", ball(seed=1), image)
    second = desk.save("roi.nii", ball(seed=2), image, version=first.file.version)
    with pytest.raises(Changed):
        viewing.restore_version(
            desk.catalog, desk.folder, desk.limits, second.file, 1, actor="ben", version="old"
        )
    back = viewing.restore_version(
        desk.catalog,
        desk.folder,
        desk.limits,
        second.file,
        1,
        actor="ben",
        version=second.file.version,
    )
    assert np.array_equal(voxels(desk.study / "roi.nii"), ball(seed=1))
    assert [one.n for one in viewing.list_versions(desk.folder, back.file)] == [3, 2, 1]


def test_versions_survive_a_catalog_that_is_built_anew(desk: Desk) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    row = desk.save("roi.nii", ball(seed=1), image).file
    row = desk.save("roi.nii", ball(seed=2), image, version=row.version).file
    desk.catalog.close()
    desk.folder.catalog_path.unlink()
    desk.catalog = catalog.Catalog.open(desk.folder.catalog_path)
    report = rescan(desk.catalog, desk.folder)
    assert report.n_added == 2  # the earlier version is no file of the study
    with desk.catalog.read() as con:
        project = catalog.get_project(con, "default")
        rows = catalog.study_files(con, catalog.find_study(con, project.id, "S-1#v1"))
    found = viewing.list_versions(desk.folder, rows[0])
    assert [(one.n, one.saved_by) for one in found] == [(2, "anna"), (1, "anna")]


def test_versions_follow_their_file_to_a_new_name_and_into_the_trash(desk: Desk) -> None:
    from appliance.privacy import IdentityStore

    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    row = desk.save("roi.nii", ball(seed=1), image).file
    row = desk.save("roi.nii", ball(seed=2), image, version=row.version).file
    identities = IdentityStore.open(desk.folder.identity_path)
    Mover(desk.catalog, desk.folder, identities).rename_file(row.id, "sub/other.nii", "anna")
    identities.close()
    row = desk.row(row.id)
    assert [one.n for one in viewing.list_versions(desk.folder, row)] == [2, 1]
    operation = desk.catalog.write(lambda tx: catalog.trash_files(tx, [row.id], "anna"))
    purge(desk.catalog, desk.folder, operation)
    assert not viewing.versions_of(desk.study, row.path).exists()


def test_old_versions_go_by_number_and_by_age_but_the_newest_stays(desk: Desk) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    desk.limits = Limits(keep_n=2)
    row = desk.save("roi.nii", ball(), image).file
    for seed in range(1, 6):
        row = desk.save("roi.nii", ball(seed=seed), image, version=row.version).file
    assert [one.n for one in viewing.list_versions(desk.folder, row)] == [6, 5, 4]
    with pytest.raises(NotFound, match="not kept"):
        viewing.version_path(desk.folder, row, 2)
    for note in viewing.versions_of(desk.study, "roi.nii").glob("0*.json"):
        old = re.sub(rb'"replaced_at":\d+', b'"replaced_at":1', note.read_bytes())
        note.write_bytes(old)
    assert versions.prune(desk.study, "roi.nii", keep_n=0, keep_days=30) == 1
    assert [one.n for one in viewing.list_versions(desk.folder, row)] == [6, 5]


def test_a_new_file_over_one_in_the_trash_keeps_the_old_content(desk: Desk) -> None:
    image = desk.image("t1.nii", np.ones(SHAPE, np.int16))
    row = desk.save("roi.nii", ball(seed=1), image).file
    desk.catalog.write(lambda tx: catalog.trash_files(tx, [row.id], "anna"))
    again = desk.save("roi.nii", ball(seed=2), image)
    assert np.array_equal(voxels(viewing.version_path(desk.folder, again.file, 1)), ball(seed=1))


def test_two_masks_are_compared_by_overlap_volume_and_distance() -> None:
    from appliance.geometry import Volume

    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    a, b = np.zeros((10, 10, 10), np.uint8), np.zeros((10, 10, 10), np.uint8)
    a[2:6, 2:6, 2:6], b[4:8, 2:6, 2:6] = 1, 1
    found = mask_agreement(Volume(a, affine), Volume(b, affine))
    assert (found["n_a"], found["n_b"], found["n_both"]) == (64, 64, 32)
    assert (found["dice"], found["jaccard"]) == (0.5, pytest.approx(1 / 3))
    assert found["volume_a_ml"] == pytest.approx(64 * 6 / 1000)
    assert (found["hausdorff_mm"], found["hausdorff95_mm"]) == (2.0, 2.0)
    assert found["slices"][0] == {"k": 2, "n_only_a": 8, "n_only_b": 8}
    same = mask_agreement(Volume(a, affine), Volume(a, affine))
    assert (same["dice"], same["hausdorff_mm"], same["slices"]) == (1.0, 0.0, [])
    empty = mask_agreement(Volume(a * 0, affine), Volume(b * 0, affine))
    assert (empty["dice"], empty["hausdorff_mm"]) == (None, None)
    half = Volume(np.repeat(a, 2, axis=0), affine @ np.diag([0.5, 1, 1, 1]))
    shifted = mask_agreement(Volume(a, affine), half)
    assert "nearest" in shifted["resampled"]
    assert shifted["volume_b_ml"] == pytest.approx(shifted["volume_a_ml"])
