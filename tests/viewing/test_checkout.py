"""Files edited by other programs: SimpleITK plays the program, as ITK-SNAP saves with ITK."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path

import msgspec
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its usual name

from appliance import catalog
from appliance.catalog import Grant
from appliance.core import Conflict, FormatError, Invalid, NotFound
from appliance.formats import read_labels
from appliance.geometry import Grid, Volume
from appliance.viewing import (
    Changed,
    Checkout,
    CheckoutWatcher,
    OtherGrid,
    changed_file,
    check_in,
    check_out,
    checkout_command,
    checkout_folder,
    find_checkout,
    find_underlay,
    list_checkouts,
    list_versions,
    release_checkout,
    version_path,
)
from appliance.viewing.checkout import write_checkout
from appliance.viewing.seating import seated
from tests.viewing.desk import OBLIQUE, Desk

SHAPE = (9, 8, 7)
TURN = np.array([[0.96, 0.28, 0], [-0.28, 0.96, 0], [0, 0, 1]])
TILTED = np.eye(4)
TILTED[:3, :3], TILTED[:3, 3] = TURN @ np.diag([1.5, 2.0, -2.5]), [-40.25, 17.5, 3.125]


@pytest.fixture
def desk(tmp_path: Path):
    made = Desk.make(tmp_path)
    yield made
    made.catalog.close()


def image(desk: Desk, path: str = "t1/s001.nii.gz", **more):
    data = np.random.default_rng(0).integers(0, 900, SHAPE).astype(np.int16)
    return desk.image(path, data, more.pop("affine", TILTED), codes=(2, 1), **more)


def blob() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[2:5, 3:6, 1:4] = True
    return mask


def taken(desk: Desk, program="itksnap", row=None, **more) -> Checkout:
    """Check out a label map with an image beneath."""
    below = image(desk) if row is None else None
    if row is None:
        masks = {"tumor": blob(), "edema": np.roll(blob(), 3, axis=0)}
        row = desk.save_all("rois/x.nii.gz", masks, below, tags=["mask"])[0].file
    return check_out(
        desk.catalog, desk.folder, desk.row(row.id), program, actor="anna", reference=below, **more
    )


def copy_of(desk: Desk, one: Checkout) -> Path:
    return checkout_folder(desk.folder, one.key) / one.name


def edit(path: Path, to: Path | None = None, change=lambda data: data) -> None:
    """Open an image, change its values and save it, as a program built on ITK does."""
    found = sitk.ReadImage(str(path))
    made = sitk.GetImageFromArray(change(sitk.GetArrayFromImage(found)))
    made.CopyInformation(found)
    sitk.WriteImage(made, str(to or path), useCompression=True)


def grow(data: np.ndarray) -> np.ndarray:
    data = data.copy()
    data[5, 6, 7] = 2
    return data


def brought(desk: Desk, one: Checkout, **more):
    return check_in(desk.catalog, desk.folder, desk.limits, one.key, actor="anna", **more)


def values(desk: Desk, row) -> np.ndarray:
    return np.asarray(nibabel.load(desk.study / row.path).dataobj)


def test_what_a_program_saves_becomes_a_new_version_with_who_what_and_from_which(desk) -> None:
    one = taken(desk)
    before = desk.row(one.file_id)
    old = values(desk, before).copy()
    assert brought(desk, one).saved is None
    edit(copy_of(desk, one), change=grow)
    done = brought(desk, one, note="the rim")
    assert done.saved is not None
    row = done.saved.file
    assert (row.id, row.path, done.saved.n) == (before.id, "rois/x.nii.gz", 2)
    new = old.copy()
    new[7, 6, 5] = 2
    assert np.array_equal(values(desk, row), new)
    header, first = (
        nibabel.load(desk.study / path).header for path in (row.path, "t1/s001.nii.gz")
    )
    assert all(np.array_equal(header[f], first[f]) for f in ("srow_x", "quatern_b", "sform_code"))
    assert [label.name for label in read_labels(desk.study / row.path)] == ["tumor", "edema"]
    now, earlier = list_versions(desk.folder, row)
    assert (now.saved_by, now.origin) == ("anna", "edited:itksnap:anna")
    assert now.note == "ITK-SNAP, from version 1: the rim"
    kept = nibabel.load(version_path(desk.folder, row, earlier.n))
    assert np.array_equal(np.asarray(kept.dataobj), old)
    assert brought(desk, one).saved is None
    edit(copy_of(desk, one), change=lambda data: data * 0)
    assert brought(desk, one).checkout.n == 3
    assert list_versions(desk.folder, row)[0].note == "ITK-SNAP, from version 2"


def test_the_copy_and_the_image_beneath_never_touch_the_files_of_the_study(desk) -> None:
    one = taken(desk)
    home = checkout_folder(desk.folder, one.key)
    assert not (home / one.name).samefile(desk.study / one.path)
    below = home / one.reference
    assert below.read_bytes() == (desk.study / "t1/s001.nii.gz").read_bytes()
    assert not below.samefile(desk.study / "t1/s001.nii.gz")
    assert stat.S_IMODE(below.stat().st_mode) == 0o444
    assert find_underlay(desk.catalog, desk.row(one.file_id)).path == "t1/s001.nii.gz"


def test_a_part_in_another_format_with_turned_axes_finds_its_place(desk) -> None:
    one = taken(desk, program="slicer")
    old = values(desk, desk.row(one.file_id)).copy()
    found = sitk.ReadImage(str(copy_of(desk, one)))
    part = sitk.Flip(found, (True, False, True))[1:8, 2:7, 1:6]
    sitk.WriteImage(part, str(checkout_folder(desk.folder, one.key) / "Segmentation.seg.nrrd"))
    done = brought(desk, one)
    assert done.saved is not None
    kept = np.zeros(SHAPE, bool)
    kept[1:8, 2:7, 1:6] = True
    assert np.array_equal(values(desk, done.saved.file), np.where(kept, old, 0))
    assert done.saved.file.path == "rois/x.nii.gz"


def test_a_grid_that_the_program_cannot_hold_goes_by_its_other_form(desk) -> None:
    below = image(desk, affine=OBLIQUE)  # sheared: ITK goes by the quaternion
    one = taken(desk, row=desk.save("rois/s.nii.gz", blob(), below, tags=["mask"]).file)
    edit(copy_of(desk, one), change=grow)
    assert not np.allclose(nibabel.load(copy_of(desk, one)).affine, OBLIQUE, atol=1e-2)
    row = brought(desk, one).saved.file
    assert values(desk, row)[7, 6, 5] == 2
    saved = nibabel.load(desk.study / row.path)
    assert np.array_equal(saved.affine, nibabel.load(desk.study / below.path).affine)


def test_another_grid_is_refused_or_becomes_a_file_of_its_own(desk) -> None:
    one = taken(desk)
    found = sitk.ReadImage(str(copy_of(desk, one)))
    found.SetSpacing([3.0, 2.0, 2.0])
    sitk.WriteImage(found, str(copy_of(desk, one)))
    with pytest.raises(OtherGrid, match="another grid"):
        brought(desk, one)
    told = find_checkout(desk.folder, one.key)
    assert (told.state, bool(told.problem), bool(told.hint)) == ("refused", True, True)
    done = brought(desk, one, other_grid="new_file")
    assert done.saved is not None
    assert done.saved.file.path == "rois/x_edited.nii.gz"
    assert "mask" in done.saved.file.tags
    assert list_versions(desk.folder, done.saved.file)[0].note.endswith(
        "from version 1 of rois/x.nii.gz"
    )
    assert (done.checkout.state, done.checkout.path) == ("open", "rois/x.nii.gz")
    assert len(list_versions(desk.folder, desk.row(one.file_id))) == 1


def test_a_file_changed_meanwhile_is_told_and_nothing_is_lost(desk) -> None:
    below = image(desk)
    row = desk.save("rois/m.nii.gz", blob(), below, tags=["mask"]).file
    one = taken(desk, row=row)
    theirs = ~blob()
    desk.save("rois/m.nii.gz", theirs, below, version=row.version, actor="ben")
    edit(copy_of(desk, one), change=grow)
    edited = copy_of(desk, one).read_bytes()
    with pytest.raises(Changed, match="ben"):
        brought(desk, one)
    told = find_checkout(desk.folder, one.key)
    assert (told.state, told.suggested_path) == ("conflict", "rois/m_1.nii.gz")
    assert copy_of(desk, one).read_bytes() == edited
    assert np.array_equal(values(desk, desk.row(row.id)) > 0, theirs)
    done = brought(desk, one, if_changed="replace")
    assert done.saved is not None
    assert [v.saved_by for v in list_versions(desk.folder, done.saved.file)] == [
        "anna",
        "ben",
        "anna",
    ]
    assert done.checkout.state == "open"


def test_a_new_name_goes_on_as_the_file_that_is_checked_out(desk) -> None:
    one = taken(desk)
    theirs = {"version": desk.row(one.file_id).version, "actor": "ben"}
    desk.save_all("rois/x.nii.gz", {"a": blob()}, desk.row(one.file_id), **theirs)
    edit(copy_of(desk, one), change=grow)
    done = brought(desk, one, if_changed="new_name")
    assert done.checkout.path == "rois/x_1.nii.gz"
    edit(copy_of(desk, one), change=lambda data: data * 0)
    assert brought(desk, one).saved.n == 2
    assert np.any(values(desk, desk.row(one.file_id)))


def test_a_renamed_file_is_followed_and_ids_of_a_catalog_built_anew_are_not_trusted(desk) -> None:
    one = taken(desk)
    row = desk.row(one.file_id)
    write_checkout(desk.folder, msgspec.structs.replace(one, file_key="gone", file_id=1))
    edit(copy_of(desk, one), change=grow)
    done = brought(desk, one)
    assert (done.saved.file.id, done.checkout.file_key) == (row.id, row.key)
    target = desk.study / "rois" / "y.nii.gz"
    (desk.study / row.path).rename(target)
    desk.catalog.write(
        lambda tx: tx.con.execute(
            "UPDATE paths SET path = 'rois/y.nii.gz', path_fold = 'rois/y.nii.gz'"
            " WHERE id = (SELECT path_id FROM files WHERE id = ?)",
            (row.id,),
        )
    )
    edit(copy_of(desk, one), change=lambda data: data * 0)
    again = brought(desk, one)
    assert again.saved.file.path == "rois/y.nii.gz"
    assert not values(desk, again.saved.file).any()
    write_checkout(desk.folder, msgspec.structs.replace(again.checkout, file_key="", psid="S-9#1"))
    edit(copy_of(desk, one), change=grow)
    with pytest.raises(NotFound, match="S-9#1"):
        brought(desk, one)
    assert find_checkout(desk.folder, one.key).state == "refused"


@pytest.mark.parametrize("origin", ["source:k", "drawn:ben"])
def test_an_image_from_outside_stays_and_the_edited_one_gets_a_name_of_its_own(
    desk, origin: str
) -> None:
    row = image(desk, "t2/s001.nii.gz", origin=origin)
    one = check_out(desk.catalog, desk.folder, row, "other", actor="anna")
    stays = origin.startswith("source")
    assert one.target == ("t2/s001_1.nii.gz" if stays else "t2/s001.nii.gz")
    assert not one.is_mask
    original = (desk.study / row.path).read_bytes()
    edit(copy_of(desk, one), change=grow)
    expected = copy_of(desk, one).read_bytes()
    done = brought(desk, one)
    assert done.saved.file.path == one.target
    assert (desk.study / one.target).read_bytes() == expected
    assert ((desk.study / row.path).read_bytes() == original) == stays
    edit(copy_of(desk, one), change=lambda data: data + 1)
    assert brought(desk, one).saved.n == (2 if stays else 3)


def test_probabilities_and_cut_files_are_no_mask_and_are_told(desk) -> None:
    one = taken(desk)
    edit(copy_of(desk, one), change=lambda data: data.astype(np.float32) * 0.3)
    with pytest.raises(FormatError, match="no mask"):
        brought(desk, one)
    whole = copy_of(desk, one).read_bytes()
    copy_of(desk, one).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError):
        brought(desk, one)
    assert find_checkout(desk.folder, one.key).state == "refused"


def test_a_second_call_gives_the_same_folder_and_changes_are_not_thrown_away(desk) -> None:
    one = taken(desk)
    row = desk.row(one.file_id)
    again = check_out(desk.catalog, desk.folder, row, "fsleyes", actor="anna")
    assert (again.key, again.program) == (one.key, "fsleyes")
    other = check_out(desk.catalog, desk.folder, row, "fsleyes", actor="ben")
    assert other.key != one.key
    edit(copy_of(desk, one), change=grow)
    with pytest.raises(Conflict, match="not checked in"):
        release_checkout(desk.folder, one.key)
    release_checkout(desk.folder, one.key, discard=True)
    release_checkout(desk.folder, other.key)
    assert list_checkouts(desk.folder) == []
    with pytest.raises(NotFound):
        brought(desk, one)


def test_what_is_no_image_is_not_checked_out(desk) -> None:
    (desk.study / "notes.txt").parent.mkdir(parents=True, exist_ok=True)
    (desk.study / "notes.txt").write_text("x")
    with pytest.raises(Invalid, match="no image"):
        check_out(desk.catalog, desk.folder, desk.register("notes.txt"), "other", actor="anna")


@pytest.mark.parametrize("program", ["itksnap", "fsleyes", "slicer", "other"])
def test_the_command_opens_the_copy_over_the_image(desk, program: str) -> None:
    one = taken(desk, program=program)
    words = shlex.split(checkout_command(desk.folder, one))
    home = checkout_folder(desk.folder, one.key)
    copy, below = str(home / one.name), str(home / one.reference)
    assert (
        words
        == {
            "itksnap": ["itksnap", "-g", below, "-s", copy],
            "fsleyes": ["fsleyes", below, copy, "-ot", "label"],
            "slicer": [
                "Slicer",
                "--python-code",
                f'slicer.util.loadVolume("{below}"); slicer.util.loadSegmentation("{copy}")',
            ],
            "other": [],
        }[program]
    )


def person(desk: Desk, login: str, grant: Grant | None) -> None:
    def write(tx: catalog.Tx) -> None:
        catalog.create_user(tx, login, actor="owner")
        project = catalog.get_project(tx.con, "default")
        if grant is not None:
            catalog.set_grant(tx, login, project.id, grant, actor="owner")

    desk.catalog.write(write)


def test_saving_is_noticed_also_what_was_saved_while_the_service_was_off(desk) -> None:
    person(desk, "anna", Grant(readonly=False))
    one = taken(desk)
    watcher = CheckoutWatcher(desk.catalog, desk.folder, desk.limits)
    assert [watcher.look(), watcher.look()] == [0, 0]
    edit(copy_of(desk, one), change=grow)
    assert [watcher.look(), watcher.look(), watcher.look()] == [0, 1, 0]
    assert find_checkout(desk.folder, one.key).n == 2
    whole = copy_of(desk, one).read_bytes()
    copy_of(desk, one).write_bytes(whole[:-30])
    later = CheckoutWatcher(desk.catalog, desk.folder, desk.limits)
    assert [later.look(), later.look(), later.look()] == [0, 0, 0]
    assert find_checkout(desk.folder, one.key).state == "refused"
    edit(copy_of(desk, one).with_name(one.reference), copy_of(desk, one), lambda data: data * 0)
    assert [later.look(), later.look()] == [0, 1]
    told = find_checkout(desk.folder, one.key)
    assert (told.n, told.state, told.problem, told.n_saved) == (3, "open", "", 2)


@pytest.mark.parametrize("grant", [None, Grant()], ids=["outsider", "reader"])
def test_who_may_not_edit_any_more_saves_nothing(desk, grant: Grant | None) -> None:
    person(desk, "anna", grant)
    one = taken(desk)
    edit(copy_of(desk, one), change=grow)
    watcher = CheckoutWatcher(desk.catalog, desk.folder, desk.limits)
    assert [watcher.look(), watcher.look()] == [0, 0]
    assert changed_file(desk.folder, one) is not None
    assert len(list_versions(desk.folder, desk.row(one.file_id))) == 1


def test_voxels_outside_of_the_grid_or_between_its_voxels_have_no_place() -> None:
    grid = Grid(SHAPE, OBLIQUE)
    whole = Volume(np.ones(SHAPE, np.uint8), OBLIQUE)
    moved = OBLIQUE.copy()
    moved[:3, 3] += OBLIQUE[:3, 0]
    assert seated(Volume(whole.data, moved), grid) is None
    inner = whole.data.copy()
    inner[-1] = 0
    placed = seated(Volume(inner, moved), grid)
    assert placed is not None
    assert np.array_equal(placed.data, np.roll(inner, 1, axis=0))
    half = OBLIQUE.copy()
    half[:3, 3] += OBLIQUE[:3, 0] / 2
    assert seated(Volume(whole.data, half), grid) is None
