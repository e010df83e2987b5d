"""Metadata and SQL over HTTP: tables, plots, downloads, and statements in a locked child."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance import catalog
from tests.support.waiting import wait_until
from tests.web_api.conftest import Site

QUESTION = {"columns": ["radio_t1.*.volume", "nodeinfo.subject.sex"]}


@pytest.fixture(scope="module", autouse=True)
def filled(site: Site) -> None:
    """Three subjects with a JSON file each, in a project of their own."""

    def write(tx: catalog.Tx) -> None:
        project = catalog.create_project(tx, "meta")
        for n, sex in enumerate("FMF", 1):
            subject = catalog.ensure_subject(tx, project.id, f"S-{n}", sex=sex)
            study = catalog.ensure_study(tx, subject, "2024", age_years=40.0 + n)
            catalog.add_file(
                tx,
                study,
                "META/radio_t1.json",
                size_bytes=1,
                mtime_ns=1,
                kind="json",
                doc={"mask": {"volume": n * 1.5, "note": "=1+1"}, "ok": n > 1},
            )

    site.services.catalog.write(write)


def test_keys_are_listed_with_how_often_they_occur(site: Site) -> None:
    with site.local() as http:
        found = http.get("/projects/meta/meta/keys", params={"search": "mask vol"}).json()
    assert found["items"] == [
        {"name": "radio_t1.mask.volume", "n_documents": 3, "n_numbers": 3, "low": 1.5, "high": 4.5}
    ]
    assert found["n_documents"] == 6
    assert found["n_cut"] == 0


def test_a_table_is_filtered_sorted_and_paged(site: Site) -> None:
    ask = {
        **QUESTION,
        "filters": [{"key": "nodeinfo.subject.sex", "op": "=", "value": "F"}],
        "sort": "-radio_t1.mask.volume",
        "limit": 1,
    }
    with site.local() as http:
        found = http.post("/projects/meta/meta/table", json=ask).json()
    assert found["columns"] == ["radio_t1.mask.volume", "nodeinfo.subject.sex"]
    assert [row[1:] for row in found["rows"]] == [["S-3", "2024", None, 4.5, "F"]]
    assert found["total"] == 2


def test_a_column_that_is_not_there_is_told(site: Site) -> None:
    with site.local() as http:
        ask = {"filters": [{"key": "nothing", "op": ">", "value": 1}]}
        answer = http.post("/projects/meta/meta/table", json=ask)
        assert answer.status_code == 400
        assert "nothing" in answer.json()["detail"]


def test_what_plots_need(site: Site) -> None:
    with site.local() as http:
        bars = http.post(
            "/projects/meta/meta/histogram", json={"key": "radio_t1.mask.volume", "bins": 3}
        ).json()
        assert bars["counts"] == [1, 1, 1]
        assert (bars["n"], bars["mean"], bars["median"]) == (3, 3.0, 3.0)
        ask = {"x": "nodeinfo.study.age_years", "y": "radio_t1.mask.volume", "group": "radio_t1.ok"}
        found = http.post("/projects/meta/meta/points", json=ask).json()
        assert found["r"] == pytest.approx(1)
        assert found["slope"] == pytest.approx(1.5)
        assert min(found["points"])[:3] == [41.0, 1.5, "false"]
        values = http.get("/projects/meta/meta/values", params={"key": "nodeinfo.subject.sex"})
        assert values.json()["items"] == [{"value": "F", "n": 2}, {"value": "M", "n": 1}]


def test_VIEW_x11_the_table_is_sent_as_csv(site: Site) -> None:
    with site.local() as http:
        answer = http.post("/projects/meta/meta/export", json={**QUESTION, "files": "*radio*"})
        assert answer.headers["content-disposition"].startswith('inline; filename="meta_metadata')
        rows = list(csv.reader(io.StringIO(answer.text)))
        assert rows[:2] == [["subject", "study", "radio_t1.mask.volume", "nodeinfo.subject.sex"],
                            ["S-1", "2024", "1.5", "F"]]  # fmt: skip
        ask = {**QUESTION, "shape": "long", "german": True, "newline": "\n"}
        text = http.post("/projects/meta/meta/export", json=ask).text
        assert "S-1;2024;META/radio_t1.json;radio_t1.mask.volume;1,5\n" in text


def test_the_table_is_sent_as_parquet(site: Site, tmp_path: Path) -> None:
    import duckdb

    with site.local() as http:
        answer = http.post("/projects/meta/meta/export", json={**QUESTION, "format": "parquet"})
    target = tmp_path / "x.parquet"
    target.write_bytes(answer.content)
    with duckdb.connect() as con:
        found = con.execute("SELECT * EXCLUDE file FROM read_parquet(?)", [str(target)]).fetchall()
    assert found[0] == ("S-1", "2024", 1.5, "F")
    assert list(site.services.folder.tmp.iterdir()) == []


def test_sql_runs_over_the_metadata_of_one_project(site: Site) -> None:
    sql = "SELECT sex, avg(num) AS v FROM meta JOIN studies USING (subject, study)"
    sql += " WHERE key LIKE '%.mask.volume' GROUP BY sex ORDER BY sex"
    with site.local() as http:
        found = http.post("/projects/meta/sql", json={"sql": sql}).json()
        assert found["columns"] == [
            {"name": "sex", "type": "VARCHAR"},
            {"name": "v", "type": "DOUBLE"},
        ]
        assert found["rows"] == [["F", 3.0], ["M", 3.0]]
        refused = http.post("/projects/meta/sql", json={"sql": "DELETE FROM _leaf"})
        assert refused.status_code == 403
        other = http.post("/projects/default/sql", json={"sql": "SELECT count(*) FROM meta"})
        assert other.status_code == 404 or other.json()["rows"] != found["rows"]


def test_DB_x02_sql_on_the_catalog_knows_the_old_names(site: Site) -> None:
    with site.local() as http:
        ask = {"sql": "SELECT PIZ, Sex FROM patients ORDER BY PIZ", "project": "meta"}
        found = http.post("/sql", json=ask).json()
    assert found["rows"] == [["S-1", "F"], ["S-2", "M"], ["S-3", "F"]]


def sandboxes() -> set[str]:
    """The processes below this one in which SQL of a person runs."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid() and b"sandbox_child" in (entry / "cmdline").read_bytes():
                found.add(entry.name)
    return found


@contextlib.contextmanager
def unanswered(site: Site, path: str, body: dict[str, Any]) -> Iterator[None]:
    """Send a request, and close the connection at the end without waiting for its answer."""
    raw = json.dumps(body).encode()
    head = f"POST /api/v1{path} HTTP/1.1\r\nHost: nora\r\nContent-Type: application/json\r\n"
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(site.socket))
        line.sendall(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)
        yield


def test_a_closed_request_ends_the_process_of_its_statement(site: Site) -> None:
    before = sandboxes()
    endless = "SELECT count(*) FROM range(100000000000) a WHERE range % 7 = 3"
    with unanswered(site, "/projects/meta/sql", {"sql": endless, "seconds": 60}):
        wait_until(lambda: sandboxes() - before, "a process")
    wait_until(lambda: not sandboxes() - before, "its end", within_s=30)
    with site.local() as http:
        assert http.post("/projects/meta/sql", json={"sql": "SELECT 1"}).json()["rows"] == [[1]]


def test_a_closed_request_ends_a_statement_on_the_catalog(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, ended = threading.Event(), threading.Event()
    endless = "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT sum(i) FROM t"
    real = catalog.run_sql

    def watched(*words: Any, **more: Any) -> Any:
        began.set()
        try:
            return real(*words, seconds=600, **more)
        finally:
            ended.set()

    monkeypatch.setattr(catalog, "run_sql", watched)
    with unanswered(site, "/sql", {"sql": endless}):
        assert began.wait(60)
        assert not ended.is_set()
    assert ended.wait(60)
