"""Tables, texts, trees, pages and pictures in a real browser; nothing in them runs."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.support.browser import Watched, watched_page
from tests.support.service import Service, free_port
from tests.support.waiting import wait_until
from tests.vectors.make_sheets import workbook
from tests.web.pages import Desktop
from tests.web.test_viewer_access import axe

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.system]

LONG = "participant,age,group,score\n" + "".join(
    f"sub-{i:04d},{20 + i % 60},{'ab'[i % 2]},{i * 0.5}\n" for i in range(3000)
)
FAR = f"http://127.0.0.1:{free_port()}"
HOSTILE = """<html><head><meta http-equiv="refresh" content="0;url=FAR/go">
<script>window.top.__ran = true; fetch("/api/v1/projects")</script>
<link rel="stylesheet" href="FAR/x.css"></head>
<body onload="window.top.__ran = true"><h1>Report</h1><p style="color: red">All is well</p>
<img src="FAR/pixel.png" onerror="window.top.__ran = true">
<img src="/api/v1/session"><iframe src="FAR/"></iframe>
<form action="FAR/post"><button>Send</button></form>
<a href="FAR/away" target="_top">away</a> <a href="/api/v1/session">own</a></body></html>"""
HOSTILE = HOSTILE.replace("FAR", FAR)
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40" onload="top.__ran = 1">
<script>window.top.__ran = true</script><rect width="80" height="40" fill="#00ff00"/>
<image href="FAR/x.png"/></svg>""".replace("FAR", FAR)
TREE = {"mask": {"volume": 12.5, "parts": [1, 2]}, "empty": {}}


def pdf_bytes() -> bytes:
    """A PDF of two pages, the second all red."""
    pages = [Image.new("RGB", (300, 200), "white"), Image.new("RGB", (300, 200), "red")]
    ImageDraw.Draw(pages[0]).rectangle((50, 50, 100, 100), fill="blue")
    stream = io.BytesIO()
    pages[0].save(stream, "PDF", save_all=True, append_images=pages[1:])
    return stream.getvalue()


def sheet_bytes() -> bytes:
    """A workbook of two sheets; a formula has the value it had when it was saved."""
    rows = "".join(
        f'<row><c t="inlineStr"><is><t>sub-{n:02d}</t></is></c><c><v>{n * 1.5}</v></c>'
        f"<c><f>WEBSERVICE(A1)</f><v>{n * 10}</v></c></row>"
        for n in range(1, 41)
    )
    titles = "".join(
        f'<c t="inlineStr"><is><t>{title}</t></is></c>' for title in ("subject", "dose", "score")
    )
    return workbook([("Doses", "visible", f"<row>{titles}</row>{rows}"), ("b", "visible", "")])


def tif_bytes() -> bytes:
    """A TIFF of two pages."""
    stream = io.BytesIO()
    pages = [Image.new("L", (64, 48), grey) for grey in (60, 200)]
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    return stream.getvalue()


FILES = {
    "scores.csv": LONG.encode(),
    "numbers.json": json.dumps(TREE).encode(),
    "notes.txt": "first line\nsecond line ä\n".encode(),
    "report.html": HOSTILE.encode(),
    "drawing.svg": SVG.encode(),
    "report.pdf": pdf_bytes(),
    "pages.tif": tif_bytes(),
    "book.xlsx": sheet_bytes(),
}
DAMAGED = {
    "cut.xlsx": (sheet_bytes()[:300], "not a readable spreadsheet"),
    "cut.pdf": (pdf_bytes()[:200], "could not be shown"),
    "cut.tif": (tif_bytes()[:40], "not a readable picture"),
    "cut.png": (b"\x89PNG\r\n\x1a\nnothing else", "not a readable picture"),
    "noise.csv": (b"\xff\xfe\x00\x01" * 40, "is no text"),
    "cut.json": (b'{"a": [1, 2', "no valid JSON"),
}


@pytest.fixture(scope="module")
def documents(service: Service) -> dict[str, int]:
    """Ids of the documents, put into the one study."""
    subject, study = service.items("/projects/default/studies")[0]["psid"].split("#", 1)
    for name, body in FILES.items():
        key = service.upload(name, body, subject=subject, study=study)["key"]
        assert service.closed(key)["state"] == "done"
    lay_damaged(service)
    rows = service.items("/projects/default/files")
    return {row["name"]: row["id"] for row in rows if row["name"] in {*FILES, *DAMAGED}}


def lay_damaged(service: Service) -> None:
    """Put files into the folder of the study that an upload would have refused."""
    row = next(r for r in service.items("/projects/default/files") if r["name"] == "s001.nii")
    selected = service.post("/select", {"project": "default", "selector": "*s001.nii"})
    place = Path(selected["items"][0]["absolute_path"])
    home = place.parents[len(Path(row["path"]).parts) - 1] / "damaged"
    home.mkdir()
    for name, (body, _) in DAMAGED.items():
        (home / name).write_bytes(body)
    paths = [str(path) for path in sorted(home.iterdir())]
    service.post("/files/add", {"project": "default", "paths": paths, "tags": []})


class Stranger:
    """A server of somebody else that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", int(FAR.rpartition(":")[2])), Handler)


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    """The server that hostile files name; it answers for as long as the test."""
    one = Stranger()
    thread = threading.Thread(target=one.server.serve_forever, daemon=True)
    thread.start()
    try:
        assert httpx.get(f"{FAR}/here").status_code == 200
        assert one.asked == ["/here"]
        one.asked.clear()
        yield one
    finally:
        one.server.shutdown()
        one.server.server_close()
        thread.join()


def counted(desktop: Desktop) -> str:
    """What the table says of its rows."""
    return desktop.page.get_by_test_id("table-count").inner_text()


def test_a_table_is_sorted_filtered_narrowed_and_drawn(
    desktop: Desktop, documents: dict[str, int]
) -> None:
    page = desktop.page
    assert set(documents) == {*FILES, *DAMAGED}
    desktop.open_file("scores.csv")
    page.get_by_role("cell", name="sub-0000").wait_for()
    assert counted(desktop) == "3 000 rows"
    page.get_by_role("button", name="score", exact=True).click()
    page.get_by_role("button", name="score", exact=True).click()
    page.get_by_role("cell", name="sub-2999").wait_for()
    page.get_by_label("Filter age").fill(">=79")
    wait_until(lambda: counted(desktop) == "50 of 3 000 rows", "fifty rows are left")
    page.get_by_label("Find in all columns").fill("sub-0059")
    page.get_by_role("cell", name="sub-0059").wait_for()
    page.get_by_role("button", name="Clear filters").first.click()
    wait_until(lambda: counted(desktop) == "3 000 rows", "all rows again")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("complementary", name="Columns").get_by_label("group").uncheck()
    wait_until(lambda: page.get_by_label("Filter group").count() == 0, "the column is gone")
    page.get_by_role("region", name="scores.csv").evaluate("box => (box.scrollTop = 28 * 1500)")
    wait_until(lambda: page.locator("td.index").first.inner_text() != "", "rows further down")
    for tab, label in (("Scatter", "score against age"), ("Histogram", "Histogram of age")):
        page.get_by_role("tab", name=tab).click()
        page.get_by_test_id("table-plot").get_by_role("img", name=label).wait_for()
    page.get_by_role("tab", name="Lines").click()
    page.get_by_test_id("table-plot").locator("polyline").first.wait_for(state="attached")
    page.get_by_role("button", name="Back to the images").click()
    page.get_by_role("tree").wait_for()


def test_E_01_columns_are_correlated_and_groups_compared(
    desktop: Desktop, documents: dict[str, int]
) -> None:
    page = desktop.page
    desktop.go(f"/document/{documents['scores.csv']}")
    page.get_by_role("tab", name="Correlation").click()
    pairs = page.get_by_test_id("correlation")
    pairs.get_by_text("Of 3 000 rows").wait_for()
    assert pairs.get_by_role("rowheader").all_inner_texts() == ["age", "score"]
    ages, scores = [20 + i % 60 for i in range(3000)], [i * 0.5 for i in range(3000)]
    r = np.corrcoef(ages, scores)[0, 1]
    shown = pairs.get_by_role("button")
    assert [text.split()[0] for text in shown.all_inner_texts()] == [f"{r:.2f}"] * 2
    assert axe(page) == []
    page.get_by_label("By rank (Spearman)").check()
    shown.first.click()
    page.get_by_test_id("table-plot").get_by_role("img").wait_for()
    assert page.get_by_label("Across").input_value() == "3"
    page.get_by_role("tab", name="Groups").click()
    groups = page.get_by_test_id("groups")
    groups.get_by_role("rowheader", name="b").wait_for()
    page.get_by_role("combobox", name="Of").select_option("score")
    figures = groups.get_by_role("row").nth(1).get_by_role("cell")
    wait_until(lambda: figures.nth(1).inner_text() == "749.5", "the mean of group a", within_s=30)
    assert figures.nth(0).inner_text() == "1500"
    assert axe(page) == []


def test_E_01_a_spreadsheet_is_a_table(desktop: Desktop, documents: dict[str, int]) -> None:
    page = desktop.page
    desktop.open_file("book.xlsx")
    page.get_by_role("cell", name="sub-01").wait_for()
    assert counted(desktop) == "40 rows"
    assert page.get_by_label("Sheet").locator("option").all_inner_texts()[0] == "Doses"
    page.get_by_label("Filter score").fill(">390")
    page.get_by_role("cell", name="sub-40").wait_for()
    wait_until(lambda: counted(desktop) == "1 of 40 rows", "one row is left")
    page.get_by_label("Sheet").select_option(index=1)
    page.get_by_text("This sheet is empty.").wait_for()
    page.get_by_label("Sheet").select_option(index=0)
    page.get_by_role("cell", name="sub-01").wait_for()


@pytest.mark.parametrize("name", list(DAMAGED))
def test_a_damaged_document_says_why(
    desktop: Desktop, watched: Watched, documents: dict[str, int], name: str
) -> None:
    desktop.go(f"/document/{documents[name]}")
    desktop.page.get_by_text(DAMAGED[name][1]).first.wait_for()
    # The browser itself complains of the answer that the page has shown.
    watched.errors[:] = [one for one in watched.errors if "status of 4" not in one]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", sorted({*FILES} - {"report.html"}))
def test_axe_finds_no_violation_on_the_page_of_a_document(
    desktop: Desktop, documents: dict[str, int], name: str, theme: str
) -> None:
    page = desktop.page
    desktop.go(f"/document/{documents[name]}")
    page.evaluate("theme => document.documentElement.setAttribute('data-theme', theme)", theme)
    page.get_by_role("heading", name=name).wait_for()
    waiting = page.get_by_test_id("document").locator("[role=status]")
    wait_until(lambda: waiting.count() == 0, "the document", within_s=30)
    assert axe(page) == []


def test_a_tree_folds_and_finds(desktop: Desktop, documents: dict[str, int]) -> None:
    page = desktop.page
    desktop.go(f"/document/{documents['numbers.json']}")
    tree = page.get_by_role("tree", name="numbers.json")
    tree.get_by_text("12.5").wait_for()
    assert tree.get_by_role("treeitem").count() == 5
    page.get_by_role("button", name="Unfold all").click()
    wait_until(lambda: tree.get_by_role("treeitem").count() == 7, "all lines")
    page.get_by_role("button", name="Fold all", exact=True).click()
    page.get_by_label("Find a key or value").fill("volume")
    tree.get_by_text("12.5").wait_for()
    page.get_by_role("tab", name="Text").click()
    assert '"volume": 12.5' in page.get_by_test_id("text").inner_text()


def test_a_text_is_shown(desktop: Desktop, documents: dict[str, int]) -> None:
    desktop.go(f"/document/{documents['notes.txt']}")
    assert "second line ä" in desktop.page.get_by_test_id("text").inner_text()


@pytest.mark.parametrize("name", ["report.html", "drawing.svg"])
def test_in_a_hostile_page_nothing_runs_and_nothing_is_fetched(
    browser: Browser, service: Service, documents: dict[str, int], stranger: Stranger, name: str
) -> None:
    with watched_page(browser, width=1280, height=800) as watched:
        page = watched.page
        desktop = Desktop(page, service).log_in()
        answers: list[str] = []
        page.on("response", lambda one: answers.append(f"{one.request.resource_type} {one.url}"))
        desktop.go(f"/document/{documents[name]}")
        if name == "report.html":
            frame = page.frame_locator("iframe")
            frame.get_by_role("heading", name="Report").wait_for()
            frame.get_by_text("away").click()
            frame.get_by_role("button", name="Send").click()
            frame.get_by_text("own").click()
        else:
            shown = page.get_by_role("img", name=name)
            wait_until(lambda: shown.evaluate("img => img.naturalWidth") == 80, "the drawing")
        # Whatever was on its way has arrived when a request made later has been answered.
        page.evaluate("() => fetch('/api/v1/session')")
        assert page.evaluate("() => window.__ran") is None
        assert page.url.endswith(f"/document/{documents[name]}")
        assert stranger.asked == []
        assert not [
            one
            for one in answers
            if one.startswith(("image", "stylesheet /", "script h"))
            and "/assets/" not in one
            and "blob:" not in one
        ]
        assert kept_back_only(watched)


def kept_back_only(watched: Watched) -> bool:
    """Whether the browser complained only of what it has kept back, which is no error of ours."""
    told = ("policy", "sandbox", "refused", "blocked", "violates", "status of 403")
    return all(any(word in error.lower() for word in told) for error in watched.errors)


def test_pictures_and_pdfs_are_shown_page_by_page(
    desktop: Desktop, documents: dict[str, int]
) -> None:
    page = desktop.page
    desktop.go(f"/document/{documents['pages.tif']}")
    shown = page.get_by_role("img", name="pages.tif")
    wait_until(lambda: shown.count() and shown.evaluate("i => i.naturalWidth") == 64, "a picture")
    page.get_by_role("button", name="Next page").click()
    assert page.get_by_test_id("picture-page").inner_text() == "2 / 2"
    desktop.go(f"/document/{documents['report.pdf']}")
    page.locator('canvas[data-page="1"]').wait_for()
    page.get_by_role("button", name="Next page").click()
    page.locator('canvas[data-page="2"]').wait_for()
    middle = page.get_by_test_id("pdf").evaluate(
        "c => [...c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data]"
    )
    assert middle[0] > 240
    assert max(middle[1:3]) < 20


DROP = """([text, name]) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name));
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


@pytest.mark.parametrize("name", ["scores.csv", "book.xlsx", "report.html", "numbers.json"])
def test_VIEW_04_a_document_of_this_computer_never_leaves_it(
    browser: Browser, service: Service, stranger: Stranger, name: str
) -> None:
    with watched_page(browser, width=1280, height=800) as watched:
        page = watched.page
        desktop = Desktop(page, service).log_in()
        page.locator('[data-viewport="0"]').wait_for()
        sent: list[str] = []
        page.on("requestfinished", lambda one: sent.append(f"{one.method} {one.url}"))
        page.evaluate(DROP, [base64.b64encode(FILES[name]).decode(), name])
        page.get_by_text("it is not uploaded").wait_for()
        if name == "scores.csv":
            page.get_by_label("Filter group").fill("b")
            wait_until(lambda: counted(desktop) == "1 500 of 3 000 rows", "half of the rows")
        elif name == "book.xlsx":
            page.get_by_role("cell", name="sub-40").wait_for()
            assert counted(desktop) == "40 rows"
        elif name == "report.html":
            page.frame_locator("iframe").get_by_role("heading", name="Report").wait_for()
            assert page.evaluate("() => window.__ran") is None
        else:
            page.get_by_text("12.5").wait_for()
        # What the page asks of its own service meanwhile carries nothing of the file.
        own = tuple(f"GET {start}" for start in (service.url, "blob:", "about:"))
        assert [one for one in sent if not one.startswith(own) or name in one] == []
        assert stranger.asked == []
        assert kept_back_only(watched)
