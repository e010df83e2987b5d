"""DCMTK's findscu and movescu against us: who may, what they find, where it goes (GEN-06)."""

from __future__ import annotations

import subprocess

import pydicom
import pytest

from appliance.core import SettingsError
from appliance.exchange import DicomListener
from appliance.exchange.pacs_nodes import Nodes
from tests.exchange.kit import write_series
from tests.support.needs import needs
from tests.support.service import free_port

UID = "1.2.826.0.1.3680043.10.987"
STATION = {"calling": "WS1", "project": "default", "names": True}
CODES = STATION | {"names": False}


class House:
    """A listener over two studies of one project, and a station that objects may go to."""

    def __init__(self, kit, folder):
        self.kit, self.folder = kit, folder
        self.port = kit.settings.pacs.nodes["ws"].port
        self.sent = []
        for n, name in enumerate(("DOE^JANE", "MÜLLER^ÄNNE"), 1):
            more = {"patient_id": f"P{n}", "name": name, "SpecificCharacterSet": "ISO_IR 100"}
            paths = write_series(folder / f"in{n}", study_uid=f"{UID}.{n}", n=2, size=8, **more)
            kit.take_in(paths[0].parent)
            self.sent += paths
        links = Nodes(kit.settings, kit.folder).links
        self.listener = DicomListener(kit.importer, kit.settings, links=links)
        self.listener.start()

    def ask(self, program, *arguments, title="WS1"):
        peer = ["-aet", title, "-aec", "NORA", "127.0.0.1", str(self.listener.port)]
        command = [needs(program), "-v", *arguments, *peer]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def find(self, level, *keys, model="-S", title="WS1"):
        """Give the answers of a query as data sets."""
        out = self.folder / f"answers{len(list(self.folder.iterdir()))}"
        out.mkdir()
        words = [word for key in (f"QueryRetrieveLevel={level}", *keys) for word in ("-k", key)]
        done = self.ask("findscu", model, "-X", "-od", str(out), *words, title=title)
        answers = [pydicom.dcmread(path, force=True) for path in sorted(out.iterdir())]
        return done, answers

    def move(self, level, *keys, model="-S", title="WS1", to="WS1"):
        """Have objects sent to the very movescu; gives what came."""
        out = self.folder / f"came{len(list(self.folder.iterdir()))}"
        out.mkdir()
        words = [word for key in (f"QueryRetrieveLevel={level}", *keys) for word in ("-k", key)]
        own = ["+P", str(self.port), "-aem", to, "-od", str(out)]
        done = self.ask("movescu", model, *own, *words, title=title)
        return done, sorted(out.iterdir())


@pytest.fixture
def house(make_kit, tmp_path):
    started = []

    def start(*readers, **node):
        station = {"ae_title": "WS1", "host": "127.0.0.1", "port": free_port(), "push": True}
        nodes = {"ws": station | {"push_check": False} | node}
        kit = make_kit(**{"dicom.readers": list(readers), "pacs.nodes": nodes})
        started.append(House(kit, tmp_path))
        return started[-1]

    yield start
    for one in started:
        one.listener.stop()


def test_GEN_06_findscu_finds_at_every_level_and_model(house):
    here = house(STATION)
    _, studies = here.find("STUDY", "PatientName=m*", "PatientID", "StudyInstanceUID")
    [found] = studies
    assert (str(found.PatientName), found.PatientID) == ("MÜLLER^ÄNNE", "P2")
    assert (found.StudyInstanceUID, found.RetrieveAETitle) == (f"{UID}.2", "NORA")
    assert "StudyDate" not in found  # nothing is told that was not asked for
    wanted = ("NumberOfStudyRelatedInstances", "ModalitiesInStudy", "AccessionNumber")
    _, [one] = here.find("STUDY", f"StudyInstanceUID={UID}.1", "StudyDate=20240501-", *wanted)
    assert (one.NumberOfStudyRelatedInstances, one.ModalitiesInStudy) == (2, "MR")
    assert one.AccessionNumber == ""
    _, [one] = here.find("SERIES", f"StudyInstanceUID={UID}.1", "SeriesNumber", "SeriesInstanceUID")
    assert (one.SeriesNumber, one.SeriesInstanceUID) == (3, f"{UID}.1.3")
    _, objects = here.find("IMAGE", f"SeriesInstanceUID={UID}.1.3", "SOPInstanceUID")
    assert sorted(one.SOPInstanceUID for one in objects) == [f"{UID}.1.3.1", f"{UID}.1.3.2"]
    _, people = here.find("PATIENT", "PatientID", model="-P")
    assert sorted(one.PatientID for one in people) == ["P1", "P2"]
    assert here.find("STUDY", "PatientID=NOBODY")[1] == []


def test_GEN_06_movescu_gets_the_very_objects_and_that_is_on_record(house):
    here = house(STATION)
    done, came = here.move("STUDY", f"StudyInstanceUID={UID}.1")
    assert done.returncode == 0, done.stderr
    assert [_data(path) for path in came] == [_data(path) for path in here.sent[:2]]
    done, came = here.move("IMAGE", f"SOPInstanceUID={UID}.2.3.1")
    assert (done.returncode, len(came)) == (0, 1), done.stderr
    with here.kit.catalog.read() as con:
        rows = con.execute("SELECT actor FROM operations WHERE verb = 'pacs-push'").fetchall()
    assert [row["actor"] for row in rows] == ["dicom:WS1", "dicom:WS1"]


def test_without_names_answers_and_objects_carry_codes(house, caplog):
    here = house(CODES)
    _, studies = here.find("STUDY", "PatientName", "PatientID", "StudyInstanceUID")
    assert len(studies) == 2
    assert all(one.PatientID.startswith("S-") for one in studies)
    assert not {f"{UID}.1", f"{UID}.2"} & {one.StudyInstanceUID for one in studies}
    _, came = here.move("STUDY", f"StudyInstanceUID={studies[0].StudyInstanceUID}")
    assert len(came) == 2
    for path in came:
        assert pydicom.dcmread(path).PatientIdentityRemoved == "YES"
        assert not any(word in path.read_bytes() for word in (b"DOE", b"JANE", UID.encode()))
    assert here.find("STUDY", "PatientID=P1", "StudyInstanceUID")[1] == []
    assert not any(word in caplog.text for word in ("DOE", "P1,", UID))
    assert list(here.kit.folder.tmp.iterdir()) == []


def test_who_is_no_reader_is_offered_nothing(house):
    here = house(STATION | {"address": "10.1.0.0/16"}, CODES | {"calling": "OTHER"})
    for title in ("WS1", "STRANGER"):
        done, answers = here.find("STUDY", "PatientID", title=title)
        assert (done.returncode != 0, answers) == (True, [])
        done, came = here.move("STUDY", f"StudyInstanceUID={UID}.1", title=title)
        assert (done.returncode != 0, came) == (True, [])
    assert len(here.find("STUDY", "PatientID", title="OTHER")[1]) == 2


@pytest.mark.parametrize(
    ("reader", "node", "to", "told"),
    [
        (STATION, {}, "ELSE", "Unknown"),
        (STATION, {"push": False}, "WS1", "Unknown"),
        (STATION, {"projects": ["other"]}, "WS1", "Unknown"),
        (CODES, {"push_check": True}, "WS1", "0x124"),
    ],
)
def test_nothing_goes_where_nothing_may_go(house, reader, node, to, told):
    here = house(reader, **node)
    _, [one, *_] = here.find("STUDY", "StudyInstanceUID")
    done, came = here.move("STUDY", f"StudyInstanceUID={one.StudyInstanceUID}", to=to)
    assert came == []
    assert told in done.stdout + done.stderr


def test_what_makes_no_sense_is_answered_and_the_next_is_served(house):
    here = house(STATION)
    done, answers = here.find("NONSENSE", "PatientID")
    assert ("DoesNotMatch" in done.stdout + done.stderr, answers) == (True, [])
    done, came = here.move("STUDY", "PatientID=P1")
    assert ("DoesNotMatch" in done.stdout + done.stderr, came) == (True, [])
    assert len(here.find("STUDY", "PatientID")[1]) == 2


@pytest.mark.parametrize("reader", [STATION | {"address": "nowhere"}, STATION | {"calling": " "}])
def test_readers_that_cannot_be_are_refused(make_kit, reader):
    kit = make_kit(**{"dicom.readers": [reader]})
    with pytest.raises(SettingsError, match=r"dicom\.readers"):
        DicomListener(kit.importer, kit.settings)


def _data(path):
    """The data set of an object, without its file meta."""
    data = path.read_bytes()
    return data[144 + int.from_bytes(data[140:144], "little") :]
