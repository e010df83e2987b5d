"""A volume that is longer than the graphics card takes opens binned, and says so."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.support.waiting import wait_until
from tests.web.pages import Desktop
from tests.web.pictures import n_shades

pytestmark = [pytest.mark.browser, pytest.mark.system]

LIMIT = """() => {
    const gl = document.createElement("canvas").getContext("webgl2");
    return gl.getParameter(gl.MAX_3D_TEXTURE_SIZE);
}"""


def test_a_volume_longer_than_a_texture_opens_binned_and_tells_stored_values(
    desktop: Desktop, tmp_path: Path
) -> None:
    """VIEW-02: as sections of 4k cameras are, with 2048 voxels per axis in software."""
    page, service = desktop.page, desktop.service
    n = int(page.evaluate(LIMIT)) + 256
    values = np.zeros((5, 600, n), np.int16)
    values += (np.arange(n) % 1000).astype(np.int16)
    with mrcfile.new(tmp_path / "long.mrc") as volume:
        volume.set_data(values)
        volume.set_volume()
        volume.voxel_size = 10.0
    body = (tmp_path / "long.mrc").read_bytes()
    key = service.upload("long.mrc", body, subject="B-1", study="2026_01")["key"]
    assert service.closed(key)["state"] == "done"
    page.reload()
    desktop.ready()
    desktop.open_file("long.mrc")
    desktop.drawn()
    expect(page.get_by_text("1/2", exact=True).first).to_be_visible()
    axial = desktop.viewport("axial")
    wait_until(lambda: n_shades(axial) > 100, "its ramp is drawn", within_s=60)
    state = desktop.wait_state(lambda s: s["value"] is not None, "a value is read")
    i, j, k = (round(one) for one in state["voxel"])
    assert float(state["value"]) == values[k, j, i]
    assert "Å" in desktop.status()
