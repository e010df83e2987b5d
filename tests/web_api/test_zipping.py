"""Archives as streams: readable by others, exactly as long as was promised."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from appliance.core import StorageError
from appliance.web import zipping
from appliance.web.zipping import ZipEntry, safe_zip_name, zip_bytes, zip_length


def entry(folder: Path, name: str, content: bytes) -> ZipEntry:
    path = folder / name.replace("/", "_")
    path.write_bytes(content)
    return ZipEntry(name, path, len(content), 1_700_000_000.0)


def test_an_archive_holds_what_was_put_in(tmp_path: Path) -> None:
    contents = {f"p/Ä {n}.nii": bytes([n]) * (n * 70_001) for n in range(20)}
    entries = [entry(tmp_path, name, content) for name, content in contents.items()]
    body = b"".join(zip_bytes(entries))
    assert len(body) == zip_length(entries)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        assert {one.filename: archive.read(one) for one in archive.infolist()} == contents
        assert archive.infolist()[0].date_time[0] == 2023


def test_large_sizes_and_offsets_take_64_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipping, "_MAX_32", 1000)
    entries = [entry(tmp_path, f"{n}.bin", b"x" * size) for n, size in enumerate((10, 3000, 5))]
    body = b"".join(zip_bytes(entries))
    assert len(body) == zip_length(entries)
    assert body.count(b"PK\6\6") == body.count(b"PK\6\7") == 1


def test_an_empty_archive_is_one(tmp_path: Path) -> None:
    assert zipfile.ZipFile(io.BytesIO(b"".join(zip_bytes([])))).namelist() == []


def test_a_file_that_has_become_shorter_ends_the_archive(tmp_path: Path) -> None:
    one = entry(tmp_path, "a.bin", b"0123456789")
    tmp_path.joinpath("a.bin").write_bytes(b"012")
    with pytest.raises(StorageError):
        b"".join(zip_bytes([one]))


def test_no_name_leads_out_of_the_folder() -> None:
    assert safe_zip_name("p", "../../etc", "a\\b/./c") == "p/_/_/etc/a_b/_/c"
