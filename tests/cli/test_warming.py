"""Metadata are read in idle time after an arrival, before anybody asks."""

from __future__ import annotations

from appliance.catalog import Catalog, MetaStore, ensure_project
from appliance.cli.warming import MetaWarmer
from appliance.jobs import Queue
from tests.support.waiting import wait_until


def test_the_first_question_after_an_arrival_finds_the_cache_made(tmp_path):
    catalog = Catalog.open(tmp_path / "catalog.sqlite")
    meta, queue = MetaStore(catalog, tmp_path / "meta"), Queue(tmp_path / "queue.sqlite")
    warmer = MetaWarmer(catalog, meta, queue)
    queue.start()
    end = warmer.start()
    try:
        project = catalog.write(lambda tx: ensure_project(tx, "p"))

        def tell(state, name="p"):
            catalog.write(lambda tx: tx.event("receipt.changed", project=name, state=state))

        made = tmp_path / "meta" / f"{project.key}.duckdb"
        tell("working")
        tell("done", "gone")
        assert not made.exists()
        tell("done")
        wait_until(made.is_file, "the cache")
    finally:
        end()
        queue.stop()
        meta.close()
        catalog.close()
