"""The list of what a workflow made, in the shape of Hedwig's callback, and that callback.

Only an address that a user configured is ever called. The token comes out of a file and is
neither logged nor shown.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from appliance.core import PeerError, SettingsError, atomic_write

__all__ = [
    "Asset",
    "AssetType",
    "Callback",
    "ImageSet",
    "Manifest",
    "PrimaryFile",
    "manifest_bytes",
    "write_manifest",
]

logger = logging.getLogger(__name__)
_FOR_NOW = frozenset({408, 425, 429})


class AssetType(StrEnum):
    """What an asset is for; in the order in which they are listed."""

    THUMBNAIL = "thumbnail"
    KEY_IMAGE = "keyImage"
    PRECOMPUTED = "neuroglancerPrecomputed"
    ZARR = "neuroglancerZarr"
    VOLUME = "volume"
    AVERAGED = "averagedVolume"
    REC_MOVIE = "recMovie"
    TILT_MOVIE = "tiltMovie"


class Asset(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was made.

    Attributes
    ----------
    type : AssetType
    path : str
        Relative to the folder of the manifest.
    metadata : dict, optional
        Of pyramids: shader, dimensions and contrast.
    """

    type: AssetType
    path: str
    metadata: dict[str, Any] | None = None


class ImageSet(msgspec.Struct, frozen=True, rename="camel"):
    """Assets of one image."""

    image_name: str
    assets: list[Asset]
    image_metadata: dict[str, Any] | None = None


class PrimaryFile(msgspec.Struct, frozen=True, rename="camel"):
    """What became of one input."""

    primary_file_path: str
    title: str
    image_set: list[ImageSet]
    status: str = "success"
    message: str | None = None
    thumbnail_index: int = 0
    file_metadata: dict[str, Any] | None = None


class Manifest(msgspec.Struct, frozen=True):
    """All inputs of one run; it is a success if any of them was one."""

    files: list[PrimaryFile]

    @property
    def status(self) -> str:
        """Give ``success`` or ``error``."""
        return "success" if any(one.status == "success" for one in self.files) else "error"


def manifest_bytes(manifest: Manifest) -> bytes:
    """Encode a manifest with its status."""
    told = {"status": manifest.status, "files": manifest.files}
    return msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"


def write_manifest(path: Path, files: Sequence[PrimaryFile]) -> Manifest:
    """Write the manifest of a run beside its assets."""
    manifest = Manifest(list(files))
    with atomic_write(path) as stream:
        stream.write(manifest_bytes(manifest))
    return manifest


class Callback:
    """Tells a server how a run goes: three kinds of POST, with retries.

    Parameters
    ----------
    url : str
        As the user configured it.
    token_file : Path or None
        File that holds the bearer token alone.
    retries, pause_s
        How often a call that fails for now is repeated, and how long to wait in between.
    wait : callable
        Replaced by tests.

    Raises
    ------
    SettingsError
        If the address cannot be used or the token not be read.
    """

    def __init__(
        self,
        url: str,
        token_file: Path | None = None,
        *,
        retries: int = 3,
        pause_s: float = 60.0,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._retries, self._pause_s, self._wait = url, retries, pause_s, wait
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise SettingsError(
                "the callback address cannot be used",
                hint="Write http:// or https://, without a user name.",
            )
        self._token = _token(token_file)

    def __repr__(self) -> str:
        return f"Callback({urlsplit(self._url).hostname})"

    def running(self) -> None:
        """Say that work has begun; one retry, soon."""
        self._post(b'{"status":"running"}', min(1, self._retries), self._pause_s / 6)

    def assets(self, manifest: Manifest) -> None:
        """Hand in what was made."""
        self._post(msgspec.json.encode({"files": manifest.files}), self._retries, self._pause_s)

    def done(self, status: str, *, again: bool = True) -> None:
        """Say ``success`` or ``error``; once where there is no time for repeating it."""
        retries = self._retries if again else 0
        self._post(msgspec.json.encode({"status": status}), retries, self._pause_s)

    def _post(self, body: bytes, retries: int, pause_s: float) -> None:
        for left in range(retries, -1, -1):
            try:
                self._post_once(body)
            except _TryAgain as error:
                if not left:
                    raise PeerError(str(error), hint="Check the address and its log.") from error
                logger.warning("%s; trying again, %d times at most", error, left)
                self._wait(pause_s)
            else:
                return

    def _post_once(self, body: bytes) -> None:
        import httpx

        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            # Without the environment: a proxy named there would be a connection nobody configured.
            with httpx.Client(timeout=30.0, trust_env=False) as http:
                status = http.post(self._url, content=body, headers=headers).status_code
        except httpx.HTTPError as error:
            text = f"the callback could not be made ({type(error).__name__})"
            raise _TryAgain(text) from error
        if status >= 500 or status in _FOR_NOW:
            raise _TryAgain(f"the callback was answered {status}")
        if not 200 <= status < 300:
            raise PeerError(f"the callback was answered {status}", hint="Check address and token.")


class _TryAgain(Exception):
    """A call failed for now."""


def _token(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"the token in {path.name} cannot be read") from error
    if not token.isprintable() or " " in token:
        raise SettingsError(f"{path.name} holds more than a token")
    return token
