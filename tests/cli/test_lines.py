"""Every action of NORA's grammar, in this process, against a server behind which all works."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from appliance import catalog
from appliance.client import Client
from appliance.client.volumes import Volume, encode_volume
from tests.cli.shell import Shell, use_server

PROJECT = "lines"
STUDY = "P-1#2024"


def write_nifti(path, data):
    path.write_bytes(encode_volume(Volume(data, np.eye(4))))


def _image_file(nora):
    path = nora.services.folder.tmp / "scan.nii"
    write_nifti(path, np.random.default_rng().integers(0, 255, (2, 3, 4), np.uint8))
    return path


@pytest.fixture
def nora(works, capsys, monkeypatch):
    use_server(monkeypatch, works)
    shell = Shell(capsys, works.services, PROJECT, STUDY)
    if not shell.root.exists():
        _fill(shell)
    return shell


def _fill(shell):
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        client.create_project(PROJECT, "mri")

    def studies(tx):
        project = catalog.get_project(tx.con, PROJECT)
        subject = catalog.ensure_subject(tx, project.id, "P-1")
        for sid, date in (("2023", "2023-01-01"), ("2024", "2024-01-01")):
            catalog.ensure_study(tx, subject, sid, date=date)
        catalog.ensure_study(tx, catalog.ensure_subject(tx, project.id, "P 2 & !x"), "first")

    shell.services.catalog.write(studies)
    image = (np.ones((2, 3, 4), np.uint8), np.eye(4))
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        client.put(PROJECT, STUDY, "t1/s001.nii", image)
        client.put(PROJECT, STUDY, "mask.nii", image, tags=["mask"])
        client.put(PROJECT, "P-1#2023", "mask.nii", image)
        client.put(PROJECT, STUDY, "META/radio.json", {"mask": {"volume": 12.5}})
        client.put(PROJECT, STUDY, "two words.txt", "x")
        client.put(PROJECT, "P 2 & !x#first", "odd.txt", "x")


def test_CLI_09_select_names_files_by_study_and_pattern(nora):
    assert nora.lines("-s", "mask.nii") == [
        nora.path("mask.nii", "P-1#2023"),
        nora.path("mask.nii"),
    ]
    assert nora.lines("-s", STUDY, "*.nii") == [
        nora.path("mask.nii"),
        nora.path("t1/s001.nii"),
    ]
    assert nora.lines("-s", "P-1#LATEST", "mask*") == [nora.path("mask.nii")]
    assert nora.lines("-s", "P-1#OLDEST", "mask*") == [nora.path("mask.nii", "P-1#2023")]
    assert nora.lines("-s", f"{STUDY} t1/*") == [nora.path("t1/s001.nii")]


def test_CLI_09_an_absolute_path_means_that_file_even_with_blanks(nora):
    for name in ("two words.txt", "mask.nii"):
        assert nora.lines("-s", STUDY, nora.path(name)) == [nora.path(name)]
    assert nora.lines("-s", nora.path("two words.txt")) == [nora.path("two words.txt")]


def test_SEL_x04_a_list_of_studies_is_read_from_a_file_of_this_machine(nora, tmp_path):
    path = tmp_path / "list of studies"
    path.write_text(f"# ours\n\nP-1#2023\n{STUDY}\nP 2 & !x#first\n", encoding="utf-8")
    assert len(nora.lines("-s", f"file:{path}", "mask.nii")) == 2
    assert nora.lines("-s", f"file:{path}", "odd.txt") == [nora.path("odd.txt", "P 2 & !x#first")]
    assert len(nora.lines("-s", f"file:{path}")) == 6
    for text, said in (("", "lists no study"), ("\0", "no study")):
        path.write_text(text, encoding="utf-8")
        code, _, err = nora.run("-p", PROJECT, "-s", f"file:{path}", "*")
        assert code == 2 or said in err
    code, _, err = nora.run("-p", PROJECT, "-s", "file:/nowhere", "*")
    assert (code, "cannot read the list" in err) == (2, True)


def test_CLI_09_select_as_json_csv_and_by_filename(nora):
    [row] = nora.rows("-s", "--json", "META/*")
    assert (row["psid"], row["content"]) == (STUDY, {"mask": {"volume": 12.5}})
    by_name = nora.rows("-s", "--json", "--byfilename", "mask.nii")
    assert [row["psid"] for row in by_name["mask.nii"]] == ["P-1#2023", STUDY]
    assert nora.lines("-s", "--byfilename", "mask.nii")[0] == "mask.nii"
    table = nora.csv("-s", "--csv", "FTAG:mask")
    assert [(row["psid"], row["tags"]) for row in table] == [(STUDY, "mask")]


def test_CLI_10_11_x03_tags_of_files_and_the_answer_of_nothing_found(nora):
    nora("--addtag", "good,seen", "-s", STUDY, nora.path("mask.nii"))
    assert nora.lines("-s", "FTAG:seen") == [nora.path("mask.nii")]
    nora("--rmtag", "seen", "-s", "*mask*")
    code, out, err = nora.run("-p", PROJECT, "-s", "FTAG:seen")
    assert (code, out) == (1, "")
    assert "matches 'FTAG:seen'" in err


def test_CLI_07_08_outputs_have_a_place_before_they_exist(nora, monkeypatch):
    assert nora.lines("-o", STUDY, "results/x y.nii") == [nora.path("results/x y.nii")]
    assert nora.lines("--pathout", "P-1#LATEST results") == [nora.path("results")]
    assert nora.lines("-o", "P-1", "x.nii") == [
        nora.path("x.nii", "P-1#2023"),
        nora.path("x.nii"),
    ]
    assert nora.rows("-o", STUDY, "x.nii", "--json")[0]["psid"] == STUDY
    assert nora.run("-p", PROJECT, "-o", "x.nii")[0] == 2
    monkeypatch.setenv("DPXpsid", STUDY)
    assert nora.lines("-o", "x.nii") == [nora.path("x.nii")]
    monkeypatch.setenv("NORA_SUBJECT", "P-1")
    monkeypatch.setenv("NORA_STUDY", "2023")
    assert nora.lines("-o", "x.nii") == [nora.path("x.nii", "P-1#2023")]
    code, _, err = nora.run("-p", PROJECT, "-o", STUDY, "../../x.nii")
    assert (code, "leads" in err) == (2, True), err


def test_CLI_04_05_06_files_and_studies_come_and_go(nora):
    path = nora.root / "P-1" / "2023" / "new file.nii"
    write_nifti(path, np.zeros((2, 2, 2), np.uint8))
    assert nora.rows("-a", str(path), "--addtag", "fresh", "--json") == {"n": 1}
    assert nora.lines("-s", "FTAG:fresh") == [str(path)]
    assert nora.rows("-d", str(path), "--json")["n"] == 1
    assert nora.run("-p", PROJECT, "-s", "FTAG:fresh")[0] == 1
    done = nora.rows("-dp", "P 2 & !x#first", "--json")
    assert nora.run("-p", PROJECT, "-s", "odd.txt")[0] == 1
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        client.undo(done["operation_id"])
    assert len(nora.lines("-s", "odd.txt")) == 1
    assert nora.run("-p", PROJECT, "-dp", "P-1", "nobody")[0] == 2
    assert len(nora.lines("-s", "mask.nii")) == 2


def test_CLI_03_sql_as_json_and_csv(nora):
    asked = "SELECT name, module FROM projects WHERE name = 'lines'"
    assert nora.rows("-q", asked) == [{"name": PROJECT, "module": "mri"}]
    assert nora.csv("-q", asked, "--csv") == [{"name": PROJECT, "module": "mri"}]
    assert nora.run("-q", "DROP TABLE files")[0] == 2


def test_no_cell_of_a_csv_is_a_formula(nora):
    [row] = nora.csv("-q", "SELECT '=1+1' AS a, -1 AS b, 'x,\"y' AS c", "--csv")
    assert row == {"a": "'=1+1", "b": "-1", "c": 'x,"y'}


@pytest.mark.parametrize("way", [["--admin"], []])
def test_CLI_17_x01_admin_tools_list_and_tag(nora, way):
    def tool(name, *words):
        return [*way, name, *words] if way else [f"--{name}", *words]

    [row] = [r for r in nora.rows(*tool("projectlist", "--json")) if r["name"] == PROJECT]
    assert (row["module"], row["n_subjects"]) == ("mri", 2)
    assert "subjects" in nora(*tool("projectlist"))
    nora(*tool("addtag_study", "a tag", STUDY, "P 2 & !x#first"))
    nora(*tool("addtag_patient", "case", "P-1"))
    stats = {(row["level"], row["tag"]): row["n"] for row in nora.csv(*tool("tagstats", "--csv"))}
    assert (stats["study", "a tag"], stats["subject", "case"]) == ("2", "1")
    nora(*tool("rmtag_study", "a tag", "P 2 & !x#first"))
    nora(*tool("rmtag_patient", "case", "P-1"))
    stats = {(row["level"], row["tag"]): row["n"] for row in nora.csv(*tool("tagstats", "--csv"))}
    assert stats["study", "a tag"] == "1"
    assert stats.get(("subject", "case"), "0") == "0"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--admin", "tagsta"], "Did you mean tagstats?"),
        (["--addtag_study", "x"], "takes TAG PID#SID"),
        (["--addtag_study", "x", "P-1"], "'P-1' is no study"),
        (["--addtag_patient", "x", "nobody"], "no subject 'nobody'"),
        (["--projectlist", "more"], "takes no words"),
        (["--importcsv", "x.csv"], "takes CSV IDCOL"),
        (["--tagstat"], "Did you mean --tagstats?"),
        (["--importcsv", "/nowhere.csv", "id"], "cannot read"),
        (["--importfiles", "/nowhere", "x"], "nothing at"),
    ],
)
def test_what_is_wrong_with_an_admin_tool_is_said(nora, words, said):
    code, _, err = nora.run("-p", PROJECT, *words)
    assert code == 2
    assert said in err


def test_CLI_x01_updateproject_enters_what_lies_on_disk(nora):
    (nora.root / "P-1" / "2023" / "found.txt").write_text("x", encoding="utf-8")
    assert "files added" in nora("--updateproject")
    assert nora.lines("-s", "found.txt") == [nora.path("found.txt", "P-1#2023")]


def test_CLI_x01_history_tells_what_was_done_and_undo_takes_it_back(nora):
    nora("--addtag_study", "briefly", STUDY)
    code, out, err = nora.run("history", "-p", PROJECT, "--verb", "tag", "-n", "1", "--json")
    assert code == 0, err
    [done] = json.loads(out)
    assert (done["verb"], done["project"], done["undoable"]) == ("tag", PROJECT, True)
    assert nora.run("history", "-n", "3")[1].count("\n") == 3
    assert nora.run("undo", str(done["id"]))[0] == 0
    assert "briefly" not in {
        row["tag"] for row in nora.csv("--tagstats", "--csv") if row["n"] != "0"
    }
    assert nora.run("undo", str(done["id"]))[0] == 2
    assert nora.run("undo", "999999")[0] == 2


def test_CLI_x01_changeID_renames_and_moves(nora):
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        client.upload(PROJECT, _image_file(nora), subject="S-A", study="one")
        for receipt in list(client.all_receipts(project=PROJECT)):
            client.wait_receipt(receipt.key)
        client.upload(PROJECT, _image_file(nora), subject="S-B", study="two")
        for receipt in list(client.all_receipts(project=PROJECT)):
            client.wait_receipt(receipt.key)
    nora("--changeID", "S-A", "S-C")
    nora("--changeID", "S-C#one", "first")
    assert nora.lines("-s", "S-C#first", "*.nii")[0].startswith(nora.path("", "S-C#first"))
    nora("--changeID", "S-C#first", "S-B#moved")
    [moved] = nora.lines("-s", "S-B#moved", "*.nii")
    assert Path(moved).is_file()
    assert nora.run("-p", PROJECT, "--changeID", "S-C#first", "x")[0] == 2


def test_CLI_x01_renametag_merges(nora):
    nora("--addtag_study", "old name", STUDY)
    nora("--addtag_study", "new name", "P-1#2023")
    nora("--renametag", "old name", "new name")
    stats = {row["tag"]: row["n"] for row in nora.csv("--tagstats", "--csv")}
    assert stats["new name"] == "2"
    assert stats.get("old name", "0") == "0"


def test_CLI_x01_users_are_made_given_rights_and_logged_out(nora):
    made = nora.rows("--createSQLuser", "mary", "--json")
    assert "/login#" in made["link"]
    users = {row["login"]: row for row in nora.csv("--userlist", "--csv")}
    assert (users["mary"]["kind"], users["mary"]["rights"]) == ("user", f"{PROJECT}: read")
    nora("--setrights", "mary", "write,download")
    users = {row["login"]: row for row in nora.csv("--userlist", "--csv")}
    assert users["mary"]["rights"] == f"{PROJECT}: read+write+download"
    nora("--setrights", "mary", "none")
    nora("--deleteSQLuser", "mary")
    users = {row["login"]: row for row in nora.csv("--userlist", "--csv")}
    assert (users["mary"]["kind"], users["mary"]["rights"]) == ("disabled", "")
    assert (
        "no right 'everything'" in nora.run("-p", PROJECT, "--setrights", "mary", "everything")[2]
    )
    assert nora.run("--deleteSQLuser", "nobody")[0] == 2


def test_CLI_x01_maphash_says_who_a_subject_is_and_puts_it_on_record(nora, capsys):
    from appliance.privacy import Identity, ProjectPolicy

    with nora.services.catalog.read() as con:
        key = catalog.get_project(con, PROJECT).key
    who = Identity(patient_id="4711", issuer="", name="Doe^Jane", birth_date="19700101", sex="F")
    code = nora.services.identities.resolve(key, who, ProjectPolicy()).code

    def write(tx):
        catalog.ensure_subject(tx, catalog.get_project(tx.con, PROJECT).id, code)

    nora.services.catalog.write(write)
    [row] = nora.rows("--maphash", code, "--json")
    assert (row["pid"], row["patient_id"], row["name"]) == (code, "4711", "Doe^Jane")
    assert "reveal" in {one["verb"] for one in json.loads(nora.run("history", "--json")[1])}


def test_CLI_x01_importcsv_makes_rows_metadata_of_studies(nora, tmp_path):
    path = tmp_path / "clinic.csv"
    path.write_text(
        "id;age;group;code\nP-1#LATEST;61.5;control;007\nP-1#OLDEST;60;;x\nnobody;1;;\n",
        encoding="utf-8-sig",
    )
    code, out, err = nora.run("-p", PROJECT, "--importcsv", str(path), "id")
    assert code == 1
    assert out == "stored META/clinic.json in 2 studies\n"
    assert "row 3" in err
    found = {row["psid"]: row["content"] for row in nora.rows("-s", "--json", "META/clinic.json")}
    assert found[STUDY] == {"id": "P-1#LATEST", "age": 61.5, "group": "control", "code": "007"}
    assert found["P-1#2023"]["age"] == 60
    again = nora.run("-p", PROJECT, "--importcsv", str(path), "id")
    assert again[0] == 1
    assert "already" in again[2]
    code, _, err = nora.run("-p", PROJECT, "--importcsv", str(path), "pid")
    assert (code, "Its columns: id, age, group, code." in err) == (2, True)


def test_CLI_18_20_23_x01_files_come_in_by_a_pattern_and_lists_of_sources_too(nora, tmp_path):
    source = tmp_path / "2022" / "P-7"
    source.mkdir(parents=True)
    write_nifti(source / "a.nii", np.ones((2, 3, 4), np.int16))
    regex = r"(?<studies_id>[\w\-]+)\/(?<patients_id>[\w-]+)$"
    told = nora.lines("--import", str(tmp_path / "2022"), "--pattern", regex, "--handle_job_result")
    assert told[-1] == "DONE"
    receipt = nora.rows("--importfiles", str(tmp_path / "2022"), regex, "--json")
    assert (receipt["state"], receipt["studies"]) == ("done", ["P-7#2022"])
    listed = tmp_path / "list.csv"
    other = tmp_path / "b.nii"
    write_nifti(other, np.ones((2, 3, 5), np.int16))
    listed.write_text(
        f"path,patients_id,studies_id\n{other},P-8,2021\n/nowhere,P-9,2021\n", encoding="utf-8"
    )
    code, out, err = nora.run("-p", PROJECT, "--batchimport", str(listed))
    assert (code, "P-8#2021" in out, "nothing at /nowhere" in err) == (1, True, True)


def test_CLI_12_launch_prints_its_answer_as_json_too(nora):
    job = {"name": "touch", "language": "bash", "code": "true"}
    batch = json.dumps({"targets": [STUDY], "jobs": [job]})
    code, out, err = nora.run("-p", PROJECT, "-l", batch, "--json", "--throwerror")
    assert code == 0, err
    assert json.loads(out)["n_jobs"] == 1


def test_CLI_12_a_saved_batch_is_launched_by_its_name(nora):
    job = {"name": "touch", "language": "bash", "code": "true"}
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        client.save_batch(PROJECT, "kept", {"jobs": [job], "level": "study"})
    asked = json.dumps({"saved": "kept", "targets": [STUDY]})
    assert nora.rows("-l", asked, "--json")["n_jobs"] == 1
    code, _, err = nora.run("-p", PROJECT, "-l", json.dumps({"saved": "lost", "targets": []}))
    assert (code, "Saved: kept." in err) == (2, True)


def test_CLI_12_14_a_batch_is_tried_and_studies_are_named_by_a_filter(nora, tmp_path):
    args = [{"id": "f1", "kind": "FILE", "value": "no such file"}]
    job = {"name": "look", "language": "bash", "code": "cat $f1", "args": args}
    exported = {"format": "nora-batch/1", "batch": {"name": "look", "jobs": [job]}}
    file = tmp_path / "batch.json"
    pid = STUDY.partition("#")[0]
    file.write_text(json.dumps({**exported, "studies": pid, "dry_run": True}), encoding="utf-8")
    code, out, err = nora.run("-p", PROJECT, "--launchfile", str(file), "--json")
    assert code == 1, err
    row = next(row for row in json.loads(out) if row["study"] == STUDY)
    assert (row["action"], row["job"]) == ("problem", "look")
    assert "no file matches" in row["why"]


def test_CLI_13_throwerror_shows_the_end_of_the_log(nora):
    job = {"name": "bad", "language": "bash", "code": "seq 50; echo broken >&2; exit 4"}
    batch = json.dumps({"targets": [STUDY], "jobs": [job]})
    code, out, err = nora.run("-p", PROJECT, "-l", batch, "--throwerror", "--handle_job_result")
    assert (code, out.splitlines()[-1]) == (1, "DONE")
    assert "exit(4)" in err or "code 4" in err
    assert err.splitlines()[-1].strip() == "broken"


def test_CLI_17_a_project_may_stand_behind_an_admin_tool(nora):
    code, out, err = nora.run("--admin", "tagstats", "-p", PROJECT, "--json")
    assert code == 0, err
    assert isinstance(json.loads(out), list)


def test_CLI_16_a_project_is_made(nora):
    assert nora.rows("-c", "made", "pet", "--json")["module"] == "pet"
    assert nora.run("-c", "made")[0] == 2


def test_CLI_x02_a_dpx_file_is_enough(nora, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dpx").write_text(PROJECT, encoding="utf-8")
    code, out, _ = nora.run("-s", STUDY, "mask.nii")
    assert (code, out.strip()) == (0, nora.path("mask.nii"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "usage: nora"),
        (["help", "patterns"], "#LATEST"),
        (["help", "admin"], "importcsv CSV IDCOL"),
        (["--admin"], "tagstats"),
        (["help", "backup"], "--list"),
    ],
)
def test_CLI_01_27_help_explains_every_part(nora, words, said):
    code, out, _ = nora.run(*words)
    assert code == 0
    assert said in out


def test_a_malformed_pattern_points_at_the_character(nora):
    code, _, err = nora.run("-p", PROJECT, "-s", "t1* & (mask")
    assert code == 2
    message, shown, mark, *_ = err.splitlines()
    assert "character 7" in message
    assert shown[mark.index("^")] == "("
