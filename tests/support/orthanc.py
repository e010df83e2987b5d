"""A real Orthanc on loopback as the archive of tests, with a folder and ports of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from appliance.exchange import Peer, send_objects
from tests.support.needs import needs, needs_file
from tests.support.service import free_port
from tests.support.waiting import wait_until

__all__ = ["Orthanc", "an_orthanc"]


PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


class Orthanc:
    """A running Orthanc.

    Attributes
    ----------
    port : int
        Its DICOM port; its AE title is ``ARCHIVE``.
    """

    title = "ARCHIVE"

    def __init__(self, root: Path, *, web: bool = False) -> None:
        self.root, self.web = root, web
        self.port, self.http_port = free_port(), free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.http_port}", timeout=30)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = needs("Orthanc")
        if self.web:
            needs_file(PLUGIN)
        self.root.mkdir(parents=True, exist_ok=True)
        conf = self.root / "orthanc.json"
        conf.write_text(json.dumps(self._settings()), encoding="utf-8")
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen([program, str(conf)], stdout=log, stderr=log)
        wait_until(self._answers, "Orthanc answers", show=(self.root / "log").read_text)

    def stop(self) -> None:
        """Stop it; what it holds stays in its folder."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def knows(self, title: str, port: int, name: str = "dest") -> None:
        """Tell it where a title listens."""
        body = {"AET": title, "Host": "127.0.0.1", "Port": port}
        self.http.put(f"/modalities/{name}", json=body).raise_for_status()

    def forgets(self, name: str = "dest") -> None:
        """Let it forget that."""
        self.http.delete(f"/modalities/{name}").raise_for_status()

    def fill(self, paths: list[Path]) -> None:
        """Put objects into it."""
        send_objects(paths, Peer("127.0.0.1", self.port, self.title))

    def node(self, **more: object) -> Mapping[str, object]:
        """Give it as the settings describe it, without pauses."""
        return {
            "ae_title": self.title,
            "host": "127.0.0.1",
            "port": self.port,
            "find_pause_s": 0.0,
            "move_pause_s": 0.0,
            "timeout_s": 30.0,
            **more,
        }

    def web_node(self, **more: object) -> Mapping[str, object]:
        """The same for its DICOMweb service."""
        url = f"http://127.0.0.1:{self.http_port}/dicom-web"
        return {"method": "web", "url": url, "find_pause_s": 0.0, "move_pause_s": 0.0, **more}

    def _answers(self) -> bool:
        try:
            return self.http.get("/system").status_code == 200
        except httpx.TransportError:
            return False

    def _settings(self) -> dict[str, object]:
        return {
            "Name": "tests",
            "StorageDirectory": str(self.root / "store"),
            "IndexDirectory": str(self.root / "index"),
            "HttpPort": self.http_port,
            "DicomPort": self.port,
            "DicomAet": self.title,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomCheckCalledAet": False,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "DicomModalitiesInDatabase": True,
            "Plugins": [str(PLUGIN)] if self.web else [],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }


@contextmanager
def an_orthanc(root: Path, *, web: bool = False) -> Iterator[Orthanc]:
    """Run an Orthanc while a block lasts."""
    found = Orthanc(root, web=web)
    try:
        found.start()
        yield found
    finally:
        found.stop()
        found.http.close()
