"""Receivers of C-STORE in processes of their own: ours, Orthanc, DCMTK's storescp, pynetdicom.

Called as ``python _receivers.py {ours,pynetdicom} FOLDER`` it is one of them and prints its port.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.exchange.kit import Kit
from tests.support.needs import needs
from tests.support.orthanc import an_orthanc
from tests.support.service import free_port
from tests.support.waiting import wait_until

__all__ = ["RECEIVERS", "receiving"]

RECEIVERS = ("ours", "orthanc", "storescp", "pynetdicom")


@contextmanager
def receiving(name: str, root: Path) -> Iterator[int]:
    """Run a receiver while a block lasts; gives its port."""
    if name == "orthanc":
        with an_orthanc(root / name) as orthanc:
            yield orthanc.port
        return
    (root / name).mkdir(parents=True)
    port = free_port()
    command = [sys.executable, __file__, name, str(root / name), str(port)]
    if name == "storescp":
        folder = ["-od", str(root / name), "+B"]
        command = [needs("storescp"), "--fork", *folder, "-pdu", "131072", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(port), f"{name} answers")
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    command = [needs("echoscu"), "-aec", "ARCHIVE", "127.0.0.1", str(port)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _ours(folder: Path, port: int) -> None:
    """The listener, its receipts and its journal; sorting and conversion come later."""
    from appliance.exchange import DicomListener

    kit = Kit(folder / "data", **{"dicom.port": port})
    DicomListener(kit.importer, kit.settings).start()


def _pynetdicom(folder: Path, port: int) -> None:
    """As its manual shows it, and synced to the disk."""
    from pynetdicom import AE, AllStoragePresentationContexts, evt

    def on_store(event: Any) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        path = folder / f"{dataset.SOPInstanceUID}.dcm"
        with path.open("wb") as stream:
            dataset.save_as(stream, enforce_file_format=True)
            stream.flush()
            os.fsync(stream.fileno())
        return 0x0000

    entity = AE("ARCHIVE")
    entity.supported_contexts = AllStoragePresentationContexts
    entity.add_supported_context("1.2.840.10008.1.1")
    handlers: list[Any] = [(evt.EVT_C_STORE, on_store)]
    entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)


if __name__ == "__main__":
    import threading

    {"ours": _ours, "pynetdicom": _pynetdicom}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
    threading.Event().wait()
