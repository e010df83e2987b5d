"""Searches in archives: each runs by itself, and what it finds stays in memory for an hour.

What an archive answers tells who the patients are; none of it is written down or logged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from traceback import format_tb

import msgspec

from appliance.core import ApplianceError, Conflict, NotFound, iso, new_key, now_ms
from appliance.exchange.pacs_link import Archive
from appliance.exchange.pacs_query import (
    SERIES_KEYS,
    STUDY_KEYS,
    Asked,
    count_series,
    fits_series,
    fits_study,
    left_out,
    plan,
    series_keys,
    series_of,
    study_of,
)
from appliance.exchange.pacs_values import PacsQuery, PacsSeries, PacsStudy, SearchState

__all__ = ["PacsResult", "Search", "Searches"]

_LOG = logging.getLogger(__name__)
_KEPT_S, _MOST_KEPT, _MOST_RUNNING = 3600.0, 20, 4


class PacsResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a search knows by now.

    Attributes
    ----------
    n_steps, n_done : int
        Queries that are to be made, as far as it is known, and those that were.
    missing : list of str
        PatientIDs of the list of which the archive has nothing that fits.
    log : list of str
        What was asked when; it names no patient.
    """

    key: str
    node: str
    state: str
    reason: str
    hint: str
    n_steps: int
    n_done: int
    studies: list[PacsStudy]
    series: list[PacsSeries]
    missing: list[str]
    log: list[str]


class Search:
    """One search, on a thread of its own.

    Raises
    ------
    Invalid
        If the query makes no sense.
    """

    def __init__(
        self,
        link: Archive,
        query: PacsQuery,
        owner: tuple[str, str],
        pause_s: float | None = None,
    ) -> None:
        self.key, self.owner = new_key(), owner
        self.touched = time.monotonic()
        self._link, self._query = link, query
        self._pause_s = link.node.find_pause_s if pause_s is None else pause_s
        self._steps = plan(query)
        self._without = left_out(query)
        self._n_steps, self._n_done = len(self._steps), 0
        self._studies: dict[str, PacsStudy] = {}
        self._series: list[PacsSeries] = []
        self._missing: list[str] = []
        self._log: list[str] = []
        self._state, self._reason, self._hint = SearchState.RUNNING, "", ""
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._names_seen = False
        self._thread = threading.Thread(target=self._run, name="pacs-search", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it; what was found by then stays."""
        self._stopping.set()
        self._link.cancel_find(self._stopping)

    def wait(self, within_s: float) -> bool:
        """Wait until it is through; tell whether it is."""
        self._thread.join(within_s)
        return not self._thread.is_alive()

    @property
    def node(self) -> str:
        """Name of the archive."""
        return self._link.name

    def names_seen_first(self) -> bool:
        """Tell whether nobody has seen until now who was found."""
        with self._lock:
            first, self._names_seen = not self._names_seen, True
        return first

    @property
    def runs(self) -> bool:
        """Whether it goes on."""
        return self._state is SearchState.RUNNING

    def found(self) -> PacsResult:
        """Give what is known by now."""
        self.touched = time.monotonic()
        with self._lock:
            studies = list(self._studies.values())
            return PacsResult(
                key=self.key,
                node=self._link.name,
                state=self._state,
                reason=self._reason,
                hint=self._hint,
                n_steps=self._n_steps,
                n_done=self._n_done,
                studies=studies,
                series=count_series(studies, self._series),
                missing=list(self._missing),
                log=list(self._log),
            )

    def _run(self) -> None:
        try:
            for step in self._steps:
                self._ask(step)
            state = SearchState.STOPPED if self._stopping.is_set() else SearchState.DONE
            self._end(state)
        except ApplianceError as error:
            self._end(SearchState.FAILED, error.message, error.hint)
        except Exception as error:  # noqa: BLE001 - an outer loop: told to whoever asked
            _LOG.error("a search in %s ended by a fault: %s", self._link.name, _where(error))
            self._end(SearchState.FAILED, "a fault in the service", "The log tells more.")

    def _end(self, state: SearchState, reason: str = "", hint: str = "") -> None:
        with self._lock:
            self._state, self._reason, self._hint = state, reason, hint
            self._log.append(f"{_clock()} {state}{f': {reason}' if reason else ''}")

    def _ask(self, step: Asked) -> None:
        if self._stopping.is_set():
            return
        answers, cut = self._link.find("STUDY", step.keys, STUDY_KEYS, self._stopping)
        studies = [study_of(answer) for answer in answers if answer["StudyInstanceUID"]]
        fitting = [one for one in studies if fits_study(self._query, one, self._without)]
        self._note(_what(step), len(answers), len(fitting), cut=cut)
        self._pause()
        kept = [one for one in fitting if one.study_uid not in self._studies]
        with self._lock:
            self._n_steps += len(kept) if self._query.series else 0
        n_kept = sum(self._keep(study) for study in kept)
        if step.patient_id and not n_kept and len(kept) == len(fitting):
            self._missing.append(step.patient_id)

    def _keep(self, study: PacsStudy) -> bool:
        """Ask for the series of a study, and tell whether the study stays."""
        if not self._query.series:
            with self._lock:
                self._studies[study.study_uid] = study
            return True
        if self._stopping.is_set():
            return True  # nothing is known against it
        keys = series_keys(study.study_uid)
        answers, cut = self._link.find("SERIES", keys, SERIES_KEYS, self._stopping)
        series = [series_of(study.study_uid, one) for one in answers if one["SeriesInstanceUID"]]
        fitting = [one for one in series if fits_series(self._query, one)]
        self._note("series of a study", len(answers), len(fitting), cut=cut)
        with self._lock:
            if fitting:
                self._studies[study.study_uid] = study
                self._series += fitting
        self._pause()
        return bool(fitting)

    def _note(self, what: str, n: int, n_fitting: int, *, cut: bool) -> None:
        limit = ", cut at the limit of the node" if cut else ""
        fit = "" if n == n_fitting else f", {n_fitting} fit"
        with self._lock:
            self._n_done += 1
            self._log.append(f"{_clock()} {what}: {n} answers{fit}{limit}")

    def _pause(self) -> None:
        self._stopping.wait(self._pause_s)


class Searches:
    """The searches of the last hour; each belongs to who asked, in the project it is for."""

    def __init__(self) -> None:
        self._all: dict[str, Search] = {}
        self._lock = threading.Lock()

    def begin(
        self,
        link: Archive,
        query: PacsQuery,
        owner: tuple[str, str],
        pause_s: float | None = None,
    ) -> Search:
        """Start a search; between its queries are so many seconds, or as many as its node says.

        Raises
        ------
        Invalid
            If the query makes no sense.
        Conflict
            If too many run.
        """
        search = Search(link, query, owner, pause_s)
        with self._lock:
            self._forget_old()
            if sum(one.runs for one in self._all.values()) >= _MOST_RUNNING:
                raise Conflict("too many searches run", hint="Wait for one to end, or stop it.")
            self._all[search.key] = search
        search.start()
        return search

    def get(self, key: str, owner: tuple[str, str]) -> Search:
        """Give one's own search.

        Raises
        ------
        NotFound
            If there is none, or it is somebody else's.
        """
        found = self._all.get(key)
        if found is None or found.owner != owner:
            raise NotFound("no such search", hint="They are kept for an hour. Search again.")
        return found

    def close(self) -> None:
        """Stop all, and forget what they found."""
        with self._lock:
            for search in self._all.values():
                search.stop()
            self._all.clear()

    def _forget_old(self) -> None:
        kept = sorted(self._all.values(), key=lambda one: one.touched)
        over: Sequence[Search] = kept[: max(0, len(kept) - _MOST_KEPT + 1)]
        old = [one for one in kept if one.touched < time.monotonic() - _KEPT_S]
        for search in {*over, *old}:
            search.stop()
            del self._all[search.key]


def _where(error: Exception) -> str:
    """Name a fault and its place without its message, which may quote an answer."""
    return "".join([type(error).__name__, "\n", *format_tb(error.__traceback__)])


def _what(step: Asked) -> str:
    return "studies" if step.line is None else f"studies of line {step.line + 1} of the list"


def _clock() -> str:
    return iso(now_ms())[11:19]
