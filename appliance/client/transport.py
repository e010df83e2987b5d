"""Requests and answers: httpx below, our errors above."""

from __future__ import annotations

import ipaddress
import json
import socket as socketlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import msgspec

from appliance.client.rows import Event
from appliance.core import (
    ApplianceError,
    Conflict,
    DiskFull,
    ExchangeError,
    FormatError,
    Invalid,
    JobError,
    ModelError,
    NotFound,
    PeerError,
    Refused,
    SettingsError,
    StorageError,
    UpkeepError,
)

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["Transport"]

_T = TypeVar("_T")
_READ_S = 600.0
_BY_KEY: dict[str, type[ApplianceError]] = {
    kind.key: kind
    for kind in (
        Conflict,
        DiskFull,
        ExchangeError,
        FormatError,
        Invalid,
        JobError,
        ModelError,
        NotFound,
        PeerError,
        Refused,
        SettingsError,
        StorageError,
        UpkeepError,
    )
}
_BY_STATUS = {400: Invalid, 401: Refused, 403: Refused, 404: NotFound, 409: Conflict, 429: Refused}


def _trust(base_url: str, socket: Path | None) -> ssl.SSLContext | bool:
    """Give whose certificates count; nobody's where TLS is not spoken, as the list loads slowly."""
    import ssl

    if socket is None and urlsplit(base_url).scheme == "https":
        return True
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Transport:
    """Sends requests to one service and turns its problems into our errors.

    Parameters
    ----------
    base_url : str
        Origin of the service.
    socket : Path, optional
        Its Unix socket; then `base_url` only names it.
    token : str, optional
        Bearer token.

    Raises
    ------
    SettingsError
        If a token would travel to another machine unencrypted, or the address is none.
    """

    def __init__(self, base_url: str, *, socket: Path | None, token: str | None) -> None:
        import httpx

        _check_address(base_url, token)
        self._where = str(socket or base_url)
        self._untried = socket
        self._httpx = httpx
        trust = _trust(base_url, socket)
        self._http = httpx.Client(
            base_url=f"{base_url.rstrip('/')}/api/v1",
            transport=httpx.HTTPTransport(uds=str(socket), verify=trust) if socket else None,
            verify=trust,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(_READ_S, connect=10.0),
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(
        self, method: str, path: str, kind: type[_T], *, params: Any = None, body: Any = None
    ) -> _T:
        """Send a request with a JSON body, and read the answer as `kind`.

        Raises
        ------
        ApplianceError
            The error that the service told, with its hint; `PeerError` if it does not answer.
        """
        with self._errors():
            answer = self._http.request(method, path, params=_given(params), json=body)
        return msgspec.json.decode(_checked(answer).content or b"null", type=kind, strict=False)

    def text(self, path: str) -> str:
        """Fetch a text."""
        with self._errors():
            return _checked(self._http.get(path)).text

    def send_file(self, path: str, file: Path, kind: type[_T], params: Mapping[str, Any]) -> _T:
        """Send a file's bytes as the body of a POST, as they are read."""
        with file.open("rb") as stream, self._errors():
            answer = self._http.post(path, params=_given(params), content=stream)
        return msgspec.json.decode(_checked(answer).content, type=kind)

    def put_content(
        self, path: str, content: bytes | Path, kind: type[_T], params: Mapping[str, Any]
    ) -> _T:
        """Send bytes, or those of a file, as the body of a PUT."""
        with ExitStack() as stack, self._errors():
            body = stack.enter_context(content.open("rb")) if isinstance(content, Path) else content
            answer = self._http.put(path, params=_given(params), content=body)
        return msgspec.json.decode(_checked(answer).content, type=kind)

    def fetch(self, path: str, out: BinaryIO, *, body: Any = None) -> None:
        """Write the bytes behind an address below ``/api/v1`` to a stream; POST with a body."""
        method = "GET" if body is None else "POST"
        with self._errors(), self._http.stream(method, path, json=body) as answer:
            if answer.is_error:
                answer.read()
            out.writelines(_checked(answer).iter_bytes())

    def events(self, since: int | None) -> Iterator[Event]:
        """Read the stream of changes once, until the service ends it."""
        params = _given({"since": since})
        with self._errors(), self._http.stream("GET", "/events", params=params) as answer:
            if answer.is_error:
                answer.read()
            yield from _events(_checked(answer).iter_lines())

    @contextmanager
    def _errors(self) -> Iterator[None]:
        self._try_socket()
        try:
            yield
        except self._httpx.TransportError as error:
            raise self._silence(error) from error

    def _try_socket(self) -> None:
        """Connect once and hang up; httpcore leaks a Unix socket that it cannot connect."""
        if self._untried is None:
            return
        with socketlib.socket(socketlib.AF_UNIX, socketlib.SOCK_STREAM) as sock:
            try:
                sock.connect(str(self._untried))
            except OSError as error:
                raise self._silence(error) from error
        self._untried = None

    def _silence(self, error: Exception) -> PeerError:
        return PeerError(
            f"the service at {self._where} does not answer: {error}",
            hint="Start it with 'nora serve', or check NORA_URL.",
        )


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}


def _checked(answer: httpx.Response) -> httpx.Response:
    """Raise the error that an answer tells, if it tells one."""
    if answer.is_error:
        raise _error(answer)
    return answer


def _error(answer: httpx.Response) -> ApplianceError:
    """Read a problem, if it is one; returned, because our `Invalid` is a ValueError, too."""
    kind = _BY_STATUS.get(answer.status_code, PeerError)
    try:
        problem = json.loads(answer.content)
        kind = _BY_KEY.get(problem["key"]) or _BY_STATUS.get(answer.status_code, ApplianceError)
        return kind(problem["detail"], hint=problem.get("hint", ""), **problem.get("facts", {}))
    except (ValueError, KeyError, TypeError):
        return kind(f"the service answered {answer.status_code}")


def _events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if line and name:
            fields[name] = value.removeprefix(" ")
        elif not line and fields:
            if "data" in fields:
                data = json.loads(fields["data"])
                yield Event(int(fields.get("id", 0)), fields.get("event", "message"), data)
            fields = {}


def _check_address(base_url: str, token: str | None) -> None:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"{base_url!r} is no address", hint="Write http://127.0.0.1:8181.")
    if token and parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise SettingsError(
            f"a token must not travel to {parts.hostname} unencrypted",
            hint="Use https://, or the service's Unix socket.",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
