"""Atlases with names and colours of their labels, and the way from a voxel to its stored value."""

from __future__ import annotations

from typing import Any

import nibabel as nib
import numpy as np
import pytest

from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.conftest import OVERLAY_AFFINE
from tests.web.pages import Desktop

pytestmark = [pytest.mark.browser, pytest.mark.system]

IMAGE = "t1_mprage_3/s001.nii"
TABLE = "index\tname\tcolor\n17\tLeft-Hippocampus\t#00ff00\n2035\tctx-rh-insula\t#ff0000\n"
SHAPE = (24, 22, 20)

# Pixels of the first viewport that are clearly of a colour: [red, green].
COLOURED = """() => {
  const { engine, viewer } = window.__viewer;
  engine.finish();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [engine.canvas.width, engine.canvas.height];
  const paper = canvas.getContext("2d");
  paper.drawImage(engine.canvas, 0, 0);
  const { data } = paper.getImageData(0, 0, canvas.width, canvas.height);
  let [red, green] = [0, 0];
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] > data[i + 1] + 60 && data[i] > data[i + 2] + 60) red++;
    if (data[i + 1] > data[i] + 60 && data[i + 1] > data[i + 2] + 60) green++;
  }
  return [red, green];
}"""


@pytest.fixture(scope="module")
def atlas(service: Service) -> dict[str, Any]:
    """A map of two labels of which one has a large number, with its table and its tag."""
    row = service.items("/projects/default/studies")[0]
    subject, study = row["psid"].split("#", 1)
    labels = np.zeros(SHAPE, np.int16)
    labels[4:20, 4:18, 2:10] = 17
    labels[4:20, 4:18, 10:18] = 2035
    image = nib.Nifti1Image(labels, OVERLAY_AFFINE)
    for name, body in (("parcels.nii", image.to_bytes()), ("parcels.tsv", TABLE.encode())):
        key = service.upload(name, body, subject=subject, study=study)["key"]
        assert service.closed(key)["state"] == "done"
    files = service.items("/projects/default/files")
    found = next(one for one in files if one["name"] == "parcels.nii")
    service.post("/tags", {"level": "file", "ids": [found["id"]], "add": ["atlas"]})
    return {"id": found["id"], "study": row["id"]}


def layer(desktop: Desktop, script: str) -> Any:
    """Ask something of the atlas layer."""
    found = "window.__viewer.viewer.layers.find((l) => l.name === 'parcels.nii')"
    return desktop.page.evaluate(f"() => {{ const layer = {found}; return {script}; }}")


def opened(desktop: Desktop) -> Any:
    """Show the image with the atlas over it and open the list of its labels."""
    page = desktop.page
    desktop.open_file(IMAGE)
    desktop.drawn()
    desktop.open_file("parcels.nii")
    desktop.wait_state(
        lambda s: any(one["role"] == "labels" for one in s["layers"]), "the atlas lies over it"
    )
    page.get_by_role("button", name="Labels of this atlas").first.click()
    panel = page.get_by_test_id("atlas")
    panel.get_by_text("Names from parcels.tsv").wait_for()
    return panel


def test_VIEW_x05_an_atlas_names_its_labels_and_shows_one_alone(
    desktop: Desktop, atlas: dict[str, Any]
) -> None:
    page = desktop.page
    page.evaluate("() => window.__viewer.viewer.setLayout('1x1')")
    panel = opened(desktop)
    layer(desktop, "(layer.opacity = 1)")
    page.evaluate("() => (window.__viewer.viewer.viewports[0].kind = 'coronal')")
    panel.get_by_role("button", name="Go to ctx-rh-insula").first.click()
    wait_until(
        lambda: "2035 ctx-rh-insula" in desktop.status(), "the label under the cursor", within_s=30
    )
    assert "ctx-rh-insula" in page.get_by_test_id("atlas-here").inner_text()
    wait_until(lambda: min(page.evaluate(COLOURED)) > 300, "both colours of the table")
    panel.get_by_role("button", name="Show only Left-Hippocampus").click()
    wait_until(lambda: page.evaluate(COLOURED)[0] == 0, "the other label is gone")
    assert page.evaluate(COLOURED)[1] > 300
    panel.get_by_role("button", name="Show all").click()
    panel.get_by_label("Colour of Left-Hippocampus").evaluate(
        "box => { box.value = '#ff0000'; box.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    wait_until(lambda: page.evaluate(COLOURED)[1] == 0, "all of it is red")
    panel.get_by_label("Find a label").fill("insu")
    wait_until(lambda: panel.locator("[data-label]").count() == 1, "the search narrows the list")
    panel.get_by_label("Find a label").fill("17")
    assert panel.locator("[data-label]").get_attribute("data-label") == "17"


def test_ROI_x05_a_label_of_an_atlas_becomes_a_roi_on_its_grid(
    desktop: Desktop, atlas: dict[str, Any]
) -> None:
    page = desktop.page
    panel = opened(desktop)
    panel.get_by_role("button", name="ROI from ctx-rh-insula").click()
    page.get_by_test_id("roi-row").get_by_text("ctx-rh-insula").first.wait_for()
    made = """() => {
      const roi = window.__viewer.viewer.layers.find((l) => l.title === 'ctx-rh-insula');
      const data = roi.volume.data;
      return { shape: [...roi.volume.shape], n: data.reduce((a, b) => a + b, 0),
               colour: [...roi.colour], affine: [...roi.volume.affine] };
    }"""
    found = page.evaluate(made)
    assert found["shape"] == list(SHAPE)
    assert found["n"] == 16 * 14 * 8
    assert found["colour"] == [255, 0, 0]
    assert np.allclose(np.reshape(found["affine"], (4, 4)), OVERLAY_AFFINE, atol=1e-4)
    # What was made of it is unsaved; the page may go without asking.
    page.evaluate("() => window.__viewer.viewer.closeAll()")


def test_an_atlas_opens_as_labels_also_when_it_is_alone(
    desktop: Desktop, atlas: dict[str, Any]
) -> None:
    desktop.open_file("parcels.nii")
    desktop.drawn()
    assert [one["role"] for one in desktop.state()["layers"]] == ["labels"]


def test_a_value_leads_to_its_dicom_object(desktop: Desktop, atlas: dict[str, Any]) -> None:
    page = desktop.page
    desktop.open_file(IMAGE)
    desktop.drawn()
    page.get_by_test_id("viewer-status").get_by_role("button").click()
    panel = page.get_by_test_id("source")
    panel.get_by_test_id("source-badge").wait_for()
    assert panel.get_by_test_id("source-badge").inner_text() == "Equal to the stored value"
    before = panel.locator('[data-fact="Object"]').inner_text()
    voxel = desktop.state()["voxel"]
    box = desktop.viewport().bounding_box()
    assert box is not None
    page.get_by_test_id("viewer").hover()
    page.keyboard.press("ArrowUp")
    page.mouse.click(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.45)
    state = desktop.wait_state(lambda s: s["voxel"] != voxel, "another voxel")
    i, j, k = state["voxel"]
    asked = desktop.service.items("/projects/default/files")
    image = next(one for one in asked if one["path"] == IMAGE)
    told = desktop.service.get(f"/files/{image['id']}/source", i=i, j=j, k=k)
    wait_until(
        lambda: panel.locator('[data-fact="Row"] .told').inner_text() == str(told["row"]),
        "the row of the voxel",
        within_s=30,
    )
    assert panel.locator('[data-fact="Object"] .told').inner_text() == told["sop_uid"]
    assert panel.locator('[data-fact="Column"] .told').inner_text() == str(told["column"])
    assert before
    panel.get_by_role("button", name="Header of this object").click()
    lines = panel.get_by_test_id("dicom-header")
    lines.get_by_text(told["sop_uid"]).first.wait_for()
    panel.get_by_label("Find in the header").fill("patient")
    assert "PatientName" not in lines.inner_text()


def test_a_derived_image_says_why_it_has_no_source(desktop: Desktop, atlas: dict[str, Any]) -> None:
    page = desktop.page
    desktop.open_file("parcels.nii")
    desktop.drawn()
    page.get_by_test_id("viewer-status").get_by_role("button").click()
    panel = page.get_by_test_id("source")
    panel.get_by_text("its DICOM objects are not kept here").wait_for()
    assert "Equal" not in panel.inner_text()
