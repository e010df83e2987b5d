"""A double click on a file of every format shows it, or says in the viewport why it cannot."""

from __future__ import annotations

import base64
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from appliance.formats import convert_file, write_nifti
from appliance.geometry import Volume
from tests.support.browser import Watched, watched_page
from tests.support.samples import blob, tiny_series
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.system]

AFFINE = np.array([[-2.0, 0, 0, 20], [0, 2, 0, -20], [0, 0, 2.5, -15], [0, 0, 0, 1]])
SPOT = (5, 6, 7)
CORNERS = np.array([[0, 0, 0], [30, 0, 0], [0, 30, 0], [0, 0, 30]], np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)


def volume() -> Volume:
    """An image with one voxel that is found again."""
    data = blob((20, 18, 16)).astype(np.int16)
    data[SPOT] = 1234
    return Volume(data, AFFINE)


def as_mrc(path: Path) -> None:
    """A map of an electron microscope."""
    import mrcfile

    with mrcfile.new(path) as stream:
        stream.set_data(np.ascontiguousarray(volume().data.transpose(2, 1, 0)))
        stream.voxel_size = 2.0


def as_nifti2(path: Path) -> None:
    """An image with the larger header."""
    nib.save(nib.Nifti2Image(volume().data, AFFINE), path)


def as_complex(path: Path) -> None:
    """An image of a scanner's raw values: magnitude as in the others, phase a quarter turn."""
    nib.save(nib.Nifti1Image(volume().data * np.complex64(1j), AFFINE), path)


def as_converted(path: Path) -> None:
    """An image in the format that the name tells."""
    plain = path.with_name("plain.nii")
    write_nifti(plain, volume())
    convert_file(plain, path)
    plain.unlink()


def as_cut(path: Path) -> None:
    """A packed image whose end is missing."""
    noise = np.random.default_rng(1).integers(0, 1000, (20, 20, 20)).astype(np.int16)
    path.write_bytes(gzip.compress(nib.Nifti1Image(noise, AFFINE).to_bytes())[:-2000])


IMAGES: dict[str, Callable[[Path], None]] = {
    "f1.nii.gz": as_converted,
    "f2.nii": as_nifti2,
    "f3.mgz": as_converted,
    "f4.nrrd": as_converted,
    "f5.mrc": as_mrc,
    "f6.nii.gz": as_complex,
}


def stl(path: Path) -> None:
    """A tetrahedron as binary STL."""
    facet = np.dtype([("n", "<f4", 3), ("v", "<f4", (3, 3)), ("a", "<u2")])
    rows = np.zeros(len(FACES), facet)
    rows["v"] = CORNERS[FACES]
    path.write_bytes(bytes(80) + np.uint32(len(FACES)).tobytes() + rows.tobytes())


def obj(path: Path, last: int = 4) -> None:
    """A tetrahedron as OBJ; `last` is the number of its last corner."""
    corners = "".join(f"v {x} {y} {z}\n" for x, y, z in CORNERS)
    path.write_text(f"{corners}f 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 {last}\n")


def ply(path: Path, last: int = 3) -> None:
    """A tetrahedron as PLY."""
    head = "ply\nformat ascii 1.0\nelement vertex 4\n" + "".join(
        f"property float {axis}\n" for axis in "xyz"
    )
    corners = "".join(f"{x} {y} {z}\n" for x, y, z in CORNERS)
    faces = f"3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 {last}\n"
    path.write_text(
        f"{head}element face 4\nproperty list uchar int vertex_indices\nend_header\n"
        f"{corners}{faces}"
    )


def fibres(path: Path) -> None:
    """Thick bundles of straight streamlines, as MRtrix or TrackVis write them."""
    along = np.linspace(-30, 30, 40, dtype=np.float32)
    lines = [
        np.stack([along, np.full_like(along, y), np.full_like(along, z)], axis=1)
        for y in range(-12, 13, 2)
        for z in range(-12, 13, 2)
    ]
    tracts = nib.streamlines.Tractogram(lines, affine_to_rasmm=np.eye(4))
    nib.streamlines.save(tracts, str(path))


def gifti(path: Path) -> None:
    """A tetrahedron as GIFTI."""
    arrays = [
        nib.gifti.GiftiDataArray(CORNERS, intent="NIFTI_INTENT_POINTSET"),
        nib.gifti.GiftiDataArray(FACES, intent="NIFTI_INTENT_TRIANGLE"),
    ]
    nib.save(nib.gifti.GiftiImage(darrays=arrays), path)


SURFACES: dict[str, Callable[[Path], None]] = {
    "s1.stl": stl,
    "s2.obj": obj,
    "s3.gii": gifti,
    "s4.ply": ply,
    "b1.tck": fibres,
    "b2.trk": fibres,
    "lh.pial": lambda path: nib.freesurfer.write_geometry(path, CORNERS, FACES),
}
BAD: dict[str, Callable[[Path], None]] = {
    "bad.obj": lambda path: obj(path, last=99),
    "cut.nii.gz": as_cut,
    "what.nrrd": lambda path: path.write_bytes(b"NRRD0004\nsomething\n\n") and None,
}


@pytest.fixture(scope="module")
def formats(service: Service) -> str:
    """Files of every format, laid into the folder of the one study."""
    rows = service.items("/projects/default/files")
    row = next(one for one in rows if one["name"] == "s001.nii")
    selected = service.post("/select", {"project": "default", "selector": "*s001.nii"})
    place = Path(selected["items"][0]["absolute_path"])
    home = place.parents[len(Path(row["path"]).parts) - 1] / "formats"
    home.mkdir()
    for name, make in {**IMAGES, **SURFACES, **BAD}.items():
        make(home / name)
    tiny_series(home / "series", shape=(20, 18, 8))
    paths = [str(path) for path in sorted(home.rglob("*")) if path.is_file()]
    service.post("/files/add", {"project": "default", "paths": paths, "tags": []})
    return str(row["psid"])


def layers(desktop: Desktop) -> list[dict[str, Any]]:
    """Names and states of what is shown."""
    script = "() => window.__viewer.viewer.layers.map((l) => ({ name: l.name, status: l.status }))"
    found: list[dict[str, Any]] = desktop.page.evaluate(script)
    return found


def test_VIEW_03_an_image_of_every_format_opens_with_a_double_click(
    desktop: Desktop, formats: str
) -> None:
    page = desktop.page
    page.evaluate("() => window.__viewer.viewer.setLayout('1x1')")
    value = """([name, spot]) => {
      const layer = window.__viewer.viewer.layers.find((l) => l.name === name);
      return layer && layer.status === "ready" ? layer.volume.value(spot) : null;
    }"""
    for name in IMAGES:
        desktop.open_file(name)
        wait_until(
            lambda name=name: page.evaluate(value, [name, list(SPOT)]) == 1234,
            f"{name} with the value of its voxel",
            within_s=30,
        )


def test_VIEW_03_a_dicom_object_opens_as_the_series_it_belongs_to(
    desktop: Desktop, formats: str
) -> None:
    page = desktop.page
    page.evaluate("() => window.__viewer.viewer.setLayout('1x1')")
    rows = desktop.service.items("/projects/default/files")
    objects = [row["name"] for row in rows if "formats/series" in row["path"]]
    desktop.open_file(objects[0])
    desktop.drawn()
    shape = page.evaluate("() => [...window.__viewer.viewer.layers[0].volume.shape]")
    assert shape[2] == len(objects) > 1
    assert desktop.grey_pixels() > 100


def test_of_complex_values_another_part_is_chosen(desktop: Desktop, formats: str) -> None:
    page = desktop.page
    page.evaluate("() => window.__viewer.viewer.setLayout('1x1')")
    desktop.open_file("f6.nii.gz")
    value = """(spot) => {
      const layer = window.__viewer.viewer.layers[0];
      return layer && layer.status === "ready" ? layer.volume.value(spot) : null;
    }"""

    def shows(wanted: float) -> None:
        wait_until(
            lambda: abs((page.evaluate(value, list(SPOT)) or 0) - wanted) < 1e-3,
            f"the value {wanted}",
            within_s=30,
        )

    shows(1234)
    page.get_by_test_id("layer-bar").first.locator("button.name").click()
    choice = page.get_by_test_id("layer-panel").get_by_label("Values")
    choice.select_option("Phase (rad)")
    shows(np.pi / 2)
    page.get_by_text("f6.nii.gz · phase").first.wait_for()
    link = page.evaluate("() => window.__viewer.viewer.layers[0].row.volume_url")
    assert link.endswith("?part=phase")


@pytest.mark.parametrize("name", list(SURFACES))
def test_VIEW_30_a_surface_or_fibres_of_every_format_are_seen_in_3d(
    desktop: Desktop, formats: str, name: str
) -> None:
    page = desktop.page
    page.evaluate("() => window.__viewer.viewer.setLayout('1x1')")
    desktop.open_file(name)
    canvas = page.get_by_label("3D", exact=True)
    canvas.wait_for()

    def bright() -> bool:
        pixels = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("L"))
        return bool((pixels[60:-60, 60:-60] > 70).sum() > 300)

    wait_until(bright, "the surface", within_s=60)
    assert layers(desktop) == [{"name": name, "status": "ready"}]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("bad.obj", "vertex that does not exist"),
        ("cut.nii.gz", "damaged"),
        ("what.nrrd", "not a readable"),
    ],
)
def test_a_bad_file_of_the_service_says_why_and_the_rest_goes_on(
    desktop: Desktop, watched: Watched, formats: str, name: str, says: str
) -> None:
    page = desktop.page
    page.evaluate("() => window.__viewer.viewer.setLayout('1x1')")
    desktop.open_file(name)
    alert = page.locator('[data-viewport="0"] [role="alert"]')
    alert.get_by_text(says).wait_for()
    alert.get_by_role("button", name="Close").click()
    page.evaluate("() => (window.__viewer.viewer.viewports[0].kind = 'axial')")
    desktop.open_file("f2.nii")
    desktop.drawn()
    assert desktop.grey_pixels() > 100
    # The browser itself complains of the answer that the viewport has shown.
    watched.errors[:] = [one for one in watched.errors if "status of 422" not in one]


DROP = """(files) => {
  const carried = new DataTransfer();
  for (const [name, text] of files) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    carried.items.add(new File([bytes], name));
  }
  const box = document.querySelector('[data-viewport="0"]');
  const tell = (node, kind) =>
    node.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true,
                                             dataTransfer: carried }));
  tell(box, "dragenter");
  return new Promise((resolve) => requestAnimationFrame(() => {
    tell(box.querySelector('[data-drop="background"]'), "drop");
    resolve();
  }));
}"""


def dropped(page: Any, paths: list[Path]) -> None:
    """Drop files of this computer on the first viewport."""
    files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    page.evaluate(DROP, files)


def test_VIEW_04_images_of_other_formats_are_converted_in_the_page_and_never_leave_it(
    browser: Browser, service: Service, tmp_path: Path
) -> None:
    as_converted(tmp_path / "own.mgz")
    as_converted(tmp_path / "own.nrrd")
    as_nifti2(tmp_path / "own.nii")
    (tmp_path / "series").mkdir()
    series = tiny_series(tmp_path / "series", shape=(20, 18, 8))
    known = {"value": 1234, "spot": list(SPOT)}
    drops: list[tuple[str, list[Path], dict[str, Any]]] = [
        ("own.mgz", [tmp_path / "own.mgz"], known),
        ("own.nrrd", [tmp_path / "own.nrrd"], known),
        ("own.nii", [tmp_path / "own.nii"], known),
        (series[0].name, series, {"slices": len(series)}),
    ]
    script = """(name) => {
      const layer = window.__viewer.viewer.layers.find((l) => l.name === name);
      if (layer?.status !== "ready") return null;
      return { value: layer.volume.value([5, 6, 7]), shape: [...layer.volume.shape] };
    }"""
    with watched_page(browser, width=1280, height=800) as watched:
        page = watched.page
        Desktop(page, service).log_in()
        page.locator('[data-viewport="0"]').wait_for()
        sent: list[Any] = []

        def note(request: Any) -> None:
            sent.append(request)

        page.on("request", note)
        for name, paths, wanted in drops:
            dropped(page, paths)
            found = wait_until(
                lambda name=name: page.evaluate(script, name),
                f"{name} in the viewport",
                within_s=30,
            )
            if "slices" in wanted:
                assert found["shape"][2] == wanted["slices"]
            else:
                assert found["value"] == wanted["value"]
        # Whatever the page asks of its own service meanwhile carries nothing of the files.
        assert watched.foreign(service.url) == []
        assert [one.url for one in sent if one.method != "GET" or "own." in one.url] == []
        assert watched.errors == []


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("bad.ply", lambda path: ply(path, last=99), "vertex that does not exist"),
        ("bad.obj", lambda path: obj(path, last=99), "vertex that does not exist"),
        ("cut.mgz", lambda path: path.write_bytes(gzip.compress(bytes(400))[:-9]), "damaged"),
        ("cut.nii.gz", as_cut, "damaged"),
        ("what.nrrd", lambda path: path.write_bytes(b"NRRD0004\nsomething\n\n"), "no size"),
        ("scan.dcm", lambda path: path.write_bytes(bytes(128) + b"DICM"), "no image"),
    ],
)
def test_VIEW_04_a_bad_file_of_this_computer_says_why(
    desktop: Desktop, tmp_path: Path, name: str, make: Callable[[Path], Any], says: str
) -> None:
    make(tmp_path / name)
    dropped(desktop.page, [tmp_path / name])
    alert = desktop.page.locator('[data-viewport] [role="alert"]')
    alert.get_by_text(says).first.wait_for()
    alert.get_by_role("button", name="Close").first.click()
    alert.first.wait_for(state="detached")
