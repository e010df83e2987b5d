"""The service is killed between what happened and its delivery: each is told once, and arrives."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.outside import receiver
from tests.support.service import Service
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow]

WISHES = {"choices": {"import_failed": ["browser", "webhook"]}}


def count(service: Service, sql: str) -> int:
    """A number of the catalog, which nobody has open or somebody has."""
    with closing(sqlite3.connect(service.folder.catalog_path)) as con:
        return int(con.execute(sql).fetchone()[0])


def titles(service: Service) -> list[str]:
    return [one["title"] for one in service.items("/notifications")]


def test_killed_between_event_notification_and_delivery_it_is_told_once_and_arrives(
    tmp_path: Path,
) -> None:
    with receiver(503) as hook:
        quick = {"DIGEST_S": "0.2", "RETRY_S": "0.2", "WEBHOOK_URL": hook.url, "ATTEMPTS": "50"}
        env = {f"NORA__NOTIFICATIONS__{key}": value for key, value in quick.items()}
        service = Service(tmp_path / "data", env).start()
        try:
            service.http.put("/notifications/preferences", json=WISHES).raise_for_status()
            receipt = service.upload("nobodys.bin", b"no image")
            assert service.closed(receipt["key"])["state"] == "failed"
            service.kill()  # most likely before anybody has looked
            service.start()
            wait_until(lambda: hook.got, "the first attempt", show=service.log)
            service.kill()  # the delivery waits, or is under way
            waits = "SELECT count(*) FROM notification_deliveries WHERE state = 'waiting'"
            assert count(service, waits) == 1
            hook.answers[:] = [204]
            service.start()
            sent = "SELECT count(*) FROM notification_deliveries WHERE state = 'sent'"
            wait_until(lambda: count(service, sent) == 1, "it arrives", show=service.log)
            assert titles(service) == ["An arrival failed"]
            assert "1 unread notification: see" in service.nora("status").stdout
            assert len({headers["x-nora-delivery"] for _, headers, _ in hook.got}) == 1
            told: dict[str, Any] = json.loads(hook.got[-1][2])
            assert (told["kind"], told["project"], told["user"]) == (
                "import_failed",
                "default",
                "owner",
            )
            assert told["link"].startswith(f"{service.url}/arrivals?project=default&key=")
            assert "nobodys" not in hook.got[-1][2].decode()
        finally:
            service.stop()
