"""ParaVision images: place and values of every voxel, packages of slices, damaged files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import FormatError
from appliance.formats import bruker_facts, read_bruker
from appliance.formats.jcamp import read_jcamp
from tests.support.bruker import MADE_STUDY_UID, write_scan, write_study

TURN = np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


def only(path: Path):
    [image] = read_bruker(path, path.with_name("2dseq"))
    return image


def at(volume, i: int, j: int, k: int) -> np.ndarray:
    return (volume.affine @ [i, j, k, 1])[:3]


def test_slices_and_repetitions_become_one_volume_at_its_place(tmp_path: Path) -> None:
    frames = np.arange(6 * 4 * 3, dtype=np.int16).reshape(6, 4, 3)  # 3 slices, 2 repetitions
    places = [(10.0, -20.0, 5.0 + 2 * k) for k in range(3)]
    path = write_scan(
        tmp_path / "1",
        frames,
        extent=(6.0, 12.0),
        orientation=[TURN] * 3,
        position=places,
        groups=[(3, "FG_SLICE"), (2, "FG_CYCLE")],
    )
    volume = only(path).volume
    assert volume.data.shape == (3, 4, 3, 2)
    assert volume.data.dtype == np.int16
    for t, k, j, i in np.ndindex(2, 3, 4, 3):
        assert volume.data[i, j, k, t] == frames[3 * t + k, j, i]
        lps = np.array(places[k]) + 2.0 * i * TURN[0] + 3.0 * j * TURN[1]
        np.testing.assert_allclose(at(volume, i, j, k), lps * [-1, -1, 1], atol=1e-9)


def test_echoes_come_before_slices_and_values_are_scaled(tmp_path: Path) -> None:
    frames = np.arange(4 * 2 * 2, dtype=np.int16).reshape(4, 2, 2)
    path = write_scan(
        tmp_path / "1",
        frames,
        extent=(2.0, 2.0),
        orientation=np.eye(3),
        position=[(0, 0, 0), (0, 0, -1)],  # downwards
        groups=[(2, "FG_ECHO"), (2, "FG_SLICE")],
        slope=(1.0, 2.0, 3.0, 4.0),
        big_endian=True,
    )
    volume = only(path).volume
    assert volume.data.shape == (2, 2, 2, 2)
    assert volume.data.dtype == np.float32
    for k, echo in np.ndindex(2, 2):
        frame = 2 * k + echo
        np.testing.assert_array_equal(volume.data[:, :, k, echo], (frame + 1) * frames[frame].T)
    np.testing.assert_allclose(at(volume, 0, 0, 1), [0, 0, -1])


def test_three_planes_of_a_localizer_become_three_images(tmp_path: Path) -> None:
    sagittal = np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])
    path = write_scan(
        tmp_path / "1",
        np.zeros((4, 3, 3), np.int16),
        extent=(3.0, 3.0),
        orientation=[np.eye(3), np.eye(3), sagittal, sagittal],
        position=[(0, 0, 0), (0, 0, 2), (5, 0, 0), (3, 0, 0)],
        groups=[(4, "FG_SLICE")],
    )
    images = read_bruker(path, path.with_name("2dseq"))
    assert [image.volume.data.shape for image in images] == [(3, 3, 2), (3, 3, 2)]
    np.testing.assert_allclose(at(images[1].volume, 0, 0, 1), [-3, 0, 0])


def test_a_stack_of_three_axes_turns_with_the_order_on_the_disk(tmp_path: Path) -> None:
    frames = np.arange(2 * 3 * 4, dtype=np.int32).reshape(1, 2, 3, 4)
    for name, order, want in (("a", "normal", frames), ("b", "reverse", frames[:, ::-1])):
        path = write_scan(
            tmp_path / name,
            frames,
            extent=(4.0, 3.0, 5.0),
            orientation=np.eye(3),
            position=(1, 2, 3),
            groups=[],
            VisuCoreDiskSliceOrder=f"disk_{order}_slice_order",
        )
        volume = only(path).volume
        np.testing.assert_array_equal(volume.data, want[0].transpose(2, 1, 0))
        np.testing.assert_allclose(at(volume, 1, 1, 1), [-2, -3, 5.5])


def test_it_tells_whose_it_is(tmp_path: Path) -> None:
    visu = write_study(tmp_path / "study") / "5/pdata/1/visu_pars"
    facts = bruker_facts(visu)
    assert (facts.subject_id, facts.subject_name) == ("MOUSE-17", "Mickey^Mouse")
    assert (facts.study_uid, facts.date, facts.time) == (MADE_STUDY_UID, "20240502", "101112")
    assert (facts.number, facts.protocol, facts.sex) == (50001, "T2 TurboRARE", "M")
    sidecar = only(visu).sidecar
    assert (sidecar["RepetitionTime"], sidecar["EchoTime"]) == (2.5, 0.033)
    assert "Mickey" not in str(sidecar)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VisuCoreSize", "( 2 )\n5000 5000"),
        ("VisuCoreSize", "( 4 )\n2 2 2 2"),
        ("VisuCoreExtent", "( 2 )\n0 -1"),
        ("VisuCoreExtent", "( 2 )\nnan 3"),
        ("VisuCoreOrientation", "( 1, 9 )\n@9*(0)"),
        ("VisuCorePosition", "( 2, 3 )\n1 2 3"),
        ("VisuCoreWordType", "_64BIT"),
        ("VisuFGOrderDesc", "( 1 )\n(3, <FG_SLICE>, <>, 0, 2)"),
        ("VisuCoreDataSlope", "( 900000000 )\n@900000000*(1)"),
        ("VisuCoreDimDesc", "( 1 )\nspectroscopic"),
        ("VisuCoreFrameCount", "-3"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, name: str, value: str) -> None:
    path = write_scan(
        tmp_path / "1",
        np.zeros((2, 3, 3), np.int16),
        extent=(3.0, 3.0),
        orientation=np.eye(3),
        position=[(0, 0, 0), (0, 0, 1)],
        groups=[(2, "FG_SLICE")],
        **{name: value},
    )
    with pytest.raises(FormatError):
        read_bruker(path, path.with_name("2dseq"))


@given(text=st.text(alphabet="##$=(),<>@*12\n Visu", max_size=200))
def test_any_text_is_read_or_refused(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("jcamp") / "visu_pars"
    path.write_text("##TITLE=x\n" + text)
    assert "TITLE" in read_jcamp(path)
