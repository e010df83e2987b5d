"""Autoexecution in a real browser: a rule is made, tried, and runs on what is uploaded (GEN-07)."""

from __future__ import annotations

import nibabel as nib
import numpy as np
from playwright.sync_api import expect

from tests.web.pages import Desktop

JOB = {
    "name": "count",
    "language": "bash",
    "code": 'wc -c < "$f1" > "$o1"',
    "args": [
        {"id": "f1", "kind": "FILE", "value": "*.nii", "take": "first"},
        {"id": "o1", "kind": "OUT", "value": "n.txt TAG(counted)"},
    ],
}


def send(desktop: Desktop, subject: str) -> None:
    """Upload an image and wait until it is in."""
    body = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4)).to_bytes()
    key = desktop.service.upload("a.nii", body, "routed", subject=subject, study="2024")["key"]
    assert desktop.service.closed(key)["state"] == "done"


def test_PROJ_x08_a_rule_is_made_tried_and_runs_on_what_arrives(desktop: Desktop) -> None:
    page, http = desktop.page, desktop.service.http
    http.post("/projects", json={"name": "routed"}).raise_for_status()
    query = {"project": "routed"}
    http.put("/batches/saved/counting", params=query, json={"jobs": [JOB]}).raise_for_status()
    send(desktop, "R-1")

    desktop.go("/projects/settings?project=routed&tab=auto")
    expect(page.get_by_text("No rules yet")).to_be_visible()
    page.get_by_role("button", name="Add a rule").click()
    page.get_by_label("Requires").fill("*.nii")
    page.get_by_label("Done when").fill("FTAG:counted")
    page.get_by_label("Quiet time (min)").fill("0")
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_text("1 of 1 study would be taken")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="counting")).to_be_visible()

    send(desktop, "R-2")
    fired = page.get_by_role("row").filter(has_text="R-2#2024")
    expect(fired.get_by_role("link", name="started")).to_be_visible(timeout=30_000)

    page.get_by_role("button", name="Change counting").click()
    page.get_by_role("button", name="Try").click()
    page.get_by_role("button", name="Run on these").click()
    expect(page.get_by_text("1 batch was started")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="R-1#2024").last).to_be_visible()
    page.get_by_role("button", name="Delete counting").click()
    expect(page.get_by_text("No rules yet")).to_be_visible()
