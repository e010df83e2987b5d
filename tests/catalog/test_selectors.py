"""Selectors: which studies, which files, in which order, how many of them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.catalog import Catalog, select, select_reference, select_studies, selectors
from appliance.catalog.matching import FileMatcher
from appliance.catalog.nodes import Absolute, And, Attribute, Not, OneOf, Or, Pattern, Rank
from appliance.catalog.selection import (
    Selection,
    join_selector,
    parse_selector,
    parse_subjects,
    quote_word,
)
from appliance.core import Invalid, Refused
from tests.catalog import naive
from tests.catalog.naive import WORLD, path_fits, points_into


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    catalog = Catalog.open(tmp_path_factory.mktemp("world") / "catalog.sqlite")
    catalog.register_attribute("JOB", naive.job_provider)
    catalog.project = catalog.write(naive.fill)
    yield catalog
    catalog.close()


def psids(world, selector):
    with world.read() as con:
        found = select_studies(con, world.project.id, selector)
    names = {study.id: study.psid for study in WORLD}
    return [names[i] for i in found]


def files(world, selector, **more):
    with world.read() as con:
        return [f"{f.psid}/{f.path}" for f in select(con, world.project.id, selector, **more)]


FIRST, SECOND, Z = "S-0001#2024-01-01", "S-0001#2024-02-01", "S-0001#z"
ALL = [study.psid for study in sorted(WORLD, key=lambda s: (s.pid, s.date or "", s.sid))]


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("*", ALL),
        ("", ALL),
        ("S-0001", [FIRST, SECOND, Z]),
        ("s-0001", [FIRST, SECOND, Z]),
        ("S-000*", [FIRST, SECOND, Z, "S-0002#MNI", "S-0003#2023-05-05"]),
        ("S_0001", [FIRST, SECOND, Z, "s_0001#2024-01-01"]),
        ("S\\_0001", ["s_0001#2024-01-01"]),
        ("S-0001#2024-02*", [SECOND]),
        ("S-0001#", [FIRST, SECOND, Z]),
        ("#MNI", ["ANALYSIS#MNI", "S-0002#MNI"]),
        ("ANALYSIS#MNI", ["ANALYSIS#MNI"]),
        ("S-0001#LATEST", [Z]),
        ("S-0001#LATEST[1]", [SECOND]),
        ("S-0001#LATEST2", [FIRST]),
        ("S-0001#LATEST3", []),
        ("S-0001#OLDEST", [FIRST]),
        ("S-0001#OLDEST[1]", [SECOND]),
        ("S-*#OLDEST", [FIRST, "S-0002#MNI", "S-0003#2023-05-05"]),
        ('S-0001#"LATEST"', []),
        ("stag:control", [FIRST]),
        ("stag:control*", [FIRST, "S-0003#2023-05-05", "s_0001#2024-01-01"]),
        ("stag:=a_b", ["S-0002#MNI", "s_0001#2024-01-01"]),
        ("stag:a\\_b", ["s_0001#2024-01-01"]),
        ("notstag:control", [p for p in ALL if p != FIRST]),
        ("ptag:pilot", [FIRST, SECOND, Z]),
        ("tag:pilot", [FIRST, SECOND, Z]),
        ("notptag:pilot", [p for p in ALL if not p.startswith("S-0001")]),
        ("#tag:control", [FIRST]),
        ("S-0001#tag:Kontrolle", [SECOND]),
        ("S-0002#tag:control", []),
        ("ptag:pilot#LATEST", [Z]),
        ('stag:"x#y"', ["S-0002#MNI"]),
        ("S-0002 ANALYSIS", ["ANALYSIS#MNI", "S-0002#MNI"]),
        ("(ptag:pilot & !stag:control)", [SECOND, Z]),
        ("PIDLIST:s-0002,ANALYSIS,absent", ["ANALYSIS#MNI", "S-0002#MNI"]),
        ("PSIDLIST:S-0001#z,s_0001#2024-01-01", [Z, "s_0001#2024-01-01"]),
        ("SQL:STAG LIKE '%ontrol%' AND NOT PID = 'S-0003'", [FIRST, SECOND, "s_0001#2024-01-01"]),
        ("SQL:\"STAG = 'control'\"", [FIRST]),
        ("job:e", [FIRST]),
    ],
)
def test_SEL_x02_x03_x04_which_studies(world, selector, wanted):
    assert psids(world, selector) == wanted


MASKS = "S-0003#2023-05-05/"


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("S-0003 mask_1.nii", ["ROIS/mask_1.nii.gz", "mask_1.nii.gz", "x/y/mask_1.nii"]),
        ("S-0003 ./mask_1.nii", ["mask_1.nii.gz"]),
        ("S-0003 ROIS/*", ["ROIS/mask 2.nii", "ROIS/mask_1.nii.gz"]),
        ('S-0003 "ROIS/mask 2.nii"', ["ROIS/mask 2.nii"]),
        ('S-0003 "mask 2.nii" ./mask*', ["ROIS/mask 2.nii", "mask_1.nii.gz"]),
        ("S-0003 tag:mask", ["ROIS/mask_1.nii.gz"]),
        ("S-0003 ftag:RO", ["ROIS/mask 2.nii", "ROIS/mask_1.nii.gz"]),
        ("S-0003 ftag:RO & !ftag:mask", ["ROIS/mask 2.nii"]),
        ("S-0003 ROIS/* & (ftag:mask nothing)", ["ROIS/mask_1.nii.gz"]),
        ("S-0003 100%.nii", ["a\\b/100%.nii"]),
        ('S-0003 "!odd/*"', ["!odd/(1).nii"]),
        ("S-0003 it's/a,b.nii", ["it's/a,b.nii"]),
        ("stag:CONTROL* ./mask*", ["mask_1.nii.gz"]),
        ("ROIS/* & STAG:CONTROL*", ["ROIS/mask 2.nii", "ROIS/mask_1.nii.gz"]),
        ("ROIS/* & PID:S-0002", []),
        ("(S-0002 S-0003) ./mask*", ["mask_1.nii.gz"]),
        ("S-0003 * SORT NTH(1)", ["!odd/(1).nii"]),
        ("S-0003 mask* SORTDESC", ["x/y/mask_1.nii", "ROIS/mask_1.nii.gz", "ROIS/mask 2.nii"]),
        ("S-0003 */mask* NTH(-1)", ["x/y/mask_1.nii"]),
        ("S-0003 */mask* NTH(2)", ["ROIS/mask_1.nii.gz"]),
        ("S-0003 */mask* NTH(4)", []),
        ("S-0003 */mask* NTH(-4)", []),
        ("SORTDESC S-0003 */mask*  NTH(1)", ["x/y/mask_1.nii"]),
        ('S-0003 "SORT"', []),
    ],
)
def test_SEL_x01_x05_x06_which_files(world, selector, wanted):
    found = [name.removeprefix(MASKS) for name in files(world, selector)]
    if "mask* SORTDESC" in selector:  # a name without folder and the star at its start differ
        found = [name for name in found if name != "mask_1.nii.gz"]
    assert found == wanted


def test_SEL_x06_numbers_sort_as_numbers_and_nth_counts_in_each_study(world):
    assert files(world, "S-0001 t1*/* SORT") == [
        f"{FIRST}/t1_trio_4/s001.nii",
        f"{FIRST}/t1xtrio_4/s001.nii.gz",
        f"{SECOND}/t1_trio_4/s2.nii",
        f"{SECOND}/t1_trio_4/s010.nii",
    ]
    assert files(world, "S-0001 t1*/* SORT NTH(-1)") == [
        f"{FIRST}/t1xtrio_4/s001.nii.gz",
        f"{SECOND}/t1_trio_4/s010.nii",
    ]


def test_SEL_x05_info_readings_and_absolute_paths(world):
    assert files(world, "* [info]") == [f"{Z}/nodeinfo.json"]
    assert parse_selector("reading:tumor").files == Pattern("forms/tumor.*form.json", anchored=True)
    path = f"/data/projects/world/{FIRST.replace('#', '/')}/t1_trio_4/s001.nii"
    assert files(world, f"ABS:{path}") == [f"{FIRST}/t1_trio_4/s001.nii"]
    assert files(world, path) == files(world, f"* {path}") == files(world, f"ABS:{path}")
    assert files(world, path.replace("world", "other")) == []
    assert files(world, "/short") == []
    assert files(world, f'{path} "{path}"', studies=[WORLD[1].id]) == []
    assert len(files(world, f"t1.nii {path}", studies=[WORLD[0].id, WORLD[6].id])) == 3


def test_one_word_is_a_file_selector_unless_it_can_only_mean_studies(world):
    assert files(world, "t1.nii") == ["ANALYSIS#MNI/sub/t1.nii", "ANALYSIS#MNI/t1.nii"]
    assert files(world, "ANALYSIS#*") == files(world, "PIDLIST:ANALYSIS") == files(world, "t1.nii")
    assert files(world, "#LATEST NTH(1)") == files(world, "*#LATEST * NTH(1)")
    assert files(world, "ANALYSIS#*", studies=[WORLD[6].id]) == []  # a name there


def test_the_given_studies_bound_everything(world):
    some = [WORLD[1].id, WORLD[5].id]
    assert files(world, "*", studies=some) == [
        name for name in files(world, "*") if name.startswith((SECOND, MASKS))
    ]
    assert len(files(world, "PTAG:pilot", studies=some)) == len(WORLD[1].files)
    assert files(world, "t1*/*", studies=[]) == []
    assert len(files(world, "* dwi*", studies=some)) == 10  # all words are file selectors


words = st.sampled_from(
    ["t1_trio*/s0*.nii", "*", "*mask*", "ROIS/*", "straße/*", "t1.nii", "META/*.json", "s2.nii"]
)


def _means(word, path):
    places = [word] if "/" in word or word.startswith("*") else [word, f"*/{word}"]
    return any(path_fits(place, path, anchored=True) for place in places)


@given(
    subject=st.sampled_from(["*", "S-*", "ptag:pilot", "#2024*", "notstag:control"]),
    chosen=st.lists(words, min_size=1, max_size=3),
    tagged=st.sampled_from(["", "mask", "RO"]),
    keep=st.tuples(st.sampled_from(["", "SORT", "SORTDESC"]), st.sampled_from([None, 1, 2, -1])),
    many=st.sampled_from([0, 10_000]),  # 0: start from paths or tags
)
def test_SEL_x01_unions_are_those_of_a_naive_search(world, *, subject, chosen, tagged, keep, many):
    sort, nth = keep
    ids = set(psids(world, subject))
    text = " ".join([subject, *(f"{w} & ftag:{tagged}" if tagged else w for w in chosen)])
    text += f" {sort}" + (f" NTH({nth})" if nth else "")
    wanted = []
    for study in sorted(WORLD, key=lambda s: (s.pid, s.sid)):
        paths = sorted(
            path
            for path, tags in study.files.items()
            if any(_means(word, path) for word in chosen) and (not tagged or tagged in tags)
        )
        if sort:
            paths.sort(key=selectors._natural, reverse=sort == "SORTDESC")
        if nth:
            paths = paths[nth - 1 : nth] if nth > 0 else paths[nth:][:1]
        wanted += [f"{study.psid}/{path}" for path in paths if study.psid in ids]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selectors, "_MANY_STUDIES", many)
        assert files(world, text) == wanted


@pytest.mark.parametrize(
    ("selector", "studies", "first"),
    [
        ("S-0001 t1*/*", None, "w"),  # the given studies, then their files
        ("t1*/*", [1, 2], "w"),
        ("t1*/*", None, "p"),  # all studies: the names
        ("* ftag:mask", None, "f"),  # what is tagged
        ("* ftag:mask & *.gz", None, "f"),
        ("* ABS:/a/b/c/d", None, "f"),
    ],
)
def test_the_order_in_which_sqlite_looks(world, selector, studies, first):
    seen = []
    with world.read() as con:
        con.set_trace_callback(seen.append)
        select(con, world.project.id, selector, studies=studies)
        con.set_trace_callback(None)
        (sql,) = [text for text in seen if text.startswith("SELECT f.id, f.study_id")]
        plan = [row[3] for row in con.execute(f"EXPLAIN QUERY PLAN {sql}")]
    outer = [step for step in plan if step.split()[0] in ("SCAN", "SEARCH")]
    assert outer[0].split()[1] == first
    assert not any("SCAN f" in step for step in plan), plan


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("  ", 0),
        ("SORT NTH(1)", 0),
        ("* t1 NTH(0)", 9),
        ("* t1 NTH(x)", 9),
        ("S-1#LATEST[x] *", 11),
        ("foo:bar *", 0),
        ("* foo:bar", 2),
        ("S-1#foo:bar *", 4),
        ("* ABS:t1", 6),
        ("PSIDLIST:S-1#2,S-2 *", 15),
        ("PIDLIST:, *", 8),
        ("SQL:\"STAG = 'x' AND password = 'y'\" *", 20),
        ("* reading:tumor,a=1", 15),
        ("* reading:", 10),
        ("stag: *", 5),
        ('* "a', 2),
    ],
)
def test_a_wrong_selector_points_at_the_character(text, position):
    with pytest.raises(Invalid) as error:
        parse_selector(text)
    assert error.value.facts["position"] == position


def test_SEL_x04_a_list_in_a_file_is_not_read_by_the_catalog(world):
    with pytest.raises(Refused) as error:
        psids(world, "file:/etc/passwd")
    assert error.value.facts["position"] == 0
    with pytest.raises(Refused):
        files(world, "file:/etc/passwd *")
    with pytest.raises(Invalid) as wrong:
        parse_subjects("SQL:STAG = 'x' OR 1=1")
    assert wrong.value.facts["position"] == 18


def test_SEL_a_selector_as_a_tree():
    assert parse_selector("stag:a#LATEST t1*/* & !ftag:b SORT NTH(-1)") == Selection(
        studies=And((Attribute("STAG", "a", anchored=True), Rank(newest=True, n=0))),
        files=And((Pattern("t1*/*", anchored=True), Not(Attribute("FTAG", "b", anchored=True)))),
        sort="up",
        nth=-1,
    )
    assert parse_selector("PSIDLIST:a#1,'b c'#2").studies == OneOf("PSID", ("a#1", "b c#2"))
    assert parse_selector("a b", in_studies=True).files == Or(
        tuple(
            Or((Pattern(name, anchored=True), Pattern(f"*/{name}", anchored=True))) for name in "ab"
        )
    )
    assert parse_selector("ABS:/a/b").files == Absolute("/a/b")


@given(st.text("ab *_&!()\"'#:=,/", min_size=1, max_size=8).filter(str.strip))
def test_a_quoted_word_is_one_word(text):
    asked = parse_subjects(quote_word(text) if ":" not in text and "#" not in text else "x")
    assert not isinstance(asked, Or)


def test_words_of_a_command_line_become_one_selector():
    assert join_selector(["t1*/s0*.nii"]) == "t1*/s0*.nii"
    assert join_selector(["stag:my tag", "a.nii META/b.json SORT NTH(1)"]) == (
        'stag:"my tag" a.nii META/b.json SORT NTH(1)'
    )
    condition = "STAG LIKE '%my \"x\"%'"
    asked = parse_selector(join_selector([f"SQL:{condition}", "*"]))
    assert asked.studies == Attribute("STAG", '*my "x"*', anchored=True)
    grouped = join_selector(["(S-1 S-2)", "*"])
    assert isinstance(parse_selector(grouped).studies, Or)


@given(st.text(max_size=30) | st.text("ab *_&!()\"'#:=,/[]LATESPIDNH(1)-", max_size=30))
def test_any_selector_is_read_or_the_error_points_into_it(text):
    assert points_into(parse_selector, text)
    assert points_into(parse_subjects, text)


def test_a_long_list_of_studies_is_asked_in_one_statement(world):
    names = [f"S-{i:06d}#{random.Random(i).random()}" for i in range(20_000)]
    assert psids(world, f"PSIDLIST:{','.join([*names, FIRST])}") == [FIRST]


@pytest.mark.parametrize(
    ("reference", "wanted"),
    [
        ("[selection]", ["s_0001#2024-01-01"]),
        ("[selectionpatient]", ["s_0001#2024-01-01"]),
        ("[selectionpatient]#OLDEST", ["s_0001#2024-01-01"]),
        ("[selectionpatient]#LATEST[1]", []),
        ("ANALYSIS#MNI", ["ANALYSIS#MNI"]),
        ("ptag:pilot#LATEST", [Z]),
    ],
)
def test_SEL_x07_references_are_seen_from_the_study_of_the_job(world, reference, wanted):
    with world.read() as con:
        found = select_reference(con, reference, [WORLD[3].id])  # its code has a wildcard in it
        assert select_reference(con, reference, []) == []
    names = {study.id: study.psid for study in WORLD}
    assert [names[i] for i in found] == wanted


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("$MNI t1", 0),
        ("ANALYSIS#$MNI t1", 9),
        ("[selectionpatient]#OLDEST t1", 0),
        ("(s_0001 [selection]) t1", 8),
    ],
)
def test_SEL_x07_what_stands_for_studies_of_a_job_is_refused_elsewhere(world, text, place):
    with world.read() as con, pytest.raises(Invalid, match="in the arguments of a batch") as told:
        select(con, 1, text)
    assert told.value.facts["position"] == place
    with world.read() as con:
        assert select(con, 1, '"$MNI" t1') == []  # a code may be anything when it is quoted


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("[info]", [FIRST, Z, "S-0002#MNI"]),
        ("*.json", [FIRST, Z, "S-0002#MNI"]),
        ("META/*.json", []),
        ("*.json & STAG:control", [FIRST]),
        ("*.json & !STAG:control", [Z, "S-0002#MNI"]),
        ("nodeinfo.json & ftag:x", []),
        ("x.json PTAG:pilot", [FIRST, Z]),
        ("ABS:/a/b/c/nodeinfo.json", []),
    ],
)
def test_a_path_that_is_made_for_every_study_is_asked_like_a_file(world, selector, wanted):
    some = [WORLD[0].id, WORLD[2].id, WORLD[4].id]
    with world.read() as con:
        found = selectors.studies_with_path(con, some, selector, "nodeinfo.json")
    assert [study.psid for study in WORLD if study.id in found] == wanted


@given(chosen=st.lists(words, min_size=1, max_size=3), study=st.sampled_from(WORLD))
def test_a_promised_path_is_matched_as_a_path_of_the_catalog(chosen, study):
    matcher = FileMatcher(" ".join(chosen))
    for path in study.files:
        assert matcher.matches(path) == any(_means(word, path) for word in chosen)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("ftag:mask", True),
        ("!ftag:mask", False),
        ("r/* & ftag:mask", True),
        ("r/* & ftag:other", False),
        ("r/* & STAG:control", True),  # only the catalog knows of the study: it may be
        ("x/* & STAG:control", False),
        ("x/* & !STAG:control", False),
        ("x/* STAG:control", True),
        ("* NTH(1)", True),
    ],
)
def test_a_promised_path_has_its_promised_tags(selector, matches):
    assert FileMatcher(selector).matches("r/Mask.nii", ["MASK"]) == matches
