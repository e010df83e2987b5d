"""A pyramid of thousands of chunks is one thing to the catalog."""

from __future__ import annotations

from appliance.core import content_of, file_around, is_folder_file, members, walk_files


def test_NG_02_a_pyramid_is_walked_as_one_file(tmp_path):
    names = [
        "a.nii",
        "sub/b.nii",
        "neuro-a/info",
        "neuro-a/1_1_1/0-64_0-64_0-64",
        "neuro-b/1_1_1/0-64_0-64_0-64",
        "neuro-note.txt",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {path.relative_to(tmp_path).as_posix() for path in walk_files(tmp_path)}
    assert found == (set(names) - {"neuro-a/info", "neuro-a/1_1_1/0-64_0-64_0-64"}) | {"neuro-a"}


def test_SPA_04_an_ome_zarr_is_walked_as_one_file(tmp_path):
    names = ["a.zarr/.zattrs", "a.zarr/0/.zattrs", "a.zarr/0/0/0/0/0/0/0", "b.zarr/note.txt", "x"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {path.relative_to(tmp_path).as_posix() for path in walk_files(tmp_path)}
    assert found == {"a.zarr", "b.zarr/note.txt", "x"}


def test_NG_02_a_pyramid_is_known_by_what_it_says_whatever_its_name(tmp_path):
    folder = tmp_path / "export" / "brain"
    folder.mkdir(parents=True)
    (folder / "info").write_text('{"@type": "neuroglancer_multiscale_volume"}')
    (folder / "chunk").write_bytes(b"12345")
    assert is_folder_file(folder)
    assert list(walk_files(tmp_path)) == [folder]
    assert file_around(tmp_path, folder / "1_1_1" / "0-1_0-1_0-1") == folder
    assert file_around(tmp_path, tmp_path / "export" / "other") is None
    (folder / "info").write_text('{"@type": "something else"}')
    assert not is_folder_file(folder)
    assert not is_folder_file(tmp_path / "nothing")


def test_NG_02_a_link_is_neither_a_pyramid_nor_a_part_of_one(tmp_path):
    (tmp_path / "secret").write_text("elsewhere")
    folder = tmp_path / "study" / "neuro-a"
    folder.mkdir(parents=True)
    (folder / "info").write_text("{}")
    (folder / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "study" / "neuro-b").symlink_to(folder)
    assert [name for name, _ in members(folder)] == ["info"]
    assert content_of(folder).size_bytes == 2
    assert list(walk_files(tmp_path / "study")) == [folder]
