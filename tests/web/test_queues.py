"""The page of the places where jobs run (BATCH-x04, QUEUE-x01)."""

from __future__ import annotations

from tests.web.pages import Desktop


def test_the_page_of_queues_says_where_jobs_run(desktop: Desktop) -> None:
    page = desktop.go("/jobs").page
    page.get_by_role("link", name="Queues").click()
    page.get_by_role("heading", name="Queues", exact=True).wait_for()
    page.get_by_text("All jobs run on this machine").wait_for()


def test_a_test_of_a_cluster_shows_each_step_and_what_to_do(desktop: Desktop) -> None:
    cluster = {"name": "hpc", "kind": "slurm", "host": "login1", "queues": {"far": "normal"}}
    cluster |= {"problem": "login1 did not answer within 30 s", "paths": ["/srv → /cluster"]}
    good = {"step": "commands", "ok": True, "text": "slurm 22.05; partitions: normal (up, 1)"}
    bad = {"step": "paths", "ok": False, "text": "it is not seen there", "hint": "Set paths."}
    page = desktop.page
    page.route("**/api/v1/adapters", lambda r: r.fulfill(json={"items": [cluster]}))
    answer = {"ok": False, "text": bad["text"], "hint": bad["hint"], "steps": [good, bad]}
    page.route("**/api/v1/adapters/hpc/probe", lambda r: r.fulfill(json=answer))
    desktop.go("/queues")
    row = page.get_by_role("listitem", name="hpc")
    row.get_by_text("login1 did not answer within 30 s").wait_for()
    row.get_by_role("button", name="Test").click()
    row.get_by_text("slurm 22.05; partitions: normal (up, 1)").wait_for()
    row.get_by_text("Set paths.").wait_for()
