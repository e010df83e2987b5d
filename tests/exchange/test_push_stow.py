"""Sending by STOW-RS to an archive that refuses, is busy, or hangs up (GEN-06)."""

from __future__ import annotations

import email.utils
import http.server
import io
import json
import threading
import time
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian

from appliance.exchange import Pacs
from tests.exchange.kit import write_series
from tests.support.waiting import wait_until

UID = "1.2.826.0.1.3680043.10.996"


class Stow(http.server.BaseHTTPRequestHandler):
    """Takes what is posted and answers as the test says, one word for each request."""

    protocol_version = "HTTP/1.1"
    script: list[object]
    posts: list[list[pydicom.Dataset]]

    def do_POST(self):
        how = self.script.pop(0)
        if how == "hang up":  # in the middle of the objects
            self.rfile.read(200)
            self.posts.append([])
            self.close_connection = True
            return
        objects = self._objects()
        self.posts.append(objects)
        if how == "no word":  # taken, but nobody hears of it
            self.close_connection = True
            return
        if isinstance(how, tuple):
            self._say(*how)
        else:
            self._judge(objects, how)

    def _objects(self):
        body = b""
        while n := int(self.rfile.readline(), 16):
            body += self.rfile.read(n)
            self.rfile.readline()
        self.rfile.readline()
        boundary = b"--" + self.headers["Content-Type"].rpartition("boundary=")[2].encode()
        parts = [part.partition(b"\r\n\r\n")[2] for part in body.split(boundary)[1:-1]]
        return [pydicom.dcmread(io.BytesIO(part)) for part in parts]

    def _judge(self, objects, how):
        """Answer with a code for each object; a warning is a negative one, None says nothing."""
        taken, failed = [], []
        for ds, code in zip(objects, how, strict=True):
            item = {"00081155": {"vr": "UI", "Value": [ds.SOPInstanceUID]}}
            if code is not None and code <= 0:
                warning = {"00081196": {"vr": "US", "Value": [-code]}} if code else {}
                taken.append(item | warning)
            elif code:
                failed.append(item | {"00081197": {"vr": "US", "Value": [code]}})
        answer = {"00081199": {"vr": "SQ", "Value": taken}} if taken else {}
        answer |= {"00081198": {"vr": "SQ", "Value": failed}} if failed else {}
        status = 200 if not failed else 202 if taken else 409
        self._say(status, {"Content-Type": "application/dicom+json"}, json.dumps(answer).encode())

    def _say(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def stow():
    """An archive on loopback; `script` says what it answers, `posts` tells what came."""
    handler = type("Handler", (Stow,), {"script": [], "posts": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_port}/web"
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def push(make_kit, stow):
    """Bring objects in and send them; gives the push as it rests, and what was said of each."""
    opened = []

    def run(paths, *script, until=("done", "partial", "failed"), **more):
        stow.script[:] = script
        node = {"method": "web", "url": stow.url, "push": True, "push_check": False}
        kit = make_kit(**{"pacs.nodes": {"main": node | {"retry_s": 0.0, "tries": 2} | more}})
        for path in paths:
            kit.take_in(path)
        with kit.catalog.read() as con:
            [key] = [row[0] for row in con.execute("SELECT key FROM incoming_series")]
        pacs = Pacs(kit.importer, kit.settings)
        opened.append(pacs)
        pacs.pushes.forward("default", "main", [key], "owner")
        pacs.pushes.start()

        def rests():
            [row] = pacs.pushes.pushes("default")
            return row if row.state in until and row.tries else None

        row = wait_until(rests, "the push rests", show=lambda: pacs.pushes.pushes("default"))
        return row, pacs.pushes.answers("default", row.key)

    yield run
    for pacs in opened:
        pacs.close()


@pytest.fixture
def three(tmp_path):
    return write_series(tmp_path / "in", study_uid=f"{UID}.1", n=3)


def numbers(stow):
    return [sorted(int(ds.InstanceNumber) for ds in some) for some in stow.posts]


def test_GEN_06_each_failed_object_is_told_with_its_reason(push, stow, three):
    row, answers = push(three, [0x0110, 0x0122, 0xC000])
    assert (row.state, row.n_refused, row.tries) == ("failed", 3, 1)
    assert [one.code for one in answers] == [0x0110, 0x0122, 0xC000]
    assert [one.text for one in answers] == [
        "it failed (0x0110)",
        "it takes no objects of this kind (0x0122)",
        "it does not understand the object (0xC000)",
    ]
    assert "3 of 3 objects were refused: it failed (0x0110)" in row.reason


def test_GEN_06_a_warning_is_an_acknowledgement_and_is_told(push, stow, three):
    row, answers = push(three, [0, -0xB000, 0])
    assert (row.state, [one.text for one in answers]) == (
        "done",
        ["", "taken with a warning (0xB000)", ""],
    )


@pytest.mark.parametrize("code", [0xA700, None], ids=["full", "not told"])
def test_GEN_06_only_what_was_not_answered_for_goes_again(push, stow, three, code):
    row, answers = push(three, [0, code, 0x0110], [0])
    assert (row.state, row.tries, numbers(stow)) == ("partial", 2, [[1, 2, 3], [2]])
    assert [one.state for one in answers] == ["acknowledged", "acknowledged", "refused"]


@pytest.mark.parametrize("end", ["hang up", "no word"])
def test_GEN_06_a_connection_that_drops_midway_is_tried_again(push, stow, three, end):
    row, _ = push(three, end, [0, 0, 0])
    assert (row.state, row.tries, numbers(stow)[1]) == ("done", 2, [1, 2, 3])


def test_GEN_06_an_archive_that_always_hangs_up_fails_with_a_reason(push, stow, three):
    row, _ = push(three, "hang up", "hang up")
    assert (row.state, row.tries, row.n_sent) == ("failed", 2, 0)
    assert "does not answer" in row.reason


def test_GEN_06_a_busy_archive_is_asked_again_when_it_says(push, stow, three):
    row, _ = push(three, (503, {"Retry-After": "3600"}, b"later"), until=("queued",))
    assert "is busy (503)" in row.reason
    assert 3_590_000 < row.due_at - row.updated_at <= 3_600_000
    assert len(stow.posts) == 1


def test_GEN_06_a_date_until_which_it_is_busy_is_heeded(push, stow, three):
    date = email.utils.formatdate(time.time() + 7200, usegmt=True)
    row, _ = push(three, (429, {"Retry-After": date}, b""), until=("queued",))
    assert 7_000_000 < row.due_at - row.updated_at <= 7_200_000


@pytest.mark.parametrize("said", ["0", "soon", "Sun, 22 Nov 1998 07:28:00 GMT"])
def test_GEN_06_without_a_time_to_come_the_own_wait_holds(push, stow, three, said):
    row, _ = push(three, (503, {"Retry-After": said}, b""), [0, 0, 0])
    assert (row.state, row.tries) == ("done", 2)


def test_GEN_06_an_object_in_a_form_it_does_not_take_goes_unpacked_once(push, stow):
    path = Path(get_testdata_file("MR_small_RLE.dcm"))
    row, [answer] = push([path], [0xC122], [0])
    assert (row.state, "unpacked for it" in answer.text) == ("done", True)
    [[packed], [plain]] = stow.posts
    assert packed.file_meta.TransferSyntaxUID.is_compressed
    assert plain.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert (plain.pixel_array == pydicom.dcmread(path).pixel_array).all()


def test_GEN_06_what_it_does_not_take_unpacked_either_is_told(push, stow):
    row, [answer] = push([Path(get_testdata_file("MR_small_RLE.dcm"))], [0xC122], [0xC122])
    assert (row.state, len(stow.posts), answer.code) == ("failed", 2, 0xC122)
    assert answer.text == "it takes the object neither as it is stored nor unpacked (0xC122)"


def test_GEN_06_a_plain_object_is_not_sent_twice_for_its_form(push, stow, three):
    row, answers = push(three, [0, 0xC122, 0])
    assert (row.state, len(stow.posts)) == ("partial", 1)
    assert answers[1].text == "it takes no objects in this form (0xC122)"


def test_GEN_06_what_was_taken_stays_taken_when_the_unpacked_one_meets_a_hang_up(
    push, stow, tmp_path, three
):
    packed = pydicom.dcmread(three[1])
    packed.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    packed.save_as(three[1], enforce_file_format=True)
    row, _ = push(three, [0, 0xC122, 0], "hang up", [0xC122], [0])
    assert (row.state, row.tries) == ("done", 2)
    assert numbers(stow) == [[1, 2, 3], [], [2], [2]]
