"""NORA's flag grammar: every documented line, and what a mistyped one says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.cli.grammar import parse_line
from appliance.core import Invalid


@pytest.mark.parametrize(
    ("argv", "action", "words", "options", "switches"),
    [
        (
            ["-p", "X", "-s", "--json", "--byfilename", "META/*.json"],
            "select",
            ["META/*.json"],
            {"project": "X"},
            {"json", "byfilename"},
        ),
        (["-a", "out.nii", "--addtag", "mask"], "add", ["out.nii"], {"addtag": "mask"}, set()),
        (
            ["--addtag", "t1,t2", "-s", "P1#S1", "/data/f.nii"],
            "select",
            ["P1#S1", "/data/f.nii"],
            {"addtag": "t1,t2"},
            set(),
        ),
        (["-p", "X", "-dp", "P1", "P2#S3"], "del_pat", ["P1", "P2#S3"], {"project": "X"}, set()),
        (["-q", "SELECT 1", "--csv"], "sql", ["SELECT 1"], {}, {"csv"}),
        (
            [
                "-p", "X", "--import", "src", "--patients_id", "PIZ", "--studies_id=SID",
                "--pattern", r"(?<studies_id>[\w\-]+)\/(?<patients_id>\w+)$",
                "--extrafiles_filter", "nii,hdr,img", "--autoexec_queue", "DEFAULT",
                "--handle_job_result",
            ],
            "import",
            ["src"],
            {
                "project": "X",
                "patients_id": "PIZ",
                "studies_id": "SID",
                "pattern": r"(?<studies_id>[\w\-]+)\/(?<patients_id>\w+)$",
                "extrafiles_filter": "nii,hdr,img",
                "autoexec_queue": "DEFAULT",
            },
            {"handle_job_result"},
        ),
        (
            [
                "-p", "XYZ", "--exportmeta", "*", "META/radio*.json",
                "--keys", "*.mask.volume,*.mask.diameter",
            ],
            "exportmeta",
            ["*", "META/radio*.json"],
            {"project": "XYZ", "keys": "*.mask.volume,*.mask.diameter"},
            set(),
        ),
        (["-c", "new", "mri"], "createproject", ["new", "mri"], {}, set()),
    ],
)  # fmt: skip
def test_CLI_01_26_every_documented_line_is_understood(argv, action, words, options, switches):
    line = parse_line(argv)
    assert (line.action, line.words) == (action, words)
    assert (line.options, line.switches) == (options, switches)
    assert line.doubts == []


def test_flags_may_stand_anywhere_around_the_words():
    line = parse_line(["-s", "a*", "-p", "X", "--json", "b*"])
    assert (line.words, line.options, line.switches) == (["a*", "b*"], {"project": "X"}, {"json"})


def test_admin_takes_all_that_follows():
    assert parse_line(["-p", "X", "--admin", "tool", "-p", "--json"]).words == [
        "tool",
        "-p",
        "--json",
    ]


def test_words_after_two_dashes_are_values():
    assert parse_line(["-s", "--", "--json"]).words == ["--json"]


def test_a_pattern_that_begins_with_a_dash_is_a_pattern():
    line = parse_line(["-s", "-weird.nii"])
    assert (line.words, line.doubts) == (["-weird.nii"], [])


def test_a_mistyped_short_flag_is_taken_as_a_name_but_doubted():
    assert parse_line(["-s", "a*", "-jj"]).doubts == ["-jj"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["-p", "y", "TARGET", "--import", "src"], "'TARGET' belongs to no flag"),
        (["-p"], "-p needs a word"),
        (["-p", "X"], "nothing to do"),
        (["-s", "a", "-a", "b"], "--select and --add in one call"),
        (["--selct", "a"], "unknown flag --selct"),
        (["-z", "a"], "unknown flag -z"),
    ],
)
def test_a_wrong_line_says_what_is_wrong(argv, said):
    with pytest.raises(Invalid, match=said):
        parse_line(argv)


def test_a_mistyped_flag_names_the_nearest_one():
    with pytest.raises(Invalid) as caught:
        parse_line(["--selct", "a"])
    assert "--select" in caught.value.hint


@given(st.lists(st.text(min_size=1).filter(lambda word: not word.startswith("-"))))
def test_bare_words_of_a_list_action_come_out_as_they_went_in(words):
    assert parse_line(["-s", *words, "-p", "X"]).words == words
