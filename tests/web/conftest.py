"""One Chromium for all browser tests; a page fails its test when anything went wrong in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest

from tests.support.browser import Watched, chromium, watched_page
from tests.support.needs import needs
from tests.support.samples import OBLIQUE, blob, tiny_series, zip_of
from tests.support.service import Service
from tests.web.pages import Desktop

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SHAPE = (48, 44, 40)
OVERLAY_AFFINE = OBLIQUE @ np.diag([2.0, 2.0, 2.0, 1.0])


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser, started once."""
    needs("chromium")
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one study: an oblique image and a label map on a coarser grid of its own.

    Each module has its own, so that files which one adds are in no other one's way.
    """
    root = tmp_path_factory.mktemp("web")
    running = Service(root / "data").start()
    try:
        fill(running, root)
        yield running
    finally:
        running.stop()


def fill(service: Service, root: object) -> None:
    """Put the study in."""
    paths = tiny_series(root / "series", shape=SHAPE)  # type: ignore[operator]
    receipt = service.closed(service.upload("series.zip", zip_of(paths))["key"])
    assert receipt["state"] == "done", receipt
    subject, study = receipt["studies"][0].split("#", 1)
    labels = (blob((24, 22, 20)) > 100).astype(np.uint8)
    body = nib.Nifti1Image(labels, OVERLAY_AFFINE).to_bytes()
    key = service.upload("brain_labels.nii", body, subject=subject, study=study)["key"]
    assert service.closed(key)["state"] == "done"


@pytest.fixture
def watched(browser: Browser, service: Service) -> Iterator[Watched]:
    """A fresh page; at the end it must have no error and have asked nobody else."""
    with watched_page(browser, width=1280, height=800) as watched:
        yield watched
        assert not watched.errors, watched.errors
        assert not watched.foreign(service.url)


@pytest.fixture
def desktop(watched: Watched, service: Service) -> Desktop:
    """The main screen, logged in."""
    return Desktop(watched.page, service).log_in()
