"""Filters as SQL, held against a naive evaluation; and the safe part of SQL conditions."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.catalog import Catalog, FileQuery, StudyQuery, list_files, list_studies, path_sql
from appliance.catalog.conditions import (
    asks_files,
    file_condition,
    file_tree_condition,
    matching_studies,
    study_condition,
)
from appliance.catalog.filters import (
    And,
    Attribute,
    Not,
    OneOf,
    Or,
    Pattern,
    Rank,
    parse_condition,
    parse_filter,
)
from appliance.core import Invalid
from tests.catalog import naive
from tests.catalog.naive import WORLD, holds, points_into


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    catalog = Catalog.open(tmp_path_factory.mktemp("world") / "catalog.sqlite")
    catalog.register_attribute("JOB", naive.job_provider)
    catalog.project = catalog.write(naive.fill)
    yield catalog
    catalog.close()


NAMES = sorted(
    {path for study in WORLD for path in study.files}
    | {name for study in WORLD for name in (*study.tags, *study.subject_tags)}
    | {name for study in WORLD for tags in study.files.values() for name in tags}
    | {text for study in WORLD for text in (study.pid, study.sid, study.description) if text}
)


@st.composite
def patterns(draw):
    """Patterns near what is there: cut, with wildcards put in, in another case."""
    text = draw(st.sampled_from(NAMES))
    start, stop = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    sign = draw(st.sampled_from(["", "*", "_", "**", "\\_", "%"]))
    text = text[:start] + sign + text[stop:] if draw(st.booleans()) else sign + text[start:]
    return getattr(text, draw(st.sampled_from(["upper", "lower", "strip"])))() or "*"


tags = st.sampled_from(["STAG", "PTAG", "FTAG", "SDESC", "PID", "SID"])
leaves = (
    st.builds(Pattern, patterns(), st.booleans())
    | st.builds(Attribute, tags, patterns(), st.booleans())
    | st.builds(Attribute, st.just("JOB"), st.sampled_from(["q", "r", "e", "qr", "d"]))
    | st.builds(Rank, st.booleans(), st.integers(0, 3))
    | st.lists(st.sampled_from(WORLD), max_size=3).map(
        lambda found: OneOf("PSID", tuple(study.psid.upper() for study in found))
    )
)


def _grown(inner):
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return several.map(Or) | several.map(And) | inner.map(Not)


trees = st.recursive(leaves, _grown, max_leaves=8)


@given(trees)
@example(Or((Pattern("*"), Pattern("nothing"), Attribute("FTAG", "*"))))
@example(Not(Pattern("**", anchored=True)))
def test_PROJ_07_to_17_studies_are_those_a_naive_search_finds(world, tree):
    with world.read() as con:
        found = matching_studies(con, world.project.id, tree)
    assert sorted(found) == sorted(study.id for study in WORLD if holds(tree, study))


@given(trees)
def test_SEL_files_are_those_a_naive_search_finds(world, tree):
    with world.read() as con:
        where, values = file_tree_condition(con, tree)
        sql = (
            f"SELECT s.id, {path_sql()} FROM paths p"  # noqa: S608
            " JOIN files f ON f.path_id = p.id JOIN studies s ON s.id = f.study_id"
            " JOIN subjects u ON u.id = s.subject_id WHERE s.project_id = ?"
            " AND s.trashed_at IS NULL AND f.trashed_at IS NULL AND "
        )
        rows = con.execute(f"{sql} ({where})", [world.project.id, *values]).fetchall()
    wanted = [(s.id, path) for s in WORLD for path in s.files if holds(tree, s, path)]
    assert sorted(map(tuple, rows)) == sorted(wanted)


@given(trees)
def test_what_only_asks_studies_has_one_answer_for_all_their_files(tree):
    if not asks_files(tree):
        for study in WORLD:
            assert len({holds(tree, study, path) for path in study.files}) <= 1


@pytest.mark.parametrize("n", [150, 1000])
def test_many_alternatives_do_not_grow_too_deep_for_sqlite(world, n):
    text = " ".join(f"STAG:x{i} & !t{i}" for i in range(n // 2 - 1)) + " STAG:control"
    with world.read() as con:
        found = matching_studies(con, world.project.id, parse_filter(text))
    assert len(found) == 3


def test_letters_beyond_ascii_have_no_case(world):
    def found(**query):
        with world.read() as con:
            return list_studies(con, world.project.id, StudyQuery(**query)).total

    assert found(files="ÄRGER/ÜBUNG") == found(files="ärger/übung") == 1
    assert found(files="SDESC:STRASSE") == found(files="SDESC:straße") == 1
    assert found(files="PTAG:ärzte") == found(files="PTAG:ÄRZTE") == 1
    assert found(files="strasse/x") == found(files="STRAßE/X") == 1


def test_a_wrong_value_of_an_attribute_says_where(world):
    def provider(value):
        raise Invalid(f"JOB:{value} is not known", hint="Use q, r, e, d.")

    with world.read() as con:
        old, con.attributes = con.attributes, {"JOB": provider}
        try:
            with pytest.raises(Invalid, match=r"JOB:zz is not known \(character 9\)") as error:
                study_condition(con, world.project.id, "a & JOB:zz")
        finally:
            con.attributes = old
    assert (error.value.facts["position"], error.value.hint) == (8, "Use q, r, e, d.")
    con = sqlite3.connect(":memory:")
    try:
        with pytest.raises(Invalid, match="cannot be asked here"):
            study_condition(con, 1, "JOB:e")
    finally:
        con.close()


def test_a_condition_on_files_reads_words_as_bars_or_as_selectors(world):
    def found(text, *, anchored):
        with world.read() as con:
            where, values = file_condition(con, text, anchored=anchored)
            sql = (
                "SELECT count(*) FROM paths p JOIN files f ON f.path_id = p.id"  # noqa: S608
                f" JOIN studies s ON s.id = f.study_id WHERE {where}"
            )
            return con.execute(sql, values).fetchone()[0]

    assert found("t1.nii", anchored=False) == 1  # t1.nii… at the root
    assert found("t1.nii", anchored=True) == 2  # in any folder
    assert found("", anchored=True) == found("", anchored=False)
    with world.read() as con:
        page = list_files(con, world.project.id, FileQuery(files="ROIS & FTAG:mask"))
    assert [row.path for row in page.items] == ["ROIS/mask_1.nii.gz"]


# The safe part of SQL

COLUMNS = {"SDESC": "description", "StudyDescription": "description", "PIZ": "pid", "SID": "sid"}
ascii_texts = st.text("Head rutinMRS-01248%_'\"kopf*&", max_size=12).filter(str.strip)


@st.composite
def sql_tests(draw):
    name = draw(st.sampled_from(sorted(COLUMNS)))
    value = draw(ascii_texts | st.sampled_from(["S-000_", "%o%", "MR*Kopf", "Head routine", "%"]))
    word = draw(st.sampled_from(["LIKE", "NOT LIKE", "=", "<>", "!=", "like", "IN", "NOT IN"]))
    if "like" in word.lower():
        value = value.replace("*", "")
    text = "'" + value.replace("'", "''") + "'"
    return f"{name} {word} ({text}, 'MNI')" if "IN" in word else f"{name} {word} {text}"


sql_conditions = st.recursive(
    sql_tests(),
    lambda inner: (
        st.tuples(inner, st.sampled_from([" AND ", " or "]), inner).map("".join)
        | inner.map(lambda text: f"NOT ({text})")
        | inner.map(lambda text: f"( {text})")
    ),
    max_leaves=6,
)


@given(sql_conditions)
def test_READ_41_conditions_mean_what_sql_means(world, text):
    con = sqlite3.connect(":memory:")
    try:
        columns = ", ".join(f"{name} TEXT COLLATE NOCASE" for name in COLUMNS)
        con.execute(f"CREATE TABLE t (id INTEGER, {columns})")
        for study in WORLD:
            values = [getattr(study, field) or "" for field in COLUMNS.values()]
            con.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?)", (study.id, *values))
        wanted = [row[0] for row in con.execute(f"SELECT id FROM t WHERE {text}")]  # noqa: S608
    finally:
        con.close()
    with world.read() as reader:
        found = matching_studies(reader, world.project.id, parse_condition(text))
    assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("STAG LIKE '%Training%'", Attribute("STAG", "*Training*", anchored=True)),
        ('studies.STag like "%/Training/%"', Attribute("STAG", "Training", anchored=True)),
        ("STAG = '/a_b/'", Attribute("STAG", "a\\_b", anchored=True)),
        ("PTAG NOT LIKE 'x%'", Not(Attribute("PTAG", "x*", anchored=True))),
        ("FTAG = ''", Not(Attribute("FTAG", "*", anchored=True))),
        ("NOT NOT PID = 'a'", Attribute("PID", "a", anchored=True)),
        ("SID LIKE 'a\\_b\\%'", Attribute("SID", "a\\_b%", anchored=True)),
        (
            "PID='a' OR PID='b' AND SID='c'",
            Or(
                (
                    Attribute("PID", "a", anchored=True),
                    And(
                        (
                            Attribute("PID", "b", anchored=True),
                            Attribute("SID", "c", anchored=True),
                        )
                    ),
                )
            ),
        ),
    ],
)
def test_READ_41_tags_and_precedence(text, tree):
    assert parse_condition(text) == tree


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("STAG LIKE '%x%'; DROP TABLE files", 15),
        ("STAG LIKE '%x%' -- ", 16),
        ("STAG LIKE (SELECT 1)", 10),
        ("password = 'x'", 0),
        ("STAG LIKE '%x", 10),
        ("STAG > 'a'", 5),
        ("STAG 'a'", 5),
        ("(STAG = 'a'", 11),
        ("STAG = 'a' PTAG = 'b'", 11),
        ("STAG = 'a' UNION SELECT 1", 11),
        ("STAG LIKE 'a*'", 12),
        ("STAG = 'a/b'", 7),
        ("STAG IN 'a'", 8),
        ("STAG IN ('a' 'b')", 13),
        ("STAG NOT = 'a'", 9),
        ("1 = 1", 0),
        ("'STAG' = 'a'", 0),
        ("load_extension('x')", 0),
        ("(" * 41 + "STAG='a'" + ")" * 41, 41),
        ("STAG = 'a\x00'", 9),
    ],
)
def test_READ_41_all_other_sql_is_refused_where_it_starts(text, position):
    with pytest.raises(Invalid) as error:
        parse_condition(text)
    assert error.value.facts["position"] == position


@given(st.text("STAG LIKE'%\"=()x<>!, NOTADRIE", max_size=40))
def test_any_condition_is_read_or_the_error_points_into_it(text):
    assert points_into(parse_condition, text)
