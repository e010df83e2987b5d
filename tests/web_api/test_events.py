"""Server-sent events: live, replayed, bounded, and over when the server stops."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance import catalog
from appliance.catalog import Catalog
from appliance.web import WebServer, bind_tcp, create_app
from appliance.web.hub import EventHub
from tests.support.loops import run_alone
from tests.web_api.conftest import Site, make_services


def tell(site: Site, topic: str, **data: Any) -> None:
    site.services.catalog.write(lambda tx: tx.event(topic, **data))


def parsed(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """Whole events of a stream, without comments."""
    event: dict[str, str] = {}
    for line in answer.iter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(":")
            event[name] = value.strip()
        elif event:
            yield event
            event = {}


def test_a_change_is_pushed_as_it_happens(site: Site) -> None:
    with site.bearer() as http, http.stream("GET", "/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = parsed(answer)
        hello = next(events)
        assert "data" not in hello
        tell(site, "health.changed", status="ok")
        event = next(events)
    assert event["event"] == "health.changed"
    assert json.loads(event["data"]) == {"status": "ok"}
    assert int(event["id"]) == int(hello["id"]) + 1


@pytest.mark.parametrize("by", ["header", "query"])
def test_what_was_missed_is_replayed_once_and_in_order(site: Site, by: str) -> None:
    seen = site.services.catalog.last_seq()
    for n in range(3):
        tell(site, "job.changed", n=n)
    headers = {"Last-Event-ID": str(seen)} if by == "header" else {}
    params = {"since": seen} if by == "query" else {}
    with (
        site.bearer() as http,
        http.stream("GET", "/events", headers=headers, params=params) as answer,
    ):
        events = parsed(answer)
        next(events)
        tell(site, "job.changed", n=3)
        got = [json.loads(next(events)["data"])["n"] for _ in range(4)]
    assert got == [0, 1, 2, 3]


def test_a_sequence_of_another_history_asks_for_a_reload(site: Site) -> None:
    future = site.services.catalog.last_seq() + 1000
    with (
        site.bearer() as http,
        http.stream("GET", "/events", params={"since": future}) as answer,
    ):
        events = parsed(answer)
        next(events)
        assert next(events)["event"] == "events.reset"


def test_pruned_events_ask_for_a_reload(site: Site) -> None:
    seen = site.services.catalog.last_seq()
    for _ in range(3):
        tell(site, "job.changed")

    def prune(tx: catalog.Tx) -> None:
        tx.con.execute("DELETE FROM events WHERE seq = ?", (seen + 1,))

    site.services.catalog.write(prune)
    with site.bearer() as http, http.stream("GET", "/events", params={"since": seen}) as answer:
        events = parsed(answer)
        next(events)
        assert next(events)["event"] == "events.reset"


@pytest.fixture
def quiet_catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(tmp_path / "catalog.sqlite")
    yield opened
    opened.close()


def test_silence_is_filled_with_comments(quiet_catalog: Catalog) -> None:
    async def listen() -> bytes:
        hub = EventHub(quiet_catalog, heartbeat_s=0.01)
        hub.start()
        stream = hub.stream(None)
        await anext(stream)
        piece = await anext(stream)
        await stream.aclose()
        hub.close()
        return piece

    assert run_alone(listen()).startswith(b":")


def test_a_reader_that_lies_too_far_behind_is_ended(quiet_catalog: Catalog) -> None:
    async def listen() -> list[bytes]:
        hub = EventHub(quiet_catalog)
        hub.start()
        stream = hub.stream(None)
        await anext(stream)
        burst = [catalog.Event(n, 0, "job.changed", {}) for n in range(1, 1500)]
        quiet_catalog.events.publish(burst)  # all of them reach the loop before the reader does
        async with asyncio.timeout(30):
            pieces = [piece async for piece in stream]
        hub.close()
        return pieces

    assert run_alone(listen()) == []


def test_the_server_stops_although_a_stream_is_open(tmp_path: Path) -> None:
    services = make_services(tmp_path / "data")
    sock = bind_tcp("127.0.0.1", 0)
    port = sock.getsockname()[1]
    token = services.catalog.write(lambda tx: catalog.issue_token(tx, "t"))
    ended = threading.Event()

    def read() -> None:
        with httpx.stream(
            "GET",
            f"http://127.0.0.1:{port}/api/v1/events",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        ) as answer:
            opened.set()
            for _ in answer.iter_lines():
                pass
        ended.set()

    opened = threading.Event()
    with WebServer(create_app(services), [sock]):
        reader = threading.Thread(target=read)
        reader.start()
        assert opened.wait(30)
    reader.join(30)
    services.catalog.close()
    assert ended.is_set()
