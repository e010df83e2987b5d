"""Core: settings layers, atomic writes, safe joins, keys and the data folder."""

from __future__ import annotations

import pytest

from appliance.core import (
    Conflict,
    DataFolder,
    Invalid,
    SettingsError,
    StorageError,
    atomic_write,
    iso,
    load_settings,
    new_key,
    parse_iso,
    safe_join,
    safe_name,
)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "appliance.toml"
    path.write_text("[web]\nport = 9001\n[dicom]\nae_title = 'LAB'\n")
    return path


def test_later_layers_win_and_say_where_a_value_came_from(tmp_path, config, monkeypatch):
    ui = tmp_path / "data" / "conf.d" / "50-ui.toml"
    ui.parent.mkdir(parents=True)
    ui.write_text("[web]\nport = 9002\n[backup]\nkeep = 3\n")
    monkeypatch.setenv("NORA__BACKUP__KEEP", "5")
    settings = load_settings(tmp_path / "data", config=config, overrides={"jobs.cpus": 1})
    assert (settings.web.port, settings.source("web.port")) == (9002, str(ui))
    assert (settings.backup.keep, settings.source("backup.keep")) == (5, "environment")
    assert settings.source("dicom.ae_title") == str(config)
    assert settings.source("jobs.cpus") == "command line"
    assert settings.source("log.level") == "default"
    assert settings.values()["dicom.ae_title"] == "LAB"
    assert settings.data_path == tmp_path / "data"


@pytest.mark.parametrize("text", ["[web]\nprot = 1\n", "[web]\nport = 'x'\n", "web = 3\n", "[["])
def test_a_wrong_settings_file_is_refused_with_its_name(tmp_path, text):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"wrong\.toml"):
        load_settings(tmp_path, config=path)


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def interrupted():
        with atomic_write(path) as stream:
            stream.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", "", "a//b", "a\\b", "a\0b", "."]
)
def test_safe_join_refuses_names_that_lead_out(tmp_path, name):
    with pytest.raises(Invalid):
        safe_join(tmp_path, name)


def test_safe_join_refuses_a_link_that_leads_out(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to("/etc")
    with pytest.raises(Invalid):
        safe_join(tmp_path / "in", "link/passwd")


def test_safe_join_keeps_an_honest_name(tmp_path):
    assert safe_join(tmp_path, "a/b", "c.nii") == tmp_path / "a" / "b" / "c.nii"


@pytest.mark.parametrize(
    ("text", "name"), [("Müller T1/axial", "Muller_T1_axial"), ("..", "unnamed"), ("a  b", "a_b")]
)
def test_safe_name_is_one_plain_name(text, name):
    assert safe_name(text) == name


def test_keys_sort_by_time_and_times_round_trip():
    keys = [new_key() for _ in range(200)]
    assert len(set(keys)) == 200
    assert [k[:9] for k in keys] == sorted(k[:9] for k in keys)
    assert parse_iso(iso(1_700_000_000_123)) == 1_700_000_000_123
    assert iso(1_700_000_000_003).endswith(".003Z")


def test_the_data_folder_is_held_by_one_process_only(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    with folder.lock(), pytest.raises(Conflict, match="pid"), DataFolder(folder.root).lock():
        pass
    with folder.lock():
        pass


def test_a_storage_root_without_marker_is_never_written_or_marked_again(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    folder.check_marker(folder.projects)
    folder.catalog_path.touch()
    (folder.projects / ".nora-storage").unlink()
    folder.prepare()
    with pytest.raises(StorageError, match="marker"):
        folder.check_marker(folder.projects)


def test_the_socket_path_stays_short_enough_for_the_kernel(tmp_path):
    deep = DataFolder(tmp_path / ("d" * 120))
    assert len(str(deep.socket_path)) < 108
    assert DataFolder(tmp_path).socket_path.name == "nora.sock"
