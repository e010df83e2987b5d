"""A pyramid of thousands of chunks is one thing to the catalog."""

from __future__ import annotations

from appliance.core import walk_files


def test_NG_02_of_a_pyramid_only_its_info_is_walked(tmp_path):
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
    assert found == set(names) - {"neuro-a/1_1_1/0-64_0-64_0-64"}


def test_SPA_04_of_an_ome_zarr_only_its_outermost_attributes_are_walked(tmp_path):
    names = ["a.zarr/.zattrs", "a.zarr/0/.zattrs", "a.zarr/0/0/0/0/0/0/0", "b.zarr/note.txt", "x"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {path.relative_to(tmp_path).as_posix() for path in walk_files(tmp_path)}
    assert found == {"a.zarr/.zattrs", "b.zarr/note.txt", "x"}
