"""Autoloader and quality control: from a snapshot of one case to a rated cohort."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from appliance.upkeep.demo_dicom import MadePatient
from tests.support.browser import Watched, watched_page
from tests.support.samples import tiny_series, zip_of
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.pages import Desktop
from tests.web.roi_tool import RoiTool

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Route

pytestmark = [pytest.mark.browser, pytest.mark.system]

N = 3
SMART = "t1_mprage*/s*.nii"
ENTRY = {"pattern": SMART}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with three subjects, whose series have other numbers each time."""
    root = tmp_path_factory.mktemp("cohort")
    running = Service(root / "data").start()
    try:
        for n in range(N):
            patient = MadePatient(
                name=f"COHORT^{n}", patient_id=f"COHORT-{n}", study_date=f"2024060{9 - n}"
            )
            paths = tiny_series(root / str(n), number=3 + 4 * n, patient=patient)
            key = running.upload(f"{n}.zip", zip_of(paths))["key"]
            assert running.closed(key)["state"] == "done"
        yield running
    finally:
        running.stop()


@pytest.fixture
def names(cohort: Service) -> list[str]:
    """Names of the cases in the order of the table, without any rating."""
    rows = cohort.items("/projects/default/studies", sort="-date")
    for row in rows:
        if row["tags"]:
            body = {"level": "study", "ids": [row["id"]], "remove": row["tags"]}
            cohort.post("/tags", body)
    return [row["psid"] for row in rows]


@pytest.fixture
def watched(browser: Browser, cohort: Service) -> Iterator[Watched]:
    """A fresh page; at the end it must have no error and have asked nobody else."""
    with watched_page(browser, width=1280, height=800) as page:
        yield page
        assert not page.errors, page.errors
        assert not page.foreign(cohort.url)


@pytest.fixture
def desktop(watched: Watched, cohort: Service) -> Desktop:
    """The main screen, logged in."""
    watched.page.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    return Desktop(watched.page, cohort).log_in()


class Walker:
    """The strip above the images as a test sees it."""

    def __init__(self, desktop: Desktop) -> None:
        self.desktop, self.page = desktop, desktop.page

    @property
    def bar(self) -> Locator:
        """The strip itself."""
        return self.page.get_by_test_id("case-bar")

    def menu(self, item: str) -> None:
        """Take an item of the menu in the top bar."""
        self.page.get_by_role("banner").get_by_role("button", name="Autoloader").click()
        found = self.page.get_by_role("menuitem", name=item, exact=True).or_(
            self.page.get_by_role("menuitemcheckbox", name=item, exact=True)
        )
        found.first.click()

    def shows(self, name: str) -> None:
        """Wait until a case is in sight, and nothing but its images."""
        script = """name => {
            const layers = window.__viewer?.viewer.layers ?? [];
            return layers.length > 0
                && layers.every((one) => one.subject === name && one.status === 'ready');
        }"""
        self.named(name)
        self.page.wait_for_function(script, arg=name, timeout=30_000)
        expect(self.bar).to_have_attribute("data-settled", "true")

    def named(self, name: str) -> None:
        """Wait until the strip names a case."""
        expect(self.page.get_by_test_id("case-name")).to_have_text(name.replace("#", " · "))

    def press(self, key: str) -> None:
        """Press a key while nothing has the focus."""
        self.page.evaluate("() => document.activeElement?.blur?.()")
        self.page.keyboard.press(key)

    def on_first(self, names: list[str]) -> None:
        """Show the first case, take a smart snapshot and wait for the strip."""
        self.desktop.open_file("s001.nii")
        self.desktop.drawn()
        self.menu("Smart: numbers become wildcards")
        self.shows(names[0])


@pytest.fixture
def walker(desktop: Desktop) -> Walker:
    """The autoloader on a fresh page."""
    return Walker(desktop)


def keep(cohort: Service, name: str, **preset: Any) -> dict[str, Any]:
    """Keep a preset on the service."""
    body = {"name": name, "preset": {"entries": [ENTRY], **preset}}
    answer = cohort.http.post("/presets", params={"project": "default"}, json=body)
    assert answer.is_success, answer.text
    made: dict[str, Any] = answer.json()
    return made


def forget(cohort: Service, *rows: dict[str, Any]) -> None:
    """Delete presets again, so that other tests begin without one."""
    for row in rows:
        cohort.http.delete(f"/presets/{row['key']}").raise_for_status()


def tags_of(cohort: Service, psid: str) -> list[str]:
    """Tags of a study."""
    rows = cohort.items("/projects/default/studies")
    return next(row["tags"] for row in rows if row["psid"] == psid)


def test_AUTO_01_AUTO_02_VIEW_24_a_snapshot_of_one_case_shows_the_next_by_arrow_keys(
    walker: Walker, names: list[str]
) -> None:
    page = walker.page
    walker.on_first(names)
    expect(page.get_by_test_id("case-place")).to_have_text(f"1 of {N}")
    page.evaluate("() => window.__viewer.viewer.setCrosshair([1, 2, 3])")
    walker.press("ArrowDown")
    walker.shows(names[1])
    expect(page.get_by_test_id("case-place")).to_have_text(f"2 of {N}")
    # The table goes along, and so does the place in the image.
    row = page.get_by_role("treeitem").filter(has_text=names[1].split("#")[0])
    expect(row.get_by_role("checkbox").first).to_be_checked()
    assert page.evaluate("() => window.__viewer.state.crosshair") == [1, 2, 3]
    walker.press("ArrowDown")
    walker.shows(names[2])
    walker.press("ArrowDown")
    expect(page.get_by_text("This is the last case")).to_be_visible()
    walker.press("ArrowUp")
    walker.shows(names[1])


def test_AUTO_x06_the_next_case_is_fetched_ahead_and_a_checked_one_is_shown(
    walker: Walker, names: list[str]
) -> None:
    page = walker.page
    walker.on_first(names)
    # The image of the second case is in the cache before anybody asked for it.
    page.wait_for_function("() => window.__viewer.viewer.cache.entries.size >= 2")
    row = page.get_by_role("treeitem").filter(has_text=names[2].split("#")[0])
    walker.menu("Autoloader on")
    expect(walker.bar).to_have_count(0)
    page.get_by_role("button", name="Autoloader").first.focus()
    page.evaluate("() => window.__viewer.viewer.closeAll()")
    walker.menu("Autoloader on")
    walker.shows(names[0])
    row.get_by_role("checkbox").first.check()
    box = page.get_by_role("treeitem").filter(has_text=names[0].split("#")[0])
    box.get_by_role("checkbox").first.uncheck()
    walker.shows(names[2])
    walker.menu("Load this case again")
    walker.shows(names[2])


def test_AUTO_01_quality_control_rates_with_keys_tells_progress_and_takes_back(
    walker: Walker, cohort: Service, names: list[str]
) -> None:
    page = walker.page
    walker.on_first(names)
    walker.bar.get_by_role("button", name="Quality control").click()
    progress = page.get_by_test_id("qc-progress")
    expect(progress).to_have_text(f"0 of {N} rated")
    # A key that is held rates one case, not those after it unseen.
    page.evaluate("() => document.activeElement?.blur?.()")
    for _ in range(3):
        page.keyboard.down("1")
    # Rated, counted, and the next case without a rating is in sight.
    walker.shows(names[1])
    page.keyboard.down("1")
    page.keyboard.up("1")
    expect(progress).to_have_text(f"1 of {N} rated")
    wait_until(lambda: tags_of(cohort, names[0]) == ["QC_good"], "the first rating")
    walker.press("3")
    walker.shows(names[2])
    wait_until(lambda: tags_of(cohort, names[1]) == ["QC_bad"], "the second rating")
    # Another opinion of a case replaces the first one.
    walker.press("ArrowUp")
    walker.shows(names[1])
    expect(walker.bar.get_by_role("button", name="Bad")).to_have_attribute("aria-pressed", "true")
    walker.press("2")
    wait_until(lambda: tags_of(cohort, names[1]) == ["QC_fair"], "the other rating")
    walker.shows(names[2])
    walker.press("Backspace")
    walker.shows(names[1])
    wait_until(lambda: tags_of(cohort, names[1]) == ["QC_bad"], "the rating before")
    expect(progress).to_have_text(f"2 of {N} rated")
    walker.press("ArrowUp")
    walker.shows(names[0])
    walker.press("Shift+ArrowDown")
    walker.shows(names[2])


def test_AUTO_01_the_contact_sheet_shows_each_case_with_its_rating_and_opens_it(
    walker: Walker, cohort: Service, names: list[str]
) -> None:
    page = walker.page
    walker.on_first(names)
    walker.bar.get_by_role("button", name="Quality control").click()
    walker.press("1")
    walker.shows(names[1])
    walker.bar.get_by_role("button", name="Contact sheet").click()
    sheet = page.get_by_test_id("qc-sheet")
    expect(sheet.locator("img")).to_have_count(N)
    page.wait_for_function(
        "n => [...document.querySelectorAll('[data-testid=qc-sheet] img')]"
        ".filter((one) => one.complete && one.naturalWidth > 0).length === n",
        arg=N,
    )
    expect(sheet.get_by_role("button", name=f"Open {names[0]}")).to_contain_text("Good")
    sheet.get_by_role("button", name="Not rated").click()
    expect(sheet.locator("img")).to_have_count(N - 1)
    sheet.get_by_role("button", name=f"Open {names[2]}").click()
    walker.shows(names[2])
    expect(sheet).to_have_count(0)


def test_AUTO_04_AUTO_x01_a_preset_is_saved_loaded_renamed_shared_and_deleted(
    walker: Walker, cohort: Service, names: list[str]
) -> None:
    page = walker.page
    walker.on_first(names)
    walker.menu("Save as…")
    panel = page.get_by_test_id("autoload")
    expect(panel.get_by_label("Pattern")).to_have_value(SMART)
    expect(panel.get_by_text("t1_mprage_3/s001.nii")).to_be_visible()
    panel.get_by_placeholder("What it shows").fill("heads")
    panel.get_by_role("button", name="Save as").click()
    row = panel.get_by_role("button", name="Load “heads”")
    row.wait_for()
    kept = cohort.get("/presets", project="default")["items"]
    assert [(one["name"], one["share"]) for one in kept] == [("heads", "private")]
    panel.get_by_role("button", name="More of “heads”").click()
    page.get_by_role("menuitemcheckbox", name="The project", exact=True).click()
    expect(row).to_contain_text("the project")
    panel.get_by_role("button", name="More of “heads”").click()
    page.get_by_role("menuitem", name="Rename…").click()
    page.get_by_role("dialog").get_by_label("Name", exact=True).fill("skulls")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    panel.get_by_role("button", name="Load “skulls”").wait_for()
    # A panel that is open from before asks for presets once its project is known, not earlier.
    held: list[Route] = []
    page.route("**/api/v1/projects", lambda route: held.append(route))  # noqa: PLW0108 - takes none built in
    page.reload()
    page.get_by_role("heading", name="Autoload", exact=True).wait_for()
    held.pop().continue_()
    page.unroute("**/api/v1/projects")
    # A preset dropped on the images is loaded, too.
    page.get_by_role("banner").get_by_role("button", name="Autoloader").wait_for()
    page.locator("[data-viewport]").first.wait_for()
    page.get_by_role("button", name="Load “skulls”").drag_to(page.locator(".viewport").first)
    walker.shows(names[0])
    page.get_by_role("button", name="More of “skulls”").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_text("No presets yet")).to_be_visible()
    assert cohort.get("/presets", project="default")["items"] == []


def test_URL_04_a_call_loads_a_preset_on_the_case_it_names(
    desktop: Desktop, walker: Walker, cohort: Service, names: list[str]
) -> None:
    made = keep(cohort, "by address", view={"layout": "1x2", "kinds": ["coronal", "sagittal"]})
    pid, sid = names[1].split("#")
    call = quote(json.dumps({"pid": pid, "sid": sid, "preset": "By address"}))
    desktop.go(f"/?project=default&call={call}")
    walker.shows(names[1])
    assert desktop.state()["layout"] == "1x2"
    assert "preset" not in walker.page.url
    gone = quote(json.dumps({"pid": pid, "preset": "no such one"}))
    desktop.go(f"/?project=default&call={gone}")
    expect(walker.page.get_by_text("This project has no preset “no such one”")).to_be_visible()
    forget(cohort, made)


def test_AUTO_x04_a_missing_roi_is_made_on_the_image_and_never_lost_by_walking_on(
    desktop: Desktop, walker: Walker, cohort: Service, names: list[str]
) -> None:
    roi = {
        "pattern": "rois/lesion.nii",
        "intent": {"roi": True, "autocreateroi": 0, "color": "#00ff40"},
    }
    points = {
        "pattern": "tag:ANO",
        "intent": {
            "annotation": True,
            "autocreate_ano": {"type": "electrode", "name": "lead", "showPanel": True},
        },
    }
    made = keep(cohort, "lesions", entries=[ENTRY, roi, points])
    page = desktop.go(f"/?project=default&call={quote(json.dumps({'preset': 'lesions'}))}").page
    made_roi = """() => {
        const layers = window.__viewer?.viewer.layers ?? [];
        const roi = layers.find((one) => one.role === 'labels');
        return roi && [roi.label, roi.colour.join()].join(' ');
    }"""
    page.wait_for_function(f"() => ({made_roi})() === 'rois/lesion.nii 0,255,64'")
    # So is the annotation, and its panel is open.
    sets = page.get_by_test_id("marker-set")
    expect(sets).to_have_count(1)
    expect(sets).to_have_attribute("data-type", "electrode")
    expect(sets.get_by_role("textbox").first).to_have_value("lead")
    tool = RoiTool(desktop).open()
    expect(tool.rows()).to_have_count(1)
    walker.press("Space")
    tool.stroke((0.4, 0.5), (0.6, 0.5))
    tool.wait_voxels(lambda n: n > 0, "drawn")
    walker.press("ArrowDown")
    dialog = page.get_by_role("dialog", name="Unsaved drawings")
    dialog.get_by_role("button", name="Stay").click()
    walker.named(names[0])
    walker.press("ArrowDown")
    dialog.get_by_role("button", name="Save and go on").click()
    walker.named(names[1])
    # Markers go with their case: the next one has its own empty set.
    page.get_by_role("navigation").get_by_role("button", name="Markers").click()
    expect(sets).to_have_count(1)
    saved = [
        row["path"]
        for row in cohort.items("/projects/default/files", files="rois")
        if row["psid"] == names[0]
    ]
    assert saved == ["rois/lesion.nii"]
    # Back at the first case the saved one is loaded; nothing is made anew.
    walker.press("ArrowUp")
    walker.named(names[0])
    page.wait_for_function(
        "() => window.__viewer.viewer.layers.filter((one) => one.role === 'labels')"
        ".every((one) => one.row !== null)"
    )
    forget(cohort, made)


def test_AUTO_x02_AUTO_x03_AUTO_x05_entries_go_to_their_viewports_with_their_looks(
    desktop: Desktop, walker: Walker, cohort: Service, names: list[str]
) -> None:
    second = {
        "pattern": SMART,
        "viewports": [1],
        "intent": {
            "overlay": True,
            "cmap": "jet",
            "clim": [10, 50],
            "opacity": 0.4,
            "slicing": ["sagittal"],
        },
    }
    first = {"pattern": SMART, "viewports": [0, 1], "intent": {"slicing": ["coronal", "axial"]}}
    made = keep(
        cohort,
        "two",
        entries=[second, first, {"pattern": "t2*"}, {"pattern": "x", "enabled": False}],
        view={"layout": "1x2"},
        level="patient",
        main_viewport=0,
        calcpanel={"enabled": True, "action": "tool.roi"},
    )
    desktop.go(f"/?project=default&call={quote(json.dumps({'preset': 'two'}))}")
    page = walker.page
    pid = names[0].split("#")[0]
    walker.named(pid)
    expect(walker.bar.get_by_text("no t2*")).to_be_visible()
    found = """() => {
        const { viewports, frameMode, master } = window.__viewer.viewer;
        const told = (one) => [one.role, one.colormap, one.opacity].join(' ');
        return JSON.stringify({
            kinds: viewports.map((one) => one.kind),
            layers: viewports.map((one) => one.layers.map(told)),
            limits: viewports[1].layers.find((one) => one.role === 'overlay').limits,
            grid: [frameMode, master?.role],
        });
    }"""
    assert json.loads(page.evaluate(found)) == {
        "kinds": ["coronal", "sagittal"],
        "layers": [["background gray 1"], ["background gray 1", "overlay jet 0.4"]],
        "limits": {"low": 10, "high": 50},
        "grid": ["grid", "background"],
    }
    # What is done afterwards is an action by name: the ROI tool is open.
    page.get_by_test_id("roi-tool").wait_for()
    forget(cohort, made)


def test_AUTO_04_AUTO_x02_the_projects_preset_starts_by_itself_and_its_own_keys_rate_files(
    desktop: Desktop, walker: Walker, cohort: Service, names: list[str]
) -> None:
    marks = [{"key": "5", "tag": "usable", "label": "Usable", "color": "#3080ff"}]
    made = keep(cohort, "ours", enabled=True, rating={"level": "file", "marks": marks})
    share = {"share": "standard"}
    cohort.http.put(f"/presets/{made['key']}", json=share).raise_for_status()
    page = desktop.go("/?project=default").page
    walker.shows(names[0])
    walker.bar.get_by_role("button", name="Quality control").click()
    expect(page.get_by_test_id("qc-progress")).to_have_text(f"0 of {N} rated")
    walker.press("5")
    walker.shows(names[1])
    files = cohort.items("/projects/default/files", files="FTAG:usable")
    assert [(row["psid"], row["kind"]) for row in files] == [(names[0], "image")]
    assert tags_of(cohort, names[0]) == []
    # Ctrl+Z is the one undo of all tools.
    walker.press("Control+z")
    walker.shows(names[0])
    wait_until(
        lambda: not cohort.items("/projects/default/files", files="FTAG:usable"), "no rating"
    )
    forget(cohort, made)
