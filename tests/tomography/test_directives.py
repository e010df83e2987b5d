"""Directive files of batchruntomo: what a line means, and which of several lines counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import FormatError
from appliance.tomography.directives import (
    Directives,
    Layered,
    change_text,
    is_on,
    layer_directives,
    parse_directives,
    read_directives,
    write_directives,
)

_NAME = st.text("abcdefgXYZ_09", min_size=1, max_size=5)
_KEYS = st.one_of(
    st.builds("setupset.{}".format, _NAME),
    st.builds("setupset.copyarg.{}".format, _NAME),
    st.builds("comparam.{}.{}.{}".format, _NAME, _NAME, _NAME),
    st.builds("runtime.{}.{}.{}".format, _NAME, st.sampled_from(["any", "a", "b"]), _NAME),
)
_VALUES = st.text("abc019.,=#/ -{}", max_size=9).map(str.strip)


@given(st.dictionaries(_KEYS, _VALUES, max_size=8))
def test_ADOC_01_what_is_written_is_read_back(values: dict[str, str]) -> None:
    again = parse_directives(write_directives(Directives(values)))
    assert list(again.values.items()) == list(values.items())


@given(st.lists(st.tuples(_KEYS, _VALUES), max_size=8), st.dictionaries(_KEYS, _VALUES, max_size=4))
def test_ADOC_12_keys_are_set_in_a_text_and_all_other_lines_stay(
    lines: list[tuple[str, str]], new: dict[str, str]
) -> None:
    text = "# a remark\n\n" + "".join(f"  {key} =  {value}\n" for key, value in lines)
    changed = change_text(text, new)
    assert parse_directives(changed).values == {**parse_directives(text).values, **new}
    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() not in new]
    rest = changed.splitlines()
    assert [line for line in rest if line.partition("=")[0].strip() not in new] == kept


def test_a_line_is_split_at_its_first_equals_sign_and_blanks_around_it_go() -> None:
    found = parse_directives("\ufeff# x\n\n   setupset.copyarg.name = a=b  \r\nsetupset.x=\n"[1:])
    assert found.values == {"setupset.copyarg.name": "a=b", "setupset.x": ""}
    assert found.lines == {"setupset.copyarg.name": 3, "setupset.x": 4}


def test_the_last_line_of_a_key_counts_and_the_repetition_is_told() -> None:
    found = parse_directives("setupset.x=1\nsetupset.y=2\nsetupset.x=3\n")
    assert found.values == {"setupset.y": "2", "setupset.x": "3"}
    assert found.repeated == ("setupset.x",)
    assert found.lines["setupset.x"] == 3


@pytest.mark.parametrize(
    "line",
    [
        "setupset.copyarg.name",
        "= 3",
        "tilt.THICKNESS=3",
        "comparam.tilt.THICKNESS=3",
        "comparam.tilt.tilt.THICK.NESS=3",
        "runtime.AlignedStack.c.binByFactor=3",
        "setupset.other.name=x",
        "setupset..name=x",
        "setupset=x",
        "comparam.tilt.ti lt.THICKNESS=3",
    ],
)
def test_a_malformed_line_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_directives(f"# first\nsetupset.x=1\n{line}\n", "s.adoc")
    assert caught.value.facts["line"] == 3
    assert "s.adoc, line 3" in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_no_directive_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("setupset.x=1\n")
    (tmp_path / "b.adoc").write_bytes(b"\xff\xfe\x00MRC")
    for name in ("a.txt", "b.adoc", "missing.adoc"):
        with pytest.raises(FormatError):
            read_directives(tmp_path / name)


def test_only_1_is_true() -> None:
    assert [is_on(v) for v in ("1", "0", "", "2", "true", None)] == [True] + [False] * 5


_AXES = st.sampled_from(["", "a", "b"])
_LAYER = st.lists(st.tuples(_AXES, st.sampled_from(["", "1", "2", "3"])), max_size=3)


@given(st.lists(_LAYER, min_size=1, max_size=5), st.booleans(), st.sampled_from(["a", "b"]))
def test_ADOC_13_the_latest_layer_counts_and_with_two_axes_the_axis_first(
    layers: list[list[tuple[str, str]]], is_dual: bool, axis: str
) -> None:
    texts = ["".join(f"comparam.tilt{a}.tilt.T={v}\n" for a, v in layer) for layer in layers]
    layered = Layered(tuple(map(parse_directives, texts)), is_dual)
    flat = [line for layer in layers for line in layer]
    own = [value for where, value in flat if where == axis]
    both = [value for where, value in flat if where == ""]
    either = [value for where, value in flat if where in ("", axis)]
    chosen = (own or both) if is_dual else either
    assert layered.command("tilt", "tilt", "T", axis) == (chosen[-1] if chosen else None)  # type: ignore[arg-type]


def test_a_blank_option_is_removed_and_a_blank_setting_is_not_set() -> None:
    low = parse_directives("comparam.tilt.tilt.LOG=32768\nruntime.Trimvol.any.reorient=1\n")
    high = parse_directives("comparam.tilt.tilt.LOG=\nruntime.Trimvol.any.reorient=\n")
    layered = Layered((low, high))
    assert layered.command("tilt", "tilt", "LOG") == ""
    assert layered.command("tilt", "tilt", "RADIAL") is None
    assert layered.runtime("Trimvol", "reorient") is None
    assert Layered((low,)).runtime("Trimvol", "reorient") == "1"


def test_ADOC_14_the_file_of_a_series_names_its_templates(tmp_path: Path) -> None:
    (tmp_path / "scope.adoc").write_text("setupset.copyarg.gold=1\nsetupset.copyarg.pixel=1\n")
    (tmp_path / "sys.adoc").write_text("setupset.copyarg.gold=2\nsetupset.copyarg.dual=2\n")
    (tmp_path / "me.adoc").write_text("setupset.copyarg.gold=3\nsetupset.copyarg.focus=3\n")
    batch = parse_directives(
        f"setupset.userTemplate=me\nsetupset.systemTemplate={tmp_path / 'sys.adoc'}\n"
        "setupset.scopeTemplate=scope.adoc\nsetupset.copyarg.name=x\n"
    )
    program = parse_directives("setupset.copyarg.gold=0\nsetupset.copyarg.rotation=7\n")
    layered = layer_directives(batch, [tmp_path], program=program)
    names = ("gold", "pixel", "dual", "focus", "rotation", "name")
    assert [layered.copyarg(name) for name in names] == ["3", "1", "2", "3", "7", "x"]
    assert layered.merged().values["setupset.copyarg.gold"] == "3"


def test_a_missing_template_or_one_that_names_templates_is_refused(tmp_path: Path) -> None:
    batch = parse_directives("setupset.x=1\nsetupset.scopeTemplate=there\n", "s.adoc")
    with pytest.raises(FormatError, match="not here: there") as caught:
        layer_directives(batch, [tmp_path])
    assert caught.value.facts["line"] == 2
    (tmp_path / "there.adoc").write_text("setupset.userTemplate=more\n")
    with pytest.raises(FormatError, match="names a template itself"):
        layer_directives(batch, [tmp_path])
