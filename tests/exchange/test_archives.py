"""Zips: judged before a byte is unpacked; a bad one is refused, kept, and says why."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile

import pytest

from appliance.core import DiskFull
from tests.exchange.kit import write_series


def zip_with(members: dict[str, bytes], **more) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **more) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def series_zip(tmp_path, n=4, **more) -> bytes:
    paths = write_series(tmp_path / "series", n=n, **more)
    return zip_with({f"export/{p.name}": p.read_bytes() for p in paths})


def sent(kit, tmp_path, data: bytes):
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    return kit.upload(path)


def with_link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("link")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    return buffer.getvalue()


def encrypted() -> bytes:
    data = bytearray(zip_with({"a.dcm": b"x" * 50}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    return bytes(data)


BAD = {
    "leads out": zip_with({"../escaped.dcm": b"x"}),
    "leads out of": zip_with({"/etc/absolute.dcm": b"x"}),
    "leads": zip_with({"..\\windows.dcm": b"x"}),
    "link": with_link(),
    "encrypted": encrypted(),
    "times its size": zip_with({"bomb": bytes(64 << 20)}, compresslevel=9),
    "damaged": b"PK\x03\x04 and then nothing",
    "no files": zip_with({}),
}


def test_IMP_01_a_zip_is_unpacked_and_imported(kit, tmp_path):
    receipt = sent(kit, tmp_path, series_zip(tmp_path))
    assert (receipt.state, receipt.n_files, receipt.n_done) == ("done", 4, 4)
    assert len(kit.images()) == 1
    assert not list(kit.folder.incoming.rglob("*.zip"))
    names = kit.importer.original_names(receipt.key, actor="o")
    assert min(names.values()) == "a.zip!/export/IM3_0000.dcm"


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_zip_is_refused_and_kept(kit, tmp_path, reason):
    receipt = sent(kit, tmp_path, BAD[reason])
    assert (receipt.state, receipt.n_quarantined) == ("failed", 1)
    assert reason in receipt.reason
    kept = kit.folder.quarantine / receipt.key / receipt.items[0].name
    assert kept.read_bytes() == BAD[reason]
    assert not [p for p in tmp_path.rglob("*") if p.name in ("escaped.dcm", "absolute.dcm")]


def test_limits_of_the_settings_hold(make_kit, tmp_path):
    kit = make_kit(**{"imports.max_files": 3, "imports.max_total_bytes": 1000})
    assert "more than 3" in sent(kit, tmp_path, series_zip(tmp_path)).reason
    assert "unpacks to" in sent(kit, tmp_path, zip_with({"a": b"x" * 2000})).reason


def test_a_zip_in_a_zip_is_unpacked_one_level_deep(kit, tmp_path):
    inner = series_zip(tmp_path)
    assert sent(kit, tmp_path, zip_with({"inner.zip": inner})).n_done == 4
    deep = zip_with({"b.zip": zip_with({"c.zip": inner})})
    receipt = sent(kit, tmp_path, deep)
    assert receipt.state == "failed"
    assert "within" in receipt.reason


def test_a_damaged_member_fails_alone_and_the_zip_is_kept(kit, tmp_path):
    data = bytearray(series_zip(tmp_path))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        at = archive.infolist()[1].header_offset
    data[at + 120 : at + 160] = bytes(40)
    receipt = sent(kit, tmp_path, bytes(data))
    assert (receipt.state, receipt.n_done, receipt.n_quarantined) == ("partial", 3, 1)
    assert bytes(data) in [p.read_bytes() for p in kit.folder.quarantine.rglob("*.zip")]


def test_more_bytes_than_announced_are_not_written(kit, tmp_path):
    data = bytearray(zip_with({"a.dcm": bytes(5000)}))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (100).to_bytes(4, "little")
    receipt = sent(kit, tmp_path, bytes(data))
    assert receipt.state == "failed"
    assert not [
        p for p in kit.folder.incoming.rglob("*") if p.is_file() and p.stat().st_size > 4000
    ]


def test_an_upload_that_does_not_fit_is_refused_before_a_byte_is_taken(kit):
    free = kit.folder.free_bytes()
    with pytest.raises(DiskFull):
        kit.importer.begin_upload("default", "a.zip", size_bytes=free)
    with kit.catalog.read() as con:
        assert con.execute("SELECT count(*) FROM receipts").fetchone()[0] == 0


def tar_with(members: dict[str, bytes], mode: str = "w:gz", *extra: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)
    return buffer.getvalue()


def sent_as(kit, tmp_path, name: str, data: bytes):
    path = tmp_path / name
    path.write_bytes(data)
    return kit.upload(path)


def special(kind: bytes, name: str = "a", to: str = "/etc/passwd") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.TGZ", "w:gz"), ("a.tar.xz", "w:xz")],
)
def test_IMP_07_a_tar_is_unpacked_and_imported(kit, tmp_path, name, mode):
    paths = write_series(tmp_path / "series", size=32)
    members = {f"./export/{p.name}": p.read_bytes() for p in paths}
    receipt = sent_as(kit, tmp_path, name, tar_with({**members, "./._x": b"junk"}, mode))
    assert (receipt.state, receipt.n_files, receipt.n_done) == ("done", 4, 4)
    names = kit.importer.original_names(receipt.key, actor="o")
    assert min(names.values()) == f"{name}!/./export/IM3_0000.dcm"


BAD_TARS = {
    "leads out": tar_with({"../escaped.dcm": b"x"}),
    "leads out of": tar_with({"/etc/absolute.dcm": b"x"}),
    "link": tar_with({}, "w:gz", special(tarfile.SYMTYPE)),
    "link or": tar_with({"b": b"x"}, "w:gz", special(tarfile.LNKTYPE, to="b")),
    "device": tar_with({}, "w:gz", special(tarfile.CHRTYPE)),
    "times its size": tar_with({"bomb": bytes(64 << 20)}),
    "damaged": b"\x1f\x8b\x08 and then nothing",
    "no files": tar_with({}),
}


@pytest.mark.parametrize("reason", BAD_TARS)
def test_a_bad_tar_is_refused_and_kept(kit, tmp_path, reason):
    receipt = sent_as(kit, tmp_path, "a.tar.gz", BAD_TARS[reason])
    assert (receipt.state, receipt.n_quarantined) == ("failed", 1)
    assert reason in receipt.reason
    kept = kit.folder.quarantine / receipt.key / receipt.items[0].name
    assert kept.read_bytes() == BAD_TARS[reason]


def test_a_header_that_would_fill_the_memory_is_refused(kit, tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, (8 << 30) - 1
    receipt = sent_as(kit, tmp_path, "a.tar", info.tobuf(tarfile.USTAR_FORMAT) + bytes(1024))
    assert (receipt.state, "damaged" in receipt.reason) == ("failed", True)


def test_limits_of_the_settings_hold_for_tars(make_kit, tmp_path):
    kit = make_kit(**{"imports.max_files": 3, "imports.max_total_bytes": 1000})
    many = tar_with({str(k): b"x" for k in range(5)})
    assert "more than 3" in sent_as(kit, tmp_path, "a.tar.gz", many).reason
    big = tar_with({"a": b"x" * 2000})
    assert "unpacks to" in sent_as(kit, tmp_path, "b.tar.gz", big).reason


def test_a_tar_in_a_zip_and_a_zip_in_a_tar_are_unpacked(kit, tmp_path):
    paths = write_series(tmp_path / "series")
    inner = tar_with({p.name: p.read_bytes() for p in paths[:2]})
    assert sent(kit, tmp_path, zip_with({"in.tar.gz": inner})).n_done == 2
    inner = zip_with({p.name: p.read_bytes() for p in paths[2:]})
    assert sent_as(kit, tmp_path, "a.tar", tar_with({"in.zip": inner}, "w")).n_done == 2


def test_a_tar_that_is_cut_off_gives_what_it_has_and_is_kept(kit, tmp_path):
    paths = write_series(tmp_path / "series", n=4, size=64)
    data = tar_with({p.name: p.read_bytes() for p in paths}, "w")
    broken = data[: len(data) // 2]
    receipt = sent_as(kit, tmp_path, "a.tar", broken)
    assert receipt.state in ("partial", "failed")
    assert broken in [p.read_bytes() for p in kit.folder.quarantine.rglob("*.tar")]


def test_a_7z_is_refused_with_what_to_do(kit, tmp_path):
    receipt = sent_as(kit, tmp_path, "a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(40))
    assert (receipt.state, "not unpacked" in receipt.reason) == ("failed", True)
    assert "zip or a tar" in receipt.hint
