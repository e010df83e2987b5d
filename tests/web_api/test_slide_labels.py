"""Who is on the label of a slide is shown with the right to know it alone, and put on record."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from appliance.catalog import OperationQuery, list_operations
from tests.formats.test_slide_attachments import jpeg, write
from tests.support.czi import attach
from tests.web_api.conftest import Site, add_file


@pytest.fixture(scope="module")
def slide(site: Site, tmp_path_factory: pytest.TempPathFactory) -> int:
    path = write(tmp_path_factory.mktemp("czi") / "a.czi", np.ones((20, 30, 1), np.uint16))
    attach(path, [("Label", "JPG", jpeg(np.full((40, 80, 3), 90, np.uint8)))])
    return add_file(site.services, "HQ_Images/a.czi", path.read_bytes(), "other")


def test_SPA_04_a_label_is_shown_and_put_on_record(site: Site, slide: int) -> None:
    """That other callers are refused is asked of every route in test_rights.py."""
    with site.local() as http:
        answer = http.get(f"/slides/{slide}/label.jpeg")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert answer.headers["cache-control"] == "no-store"
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert picture.size == (40, 80)
        assert http.get(f"/slides/{slide}/macro.jpeg").status_code == 404
        assert http.get(f"/slides/{slide}/other.jpeg").status_code == 404
        other = add_file(site.services, "notes/plain.txt", b"x", "text")
        assert http.get(f"/slides/{other}/label.jpeg").status_code == 422
    with site.services.catalog.read() as con:
        done = [one for one in list_operations(con, OperationQuery()).items if one.verb == "reveal"]
    assert [(one.target["file_id"], one.target["photograph"]) for one in done] == [(slide, "label")]


def test_SPA_04_a_reader_is_not_shown_a_label(site: Site, slide: int) -> None:
    with site.bearer(scope="reader") as http:
        assert http.get(f"/slides/{slide}/label.jpeg").status_code in (401, 403)
    with site.anonymous() as http:
        assert http.get(f"/api/v1/slides/{slide}/label.jpeg").status_code == 401
