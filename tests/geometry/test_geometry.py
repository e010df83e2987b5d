"""Geometry: affines, all 48 orientations, grids, meshes, tractograms and transforms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.orientations import aff2axcodes

from appliance.core import Invalid
from appliance.geometry import (
    ALL_ORIENTATIONS,
    Grid,
    GridMismatch,
    Mesh,
    Tractogram,
    Transform,
    Volume,
    as_affine,
    axis_map,
    flip_lps_ras,
    invert,
    orientation_codes,
)


def upright(codes: str, shape: tuple[int, int, int] = (3, 4, 5)) -> np.ndarray:
    """Affine of an image with 2, 3 and 4 mm along its own axes."""
    ras = np.diag([1.0, 1.0, 1.0, 1.0])
    ras[:3, 3] = (-7, 11, 13)
    turn = axis_map("RAS", codes).affine(shape)
    return ras @ turn @ np.diag([2.0, 3.0, 4.0, 1.0])


def test_there_are_48_orientations() -> None:
    assert len(set(ALL_ORIENTATIONS)) == 48


@pytest.mark.parametrize("codes", ALL_ORIENTATIONS)
def test_codes_of_all_axis_orders_agree_with_nibabel(codes: str) -> None:
    affine = upright(codes)
    assert orientation_codes(affine) == codes
    assert "".join(aff2axcodes(affine)) == codes


@pytest.mark.parametrize("codes", ALL_ORIENTATIONS)
def test_reorienting_keeps_every_value_at_its_place_in_the_world(codes: str) -> None:
    data = np.arange(2 * 3 * 4 * 2).reshape(2, 3, 4, 2)
    volume = Volume(data, upright("RAS"))
    turned = volume.reoriented(codes)
    assert turned.grid.codes == codes
    back = turned.reoriented("RAS")
    assert np.array_equal(back.data, data)
    assert np.allclose(back.affine, volume.affine)
    ijk = np.argwhere(turned.data[..., 1] >= 0)
    old = np.rint(volume.grid.to_voxel(turned.grid.to_world(ijk))).astype(int)
    assert np.array_equal(turned.data[..., 1][tuple(ijk.T)], volume.data[..., 1][tuple(old.T)])


@given(st.integers(0, 47), st.floats(-40, 40), st.integers(0, 2))
def test_oblique_grids_get_the_nearest_code(index: int, degrees: float, axis: int) -> None:
    codes = ALL_ORIENTATIONS[index]
    affine = Transform.rotation(axis, degrees).matrix @ upright(codes)
    assert orientation_codes(affine) == codes


def test_an_unknown_orientation_is_refused() -> None:
    with pytest.raises(Invalid, match="RRS"):
        axis_map("RAS", "RRS")


@pytest.mark.parametrize(
    "matrix",
    [np.eye(3), np.full((4, 4), np.nan), np.diag([1, 1, 0, 1]), np.eye(4) + np.eye(4)[::-1]],
)
def test_a_matrix_that_is_no_affine_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(GridMismatch):
        as_affine(matrix)


def test_tiny_voxels_are_not_singular() -> None:
    assert Grid((2, 2, 2), np.diag([1e-6, 1e-6, 1e-6, 1])).voxel_mm3 == pytest.approx(1e-18)


def test_world_and_voxel_are_inverse() -> None:
    grid = Grid((3, 4, 5), Transform.rotation(0, 21).matrix @ upright("PIR"))
    ijk = np.array([[0, 0, 0], [2, 3, 4], [1.5, 0.25, 3]])
    assert np.allclose(grid.to_voxel(grid.to_world(ijk)), ijk)
    assert np.allclose(invert(grid.affine) @ grid.affine, np.eye(4))
    assert np.allclose(flip_lps_ras(flip_lps_ras(grid.affine)), grid.affine)


def test_grid_facts() -> None:
    grid = Grid((3, 4, 5), upright("LPS"))
    assert grid.voxel_mm == pytest.approx((2, 3, 4))
    assert grid.voxel_mm3 == pytest.approx(24)
    assert grid.n_voxels == 60
    low, high = grid.box()
    assert np.allclose(high - low, (6, 12, 20))
    assert np.allclose((low + high) / 2, grid.center_mm)
    assert grid.contains([[0, 0, 0], [2, 3, 4], [3, 0, 0], [-1, 0, 0]]).tolist() == [
        True,
        True,
        False,
        False,
    ]


def test_grids_match_up_to_a_small_shift() -> None:
    grid = Grid((3, 4, 5), upright("RAS"))
    moved = grid.affine.copy()
    moved[0, 3] += 0.01
    assert grid.matches(Grid(grid.shape, grid.affine))
    assert not grid.matches(Grid(grid.shape, moved))
    assert grid.matches(Grid(grid.shape, moved), tolerance_mm=0.1)
    assert not grid.matches(Grid((3, 4, 6), grid.affine))


def test_a_grid_around_a_box_covers_it() -> None:
    grid = Grid.around((-1, 0, 2), (1, 0, 3.1), 0.5)
    assert grid.shape == (5, 1, 4)
    assert np.allclose(grid.to_world((0, 0, 0)), (-1, 0, 2))


def test_volume_reads_the_nearest_voxel_and_holds_the_last_frame() -> None:
    volume = Volume(np.arange(16).reshape(2, 2, 2, 2), np.diag([2, 2, 2, 1]))
    assert volume.n_volumes == 2
    assert volume.value_at(np.array([1.9, 0.2, 0]), 0) == 8
    assert volume.value_at(np.array([1.9, 0.2, 0]), 7) == 9
    assert volume.value_at(np.array([5, 0, 0])) is None
    with pytest.raises(GridMismatch):
        volume.like(np.zeros((3, 2, 2)))
    with pytest.raises(GridMismatch):
        Volume(np.zeros((3, 2)), np.eye(4))


def test_mesh_refuses_faces_without_vertices() -> None:
    corners = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0]])
    assert Mesh(corners, [[0, 1, 2]]).area_mm2() == pytest.approx(2)
    with pytest.raises(Invalid):
        Mesh(corners, [[0, 1, 3]])
    with pytest.raises(Invalid):
        Mesh(corners, [[0, 1, 2]], {"curvature": np.zeros(2)})


def test_tractogram_lengths_and_subset() -> None:
    lines = [[[0, 0, 0], [3, 4, 0]], [], [[1, 1, 1]], [[0, 0, 0], [0, 0, 1], [0, 0, 3]]]
    tracts = Tractogram.from_streamlines(lines)
    assert len(tracts) == 4
    assert tracts.lengths_mm().tolist() == [5, 0, 0, 3]
    bundle = tracts.subset([3, 0])
    assert [len(line) for line in bundle] == [3, 2]
    assert np.array_equal(bundle.streamline(1), lines[0])
    assert Tractogram.from_streamlines([]).lengths_mm().tolist() == []
    assert Tractogram.from_streamlines([[[0, 0, 0]], []]).lengths_mm().tolist() == [0, 0]
    with pytest.raises(Invalid):
        Tractogram(np.zeros((3, 3)), np.array([0, 2]))


def test_transforms_compose_and_invert() -> None:
    turn = Transform.rotation(2, 90, center_mm=(1, 0, 0))
    assert np.allclose(turn.apply((2, 0, 0)), (1, 1, 0))
    both = turn.then(Transform.translation((0, 0, 5)))
    assert np.allclose(both.apply((2, 0, 0)), (1, 1, 5))
    assert np.allclose(both.inverse().apply((1, 1, 5)), (2, 0, 0))
    with pytest.raises(Invalid, match="mni"):
        Transform(np.eye(4), source="scanner", target="mni").then(turn)
