"""Single settings are written into the file of the web UI, and read again as they were."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import SettingsError, save_setting

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.one_of(
    TEXTS,
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    PLAIN, lambda one: st.lists(one, max_size=3) | st.dictionaries(TEXTS, one, max_size=3)
)


@given(value=VALUES)
def test_what_is_written_is_read_again(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("conf") / "conf.d" / "50-ui.toml"
    save_setting(path, "pacs.nodes", value)
    assert tomllib.loads(path.read_text("utf-8"))["pacs"]["nodes"] == value


def test_other_settings_of_the_file_stay(tmp_path):
    path = tmp_path / "50-ui.toml"
    path.write_text('[backup]\nkeep = 3\n[watch]\nfolders = [{path = "/a", mode = "copy"}]\n')
    save_setting(path, "pacs.nodes", {"main": {"port": 104}})
    save_setting(path, "backup.hour", 4)
    assert tomllib.loads(path.read_text()) == {
        "backup": {"keep": 3, "hour": 4},
        "watch": {"folders": [{"path": "/a", "mode": "copy"}]},
        "pacs": {"nodes": {"main": {"port": 104}}},
    }


def test_a_file_that_cannot_be_read_is_not_overwritten(tmp_path):
    path = tmp_path / "50-ui.toml"
    path.write_text("[backup\n")
    with pytest.raises(SettingsError):
        save_setting(path, "backup.hour", 4)
    assert path.read_text() == "[backup\n"
