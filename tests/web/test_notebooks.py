"""A job is debugged in JupyterLab, behind the proxy, in the browser (JUP-01..05, JUP-x01)."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from playwright.sync_api import Error, Locator, Page

from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop

# On a busy machine JupyterLab alone takes minutes until its page is there.
pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(900)]

CODE = 'open($o1, "w").write(str(6 * 7))\nprint("answer", 6 * 7)\nraise SystemExit("planted")'


@pytest.fixture
def failed(service: Service) -> str:
    """Key of a Python job that failed."""
    psid = service.items("/projects/default/studies")[0]["psid"]
    args = [{"id": "o1", "kind": "OUT", "value": "debugged/answer.txt TAG(debugged)"}]
    job = {"name": "answer", "language": "python", "code": CODE, "args": args}
    batch = {"project": "default", "name": "debug me", "jobs": [job], "targets": [psid]}
    key = service.post("/batches", batch)["key"]
    rows = wait_until(
        lambda: service.items("/jobs", batch=key, state="e"), "it failed", within_s=120
    )
    return str(rows[0]["key"])


def end(service: Service, key: str) -> None:
    service.post(f"/jobs/{key}/cancel")
    wait_until(
        lambda: service.get(f"/jobs/{key}")["letter"] == "k", "the notebook has ended", within_s=60
    )


def ran(lab: Page, cell: Locator) -> bool:
    """Run a cell; false when nothing came of it, as while the page still attaches its kernel."""
    cell.locator(".cm-content").click()
    lab.keyboard.press("Shift+Enter")
    try:
        cell.locator(".jp-InputPrompt", has_text=re.compile(r"\d")).wait_for(timeout=30_000)
    except Error:
        return False
    return True


def test_JUP_04_05_x01_a_job_is_mended_in_jupyterlab(
    desktop: Desktop, service: Service, failed: str
) -> None:
    page = desktop.go(f"/jobs?state=all&job={failed}").page
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Debug in Jupyter").click()
    lab = opened.value
    asked: list[str] = []
    lab.on("request", lambda request: asked.append(request.url))
    lab.wait_for_url(re.compile(r"/lab/tree/debug/"), timeout=120_000)
    key = lab.url.split("/notebooks/")[1].split("/")[0]
    try:
        assert f":{service.notebook_port}/" in lab.url
        cells = lab.locator(".jp-CodeCell")
        wait_until(lambda: cells.count() == 3, "the cells of the job", within_s=300)
        cells.nth(0).get_by_text("debugged/answer.txt").first.wait_for(timeout=60_000)
        script = cells.nth(1).locator(".cm-content")
        script.click()
        lab.keyboard.press("Control+a")
        lab.keyboard.insert_text('Path(o1).write_text("42"); print("answer", 6 * 7)')
        # Keys before the kernel is there would open a dialog that asks for one.
        lab.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)
        for cell in cells.all():  # one after the other: keys in a row may come too early
            wait_until(
                lambda cell=cell: ran(lab, cell),
                "the cell ran",
                within_s=240,
                show=lambda: lab.locator("body").inner_text()[-3000:],
            )
        cells.nth(1).get_by_text("answer 42").wait_for(timeout=60_000)
        found = wait_until(
            lambda: service.items("/projects/default/files", files="debugged/*"),
            "the output is registered",
            within_s=60,
            show=lambda: cells.nth(2).inner_text(),
        )
        assert found[0]["tags"] == ["debugged"]
        assert service.get("/jobs/" + key)["name"] == "Debug answer"
        home = f"http://127.0.0.1:{service.notebook_port}/"
        ours = (home, home.replace("http", "ws"), "data:", "blob:", "about:")
        assert [url for url in asked if not url.startswith(ours)] == []
    finally:
        lab.close()
        end(service, key)


def test_JUP_01_02_nobody_else_gets_to_a_notebook(desktop: Desktop, service: Service) -> None:
    page = desktop.page
    page.get_by_role("button", name="User and settings").click()
    page.get_by_role("menuitem", name=re.compile("JupyterLab")).click()
    dialog = page.get_by_role("dialog", name="JupyterLab")
    dialog.get_by_label("Memory").fill("0.5")
    with page.context.expect_page() as opened:
        dialog.get_by_role("button", name="Start and open").click()
    lab = opened.value
    lab.wait_for_url(re.compile("/lab"), timeout=120_000)
    lab.get_by_role("main").first.wait_for(timeout=120_000)
    key = lab.url.split("/notebooks/")[1].split("/")[0]
    home = f"http://127.0.0.1:{service.notebook_port}/notebooks/{key}/"
    try:
        cookie = {"Cookie": "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())}
        assert _ok(httpx.get(f"{home}api/status", headers=cookie))
        for headers, status in (
            ({}, 401),
            ({"Cookie": "nora_session=guessed"}, 401),
            ({**cookie, "Host": "evil.example"}, 403),
            ({**cookie, "Origin": service.url}, 403),
            ({**cookie, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
            ({**cookie, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ):
            assert httpx.get(f"{home}api/status", headers=headers).status_code == status, headers
        sent = httpx.post(f"{home}api/kernels", headers=cookie, json={"name": "python3"})
        assert sent.status_code == 403  # it does not say which page it comes from
        facts = json.loads(
            next((service.root / "jobs" / key).glob("*/notebook.json")).read_text("utf-8")
        )
        with_token = {"Authorization": f"token {facts['token']}"}
        assert httpx.get(f"{home}api/status", headers=with_token).status_code == 401
        # What a notebook shows cannot read the API: another origin, and the token stays inside.
        refused = lab.evaluate(
            "url => fetch(url, {credentials: 'include'}).then(r => r.status, () => 'refused')",
            f"{service.url}/api/v1/session",
        )
        assert refused == "refused"
        assert "nora_session" not in lab.evaluate("document.cookie")
    finally:
        lab.close()
        end(service, key)
    wait_until(
        lambda: httpx.get(f"{home}lab", headers=cookie).status_code == 410, "it says it has ended"
    )


def _ok(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and "kernels" in answer.json()
