"""The clock of upkeep: the daily backup comes once a day, and a missed one at the start."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from appliance.upkeep import Schedule
from appliance.upkeep.schedule import last_due

NOON = datetime(2026, 3, 4, 12, 0).astimezone()


class Clockwork:
    """A schedule whose backups are counted; `made` is the time of the newest."""

    def __init__(self, made, *, fails=False, enabled=True):
        self.made, self.fails = made, fails
        self.runs = self.looks = self.tidied = 0
        self.schedule = Schedule(
            self.look,
            self.backup if enabled else None,
            hour=2,
            chores=[self.fail, self.tidy],
            last_backup_ms=lambda: round(self.made.timestamp() * 1000) if self.made else None,
        )

    def fail(self):
        raise ZeroDivisionError

    def tidy(self):
        self.tidied += 1

    def look(self):
        self.looks += 1

    def backup(self):
        self.runs += 1
        if self.fails:
            raise OSError(28, "No space left on device")
        self.made = self.now

    def at(self, now):
        self.now = now
        self.schedule.run_due(now)
        return self.runs


def test_a_missed_backup_is_made_at_the_start_and_the_next_one_tomorrow():
    clock = Clockwork(NOON - timedelta(days=3))
    assert clock.at(NOON) == 1
    assert clock.at(NOON + timedelta(hours=1)) == 1
    assert clock.at(NOON + timedelta(hours=14, minutes=1)) == 2


def test_the_first_backup_is_made_at_once():
    assert Clockwork(None).at(NOON) == 1


def test_todays_backup_is_not_made_twice():
    assert Clockwork(NOON.replace(hour=2, minute=1)).at(NOON) == 0


def test_a_backup_that_failed_is_tried_again_after_an_hour_and_health_is_still_looked_at():
    clock = Clockwork(None, fails=True)
    assert clock.at(NOON) == 1
    assert clock.at(NOON + timedelta(minutes=59)) == 1
    assert clock.at(NOON + timedelta(minutes=61)) == 2
    assert clock.looks == 3


def test_it_can_be_switched_off():
    assert Clockwork(None, enabled=False).at(NOON) == 0


def test_chores_are_done_at_the_start_and_once_a_day_and_one_that_fails_stops_no_other():
    clock = Clockwork(NOON)
    for hours in (0, 1, 2, 12, 13):
        clock.at(NOON + timedelta(hours=hours))
    assert clock.tidied == 2


@pytest.mark.parametrize(("hour", "day"), [(2, 4), (12, 4), (13, 3)])
def test_the_last_due_moment_is_never_in_the_future(hour, day):
    assert last_due(NOON, hour) == NOON.replace(day=day, hour=hour)


def test_the_thread_looks_at_once_and_ends_when_told():
    looked = threading.Event()
    schedule = Schedule(looked.set, None, hour=2, last_backup_ms=lambda: None, tick_s=600)
    schedule.start()
    assert looked.wait(30)
    schedule.stop()
    assert not schedule._thread.is_alive()
