"""Peers that break the rules: each is shut out, nothing of it stays, and others are served on."""

from __future__ import annotations

import gc
import logging
import socket
import struct
from pathlib import Path
from random import Random

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynetdicom import AE

from appliance.exchange import DicomListener, pdu
from appliance.exchange.wire import Malformed
from tests.exchange.kit import Kit, write_series
from tests.support.waiting import wait_until

MR, EXPLICIT = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1"
N_CASES = 240


def item(kind, value):
    return struct.pack(">BBH", kind, 0, len(value)) + value


def request(*contexts):
    """An association request with contexts of the class of MR images."""
    body = b"\0\1\0\0" + b"NORA".ljust(16) + b"MUTANT".ljust(16) + bytes(32)
    body += item(0x10, b"1.2.840.10008.3.1.1.1")
    for number in contexts or (1,):
        syntaxes = item(0x30, MR.encode()) + item(0x40, EXPLICIT.encode())
        body += item(0x20, bytes((number, 0, 0, 0)) + syntaxes)
    body += item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3"))
    return packed(1, body)


def packed(kind, body):
    return struct.pack(">BBI", kind, 0, len(body)) + body


def store(data, *, context=1, uid="1.2.3.4", pieces=3):
    """The PDUs of a C-STORE."""
    command = pdu.write_command(
        [(0x0002, MR), (0x0100, 1), (0x0110, 1), (0x0700, 0), (0x0800, 1), (0x1000, uid)]
    )
    room = len(data) // pieces + 7
    return list(pdu.data_pdus(context, command, data, room + 6))


def fragment(context, control, data=b""):
    return packed(4, struct.pack(">IBB", len(data) + 2, context, control) + data)


RELEASE, ABORT = packed(5, bytes(4)), packed(7, bytes(4))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return pydicom.dcmread(write_series(tmp_path_factory.mktemp("one"), n=1)[0])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data set without its file meta information."""
    found = write_series(tmp_path_factory.mktemp("data"), n=1)[0].read_bytes()
    return found[144 + int.from_bytes(found[140:144], "little") :]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    kit = Kit(tmp_path_factory.mktemp("fuzz") / "data")
    listener = DicomListener(kit.importer, kit.settings)
    listener.start()
    yield kit, listener
    listener.stop()
    kit.close()


def speak(listener, *parts):
    """Say all of it, and hear all that is answered until the line is closed."""
    heard = bytearray()
    with socket.create_connection(("127.0.0.1", listener.port), 30) as line:
        try:
            line.sendall(b"".join(parts))
            line.shutdown(socket.SHUT_WR)
            while piece := line.recv(65536):
                heard += piece
        except ConnectionError:
            pass  # it hung up on us in the middle
    return bytes(heard)


def kinds(heard):
    found, at = [], 0
    while at + 6 <= len(heard):
        found.append(heard[at])
        at += 6 + int.from_bytes(heard[at + 2 : at + 6], "big")
    return found


def is_well(kit, listener, dataset):
    """Nobody is left over, nothing half is on the disk, and an honest sender is served."""
    wait_until(lambda: not listener._guests, "all have gone", within_s=30)
    assert not list(kit.folder.incoming.rglob("*.part"))
    entity = AE("HONEST")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
    entity.add_requested_context(MR, EXPLICIT)
    association = entity.associate("127.0.0.1", listener.port, ae_title="NORA")
    assert association.send_c_store(dataset).Status == 0
    association.release()


BROKEN = {
    "nothing at all": lambda data: [],
    "no association": lambda data: [*store(data), RELEASE],
    "no DICOM": lambda data: [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
    "a length of 4 GB": lambda data: [b"\x01\0\xff\xff\xff\xff" + bytes(100)],
    "a request cut off": lambda data: [request()[:50]],
    "two contexts with one number": lambda data: [request(1, 1)],
    "a context with an even number": lambda data: [request(2)],
    "a second request": lambda data: [request(), request()],
    "an oversized PDU": lambda data: [request(), packed(4, bytes(140_000))],
    "a fragment beyond its PDU": lambda data: [request(), packed(4, b"\0\0\xff\xff\1\3")],
    "a fragment of no size": lambda data: [request(), packed(4, bytes(4))],
    "an unknown context": lambda data: [request(), *store(data, context=3)],
    "a data set without a command": lambda data: [request(), fragment(1, 2, data)],
    "a command within a data set": lambda data: [
        request(),
        *store(data)[:2],
        *store(data, uid="1.2.3.5"),
    ],
    "data sets interleaved": lambda data: [
        request(1, 3),
        store(data)[0],
        store(data, context=3)[0],
    ],
    "a release within a data set": lambda data: [request(), *store(data)[:-1], RELEASE],
    "a command of garbage": lambda data: [request(), fragment(1, 3, b"\xff" * 60)],
    "an endless command": lambda data: [request(), *[fragment(1, 1, bytes(60_000))] * 3],
    "a command without a name": lambda data: [
        request(),
        fragment(1, 3, pdu.write_command([(0x0002, MR)])),
    ],
    "a PDU of no kind": lambda data: [request(), packed(9, bytes(4))],
}


@pytest.mark.parametrize("name", BROKEN)
def test_who_breaks_the_rules_is_aborted(running, dataset, data, name):
    kit, listener = running
    heard = kinds(speak(listener, *BROKEN[name](data)))
    assert not heard or heard[-1] == pdu.ABORT
    told = heard or name in ("nothing at all", "a request cut off")
    assert told or sum(map(len, BROKEN[name](data))) > 1 << 16  # it may miss it while it sends
    is_well(kit, listener, dataset)


def test_who_goes_in_the_middle_leaves_nothing(running, dataset, data):
    kit, listener = running
    before = set(kit.folder.incoming.rglob("*.dcm"))
    for parts in ([request(), *store(data)[:-1]], [request(), *store(data)[:-1], ABORT]):
        speak(listener, *parts)
    wait_until(lambda: not listener._guests, "all have gone")
    assert set(kit.folder.incoming.rglob("*.dcm")) == before
    is_well(kit, listener, dataset)


def test_a_data_set_without_an_identifier_or_a_known_command_is_answered(running, data):
    _, listener = running
    for elements, status in (
        ([(0x0002, MR), (0x0100, 1), (0x0110, 1), (0x0800, 1)], 0x0117),
        ([(0x0002, MR), (0x0100, 1), (0x0110, 1), (0x0800, 1), (0x1000, "../x")], 0x0117),
        ([(0x0002, MR), (0x0100, 0x20), (0x0110, 1), (0x0800, 1)], 0x0211),
        ([(0x0002, MR), (0x0100, 1), (0x0110, 1), (0x0800, 0x0101), (0x1000, "1.2")], 0xC000),
    ):
        command = fragment(1, 3, pdu.write_command(elements))
        follows = [] if elements[3][1] == 0x0101 else [fragment(1, 2, data)]
        heard = speak(listener, request(), command, *follows, RELEASE)
        assert kinds(heard) == [2, 4, 6]
        answer = heard[heard.index(struct.pack("<HHI", 0, 0x0900, 2)) + 8 :][:2]
        assert int.from_bytes(answer, "little") == status


def test_silent_ones_do_not_keep_others_out(make_kit, dataset):
    kit = make_kit(**{"dicom.max_associations": 2})
    listener = DicomListener(kit.importer, kit.settings)
    listener.start()
    silent = [socket.create_connection(("127.0.0.1", listener.port), 30) for _ in range(30)]
    try:
        wait_until(lambda: len(listener._guests) == 18, "no more are listened to")
        for one in silent[:4]:
            one.close()
        wait_until(lambda: len(listener._guests) <= 14, "some went")
        entity = AE("HONEST")
        entity.add_requested_context(MR, EXPLICIT)
        association = entity.associate("127.0.0.1", listener.port, ae_title="NORA")
        assert association.send_c_store(dataset).Status == 0
        association.release()
    finally:
        for one in silent:
            one.close()
        listener.stop()


def n_handles():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def mutated(random: Random, parts: list[bytes]) -> list[bytes]:
    """Spoil some of it: bytes, lengths, order, ends."""
    found = list(parts)
    for _ in range(random.randint(1, 4)):
        k = random.randrange(len(found))
        part = bytearray(found[k])
        how = random.randrange(7)
        if how == 0 and part:
            for _ in range(random.randint(1, 8)):
                part[random.randrange(len(part))] = random.randrange(256)
        elif how == 1 and len(part) > 6:
            part[2:6] = struct.pack(">I", random.choice((0, 1, 5, len(part), 70_000, 2**31)))
        elif how == 2:
            del part[random.randrange(len(part) + 1) :]
        elif how == 3:
            part[random.randrange(len(part) + 1) : 0] = random.randbytes(random.randint(1, 300))
        elif how == 4 and len(part) > 80:
            part[random.randrange(6, 80)] = random.randrange(256)
        elif how == 5:
            found.insert(random.randrange(len(found) + 1), found[k])
        else:
            other = random.randrange(len(found))
            found[k], found[other] = found[other], found[k]
            continue
        found[k] = bytes(part)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_mutants_neither_hang_nor_leak(running, dataset, data, caplog, seed):
    kit, listener = running
    random = Random(seed)
    speak(listener, request(), *store(data), RELEASE)
    gc.collect()
    handles = n_handles()
    with caplog.at_level(logging.ERROR):
        for _ in range(N_CASES // 4):
            uid = f"1.2.3.{random.randrange(10**9)}"
            parts = [request(1, 3), *store(data, uid=uid, pieces=random.randint(1, 5)), RELEASE]
            speak(listener, *mutated(random, parts))
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    wait_until(lambda: not listener._guests, "all have gone")
    gc.collect()
    assert n_handles() <= handles + 4
    is_well(kit, listener, dataset)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_the_readers_of_bytes_know_one_complaint(raw):
    whole = request()[6:]
    for read in (
        lambda: pdu.parse_associate(memoryview(raw)),
        lambda: pdu.parse_associate(memoryview(whole[:68] + raw)),
        lambda: list(pdu.fragments(memoryview(raw))),
        lambda: pdu.parse_command(raw),
    ):
        try:
            read()
        except Malformed:
            continue
