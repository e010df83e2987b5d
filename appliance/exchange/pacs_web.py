"""Speaks DICOMweb to one archive: QIDO-RS to search, WADO-RS to pull. Knows nothing of projects."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from appliance.core import PacsNode, PeerError, now_ms
from appliance.exchange.pacs_link import Moved, Store
from appliance.exchange.parts_of_message import Parts
from appliance.exchange.push_tls import tls_context

if TYPE_CHECKING:
    import httpx

__all__ = ["WebLink", "parts_of"]

_TAGS = {
    "AccessionNumber": "00080050",
    "Modality": "00080060",
    "ModalitiesInStudy": "00080061",
    "NumberOfSeriesRelatedInstances": "00201209",
    "NumberOfStudyRelatedInstances": "00201208",
    "NumberOfStudyRelatedSeries": "00201206",
    "PatientAge": "00101010",
    "PatientBirthDate": "00100030",
    "PatientID": "00100020",
    "PatientName": "00100010",
    "PatientSex": "00100040",
    "ProtocolName": "00181030",
    "SeriesDescription": "0008103E",
    "SeriesInstanceUID": "0020000E",
    "SeriesNumber": "00200011",
    "StudyDate": "00080020",
    "StudyDescription": "00081030",
    "StudyInstanceUID": "0020000D",
    "StudyTime": "00080030",
}
_JSON = {"Accept": "application/dicom+json"}
_OBJECTS = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_FOUND, _NOTHING, _NOT_FOUND = 200, 204, 404
_REFUSED = (401, 403)
_BUSY = (429, 503)
_LONGEST_S = 86400.0
_STORED = (200, 202, 409)  # all, some, none; each tells of every object


class WebLink:
    """One archive that speaks DICOMweb, as the settings describe it.

    Parameters
    ----------
    name : str
        Its name in the settings.
    node : PacsNode
        With ``url``.
    """

    calling = ""

    def __init__(self, name: str, node: PacsNode) -> None:
        self.name, self.node = name, node
        self._ended = threading.Event()
        self._interrupted = threading.Event()

    def __str__(self) -> str:
        return f"{self.name} ({self.node.url})"

    def echo(self) -> None:
        """Ask whether it answers; it has to find nothing.

        Raises
        ------
        PeerError
            If nobody answers, or it does not let us in.
        """
        with self._client() as client:
            self._ask(client, "/studies", [("limit", "1")])

    def find(
        self,
        level: str,
        keys: Mapping[str, str],
        wanted: Sequence[str],
        stopping: threading.Event | None = None,  # noqa: ARG002 - see `cancel_find`
    ) -> tuple[list[dict[str, str]], bool]:
        """Ask for studies, or the series of one; see `Link.find`."""
        matched = {name: value for name, value in keys.items() if value}
        study_uid = matched.pop("StudyInstanceUID", "")
        path = f"/studies/{study_uid}/series" if level == "SERIES" else "/studies"
        most = self.node.max_answers
        fields = [("includefield", _TAGS[name]) for name in wanted]
        params = [*matched.items(), *fields, ("limit", str(most + 1))]
        with self._client() as client:
            answers = self._ask(client, path, params)
        found = [{name: _value(one, name) for name in wanted} for one in answers]
        return found[:most], len(found) > most

    def cancel_find(self, stopping: threading.Event) -> None:
        """Do nothing: a query over HTTP is one answer, which comes or does not."""

    def move(self, *_: object, **__: object) -> Moved:
        """Refuse: over DICOMweb everything is fetched."""
        raise PeerError(f"{self} cannot be asked to send to our listener")

    def get(self, keys: Mapping[str, str], store: Store, heard: Callable[[], None]) -> Moved:
        """Fetch a series, or a study; see `Link.get`."""
        path = f"/studies/{keys['StudyInstanceUID']}"
        if keys.get("SeriesInstanceUID"):
            path += f"/series/{keys['SeriesInstanceUID']}"
        self._interrupted.clear()
        n_failed = n_sent = 0
        with self._client(self.node.pull_timeout_s) as client, self._objects(client, path) as parts:
            for part in parts:
                if self._ended.is_set() or self._interrupted.is_set():
                    return Moved(n_sent, n_failed, "it was cancelled")
                refused = store(part) != 0
                n_failed, n_sent = n_failed + refused, n_sent + (not refused)
                heard()
        return Moved(n_sent, n_failed)

    def store(self, body: Iterable[bytes], boundary: str) -> object:
        """Post objects by STOW-RS and give the answer, which tells what became of each.

        Raises
        ------
        PeerError
            If it does not answer, does not let us in, or tells nothing of the objects.
        """
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        headers = {**_JSON, "Content-Type": kind}
        with self._client(self.node.pull_timeout_s) as client:
            answer = client.post("/studies", content=body, headers=headers)
        if answer.status_code not in _STORED:
            self._check(answer)
        try:
            return answer.json()
        except ValueError as error:
            raise PeerError(f"{self} does not speak DICOMweb", hint="Check url.") from error

    def open(self) -> None:
        """Let it be spoken to again after `close`."""
        self._ended.clear()

    def close(self) -> None:
        """End what is going on, because the service stops."""
        self._ended.set()

    def cancel_pull(self) -> None:
        """End what is fetched now."""
        self._interrupted.set()

    @contextmanager
    def _client(self, timeout_s: float | None = None) -> Iterator[httpx.Client]:
        import httpx

        node = self.node
        headers = {}
        for chatty in ("httpx", "httpcore"):  # they would write queries, which name patients
            logging.getLogger(chatty).setLevel(logging.WARNING)
        try:
            if node.authorization_file:
                secret = Path(node.authorization_file).expanduser().read_text(encoding="utf-8")
                headers["Authorization"] = secret.strip()
            verify = tls_context(node)
        except OSError as error:
            raise PeerError(f"{self}: cannot read {error.filename}: {error.strerror}") from error
        timeout = httpx.Timeout(timeout_s or node.timeout_s, connect=node.timeout_s)
        try:
            with httpx.Client(
                base_url=node.url, headers=headers, timeout=timeout, verify=verify
            ) as client:
                yield client
        except httpx.HTTPError as error:
            raise PeerError(
                f"{self} does not answer: {type(error).__name__}",
                hint="Check url, and the firewall between.",
            ) from error

    def _ask(
        self, client: httpx.Client, path: str, params: Sequence[tuple[str, str]]
    ) -> list[dict[str, Any]]:
        # some archives take wildcards and carets only as they are
        query = "&".join(f"{name}={quote(value, safe='*?^')}" for name, value in params)
        answer = client.get(f"{path}?{query}", headers=_JSON)
        if answer.status_code == _NOTHING:
            return []
        self._check(answer)
        try:
            found = answer.json()
        except ValueError as error:
            raise PeerError(f"{self} does not speak DICOMweb", hint="Check url.") from error
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    @contextmanager
    def _objects(self, client: httpx.Client, path: str) -> Iterator[Iterator[bytes]]:
        with client.stream("GET", path, headers=_OBJECTS) as answer:
            if answer.status_code == _NOT_FOUND:
                yield iter(())
                return
            self._check(answer)
            boundary = _BOUNDARY.search(answer.headers.get("content-type", ""))
            if boundary is None:
                raise PeerError(f"{self} sent no DICOM objects", hint="Check url.")
            yield parts_of(answer.iter_bytes(), boundary[1].encode())

    def _check(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status in _REFUSED:
            raise PeerError(f"{self} does not let us in", hint="Check authorization_file.")
        if status in _BUSY:
            after_s = _seconds(answer.headers.get("retry-after", ""))
            raise PeerError(f"{self} is busy ({status})", hint="Try later.", after_s=after_s)
        if status != _FOUND:
            raise PeerError(f"{self} answered with {status}", hint="Check url.")


def parts_of(chunks: Iterable[bytes], boundary: bytes) -> Iterator[bytes]:
    """Give the bodies of a multipart message as they arrive; one that is cut short is left out."""
    parts = Parts(boundary.decode())
    for chunk in chunks:
        yield from parts.feed(chunk)


def _seconds(text: str) -> float:
    """Read ``Retry-After``, seconds or a date; 0 without one, a day at most."""
    if text.strip().isdecimal():
        return min(float(text), _LONGEST_S)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    left_s = until.timestamp() - now_ms() / 1000
    return min(max(left_s, 0.0), _LONGEST_S)


def _value(answer: Mapping[str, Any], name: str) -> str:
    """Read one field of an answer; several values are joined by a backslash."""
    field = answer.get(_TAGS[name])
    values = field.get("Value") if isinstance(field, dict) else None
    return "\\".join(_text(one) for one in values) if isinstance(values, list) else ""


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("Alphabetic") or value.get("Ideographic") or "")
    return "" if value is None else str(value).strip()
