"""Bugs of NORA that the viewer does not have: what files and states hold is never run as code."""

from __future__ import annotations

import re

import nibabel as nib
import numpy as np
import pytest

from tests.support.browser import Watched
from tests.support.service import REPOSITORY
from tests.support.waiting import wait_until
from tests.web.pages import Desktop
from tests.web.test_viewer_tools import drop_bytes

SOURCES = REPOSITORY / "webui" / "src"
CODE = "window.ran = true"


def sources() -> dict[str, str]:
    """Every file of the page, by path."""
    found = [path for kind in ("*.ts", "*.svelte") for path in SOURCES.rglob(kind)]
    assert len(found) > 200
    return {str(path.relative_to(SOURCES)): path.read_text(encoding="utf-8") for path in found}


def test_bug_14_no_text_becomes_code() -> None:
    run = re.compile(r"\beval\(|\bnew Function\(|setTimeout\(\s*[\"'`]")
    assert [name for name, text in sources().items() if run.search(text)] == []


def test_bug_17_workers_are_found_wherever_the_page_is_served_from() -> None:
    made = re.compile(r"new Worker\(([^;]*)")
    calls = [call for text in sources().values() for call in made.findall(text)]
    assert calls
    assert all("import.meta.url" in call or "?worker" in call for call in calls), calls


@pytest.mark.browser
@pytest.mark.system
def test_bug_14_headers_and_views_are_read_not_run(desktop: Desktop, watched: Watched) -> None:
    page = desktop.page
    image = nib.Nifti1Image(np.arange(1000, dtype=np.int16).reshape(10, 10, 10), np.eye(4))
    image.header["descrip"] = b"{hlim:[0,1]}); " + CODE.encode()
    drop_bytes(desktop, image.to_bytes(), "own.nii")
    desktop.drawn()
    assert desktop.state()["layers"][0]["name"] == "own.nii"
    page.evaluate(
        """async (code) => {
          const { viewer } = window.__viewer;
          await viewer.restore({ ...viewer.serialize(), post: code, code });
        }""",
        CODE,
    )
    assert page.evaluate("() => window.ran") is None
    refused = """() => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.head.append(script);
      return window.ran === undefined;
    }"""
    assert page.evaluate(refused)
    told = "Content Security Policy"
    wait_until(lambda: any(told in one for one in watched.errors), "the refusal", within_s=30)
    watched.errors[:] = [one for one in watched.errors if told not in one]
