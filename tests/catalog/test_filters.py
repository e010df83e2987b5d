"""The grammar: what a text is parsed into, and where an error points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.catalog.filters import And, Attribute, Not, Or, Pattern, parse_filter
from appliance.catalog.wildcards import escape, fold, like, matcher
from appliance.core import Invalid
from tests.catalog.naive import fits, path_fits, points_into

ODD = "ab_*/ \"'()&!:#=\\.,%ÄßſK\t"
texts = st.text(ODD, min_size=1, max_size=8).filter(str.strip)


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


@st.composite
def leaves(draw):
    value = draw(texts)
    name = draw(st.sampled_from(["", "STAG", "PTAG", "FTAG", "SDESC", "PID", "SID"]))
    if not name:
        return Pattern(value), quoted(value)
    exact = draw(st.booleans())
    sign = "=" if exact else ""
    return Attribute(name, value, anchored=exact), f"{name}:{sign}{quoted(value)}"


def _joined(pairs, make, sign):
    return make(tuple(tree for tree, _ in pairs)), "(" + sign.join(t for _, t in pairs) + ")"


def _grown(inner):
    several = st.lists(inner, min_size=2, max_size=3)
    blank = st.sampled_from([" & ", "&", "  &\t"])
    return (
        several.map(lambda pairs: _joined(pairs, Or, " "))
        | st.tuples(several, blank).map(lambda both: _joined(both[0], And, both[1]))
        | inner.map(lambda pair: (Not(pair[0]), f"!({pair[1]})"))
    )


written = st.recursive(leaves(), _grown, max_leaves=6)


@given(written)
def test_SEL_every_tree_can_be_written_and_is_read_back(pair):
    tree, text = pair
    assert parse_filter(text) == tree


@given(st.text(max_size=30) | st.text(ODD, max_size=30))
def test_any_text_is_read_or_the_error_points_into_it(text):
    assert points_into(parse_filter, text)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("  ", None),
        ("t1_trio*/s0*.nii", Pattern("t1_trio*/s0*.nii")),
        ("A B", Or((Pattern("A"), Pattern("B")))),
        ("A & B C", Or((And((Pattern("A"), Pattern("B"))), Pattern("C")))),
        ("(A B)&!C", And((Or((Pattern("A"), Pattern("B"))), Not(Pattern("C"))))),
        ("dwi(1)/s0", Pattern("dwi(1)/s0")),
        ("(dwi(1) b)", Or((Pattern("dwi(1)"), Pattern("b")))),
        ("a)", Pattern("a)")),
        ('"my t1"/s0*', Pattern("my t1/s0*")),
        ('"say ""x"""', Pattern('say "x"')),
        ("it's", Pattern("it's")),
        ("'a b'", Pattern("a b")),
        ("!!a", Pattern("a")),
        ("stag:control", Attribute("STAG", "control")),
        ("STAG:=control", Attribute("STAG", "control", anchored=True)),
        ('STAG:"=x"', Attribute("STAG", "=x")),
        ("STAG:'a b'", Attribute("STAG", "a b")),
        ("notptag:x", Not(Attribute("PTAG", "x"))),
        ("JOB:q|r", Attribute("JOB", "q|r")),
        ("TAG:a", Or(tuple(Attribute(n, "a") for n in ("STAG", "PTAG", "FTAG")))),
        ('"STAG:x"', Pattern("STAG:x")),
        ("1:2", Pattern("1:2")),
        ("SDESC:a:b", Attribute("SDESC", "a:b")),
    ],
)
def test_PROJ_07_08_16_what_a_bar_means(text, tree):
    assert parse_filter(text) == tree


def test_PROJ_10_words_of_a_bar_ask_its_column():
    pids = Or((Attribute("PID", "A"), Attribute("PID", "B")))
    assert parse_filter("A B", bare="PID") == pids
    assert parse_filter("A & STAG:x", bare="PID") == And(
        (Attribute("PID", "A"), Attribute("STAG", "x"))
    )
    assert parse_filter("S-1#2024", bare="PID") == And(
        (Attribute("PID", "S-1", anchored=True), Attribute("SID", "2024"))
    )
    assert parse_filter("x", bare="TAG") == Or((Attribute("STAG", "x"), Attribute("PTAG", "x")))


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("a &", 3, "a pattern is missing"),
        ("& a", 0, "a pattern is missing"),
        ("a & & b", 4, "a pattern is missing"),
        ("!", 1, "a pattern is missing"),
        ('x "abc', 2, "never closed"),
        ("x (a b", 2, "never closed"),
        ("x ()", 3, "a pattern is missing"),
        ('""', 2, "a pattern is missing"),
        ("(a)b", 3, "blank or & is missing"),
        ("a & STAG:", 9, "a value is missing"),
        ("STAG: x", 5, "a value is missing"),
        ("STAG:=", 6, "a value is missing"),
        ("a STGA:x", 2, "cannot be asked"),
        ("ab\x00c", 2, "cannot be searched"),
        ("ab\ud800", 2, "cannot be searched"),
        ("(" * 41 + "a", 40, "too deeply"),
        ("a " * 1001, 2000, "more than 1000 words"),
    ],
)
def test_a_wrong_filter_points_at_the_character(text, position, message):
    with pytest.raises(Invalid, match=message) as error:
        parse_filter(text)
    assert error.value.facts["position"] == position
    assert error.value.hint


def test_places_in_the_text_are_kept_but_are_no_part_of_a_tree():
    tree = parse_filter("  a & STAG:bc")
    assert [term.at for term in tree.terms] == [2, 11]
    assert tree == parse_filter("a&STAG:bc")


@given(st.text("ab_*\\Äßs.", max_size=8), st.text("abÄäßsS_*\\.", max_size=8), st.booleans())
def test_PROJ_12_wildcards_as_regular_expression_and_as_like(pattern, text, anchored):
    wanted = fits(pattern, text, anchored=anchored)
    regex = matcher(pattern, anchored=anchored, path=False)
    assert bool(regex.match(fold(text))) == wanted
    assert _sqlite_like(like(pattern, anchored=anchored), fold(text)) == wanted


@given(st.sampled_from(["a.nii", "*.NII", "a*i", "_.nii", "a\\.nii"]), st.booleans())
def test_a_final_nii_also_means_nii_gz(pattern, anchored):
    for text in ("a.nii", "a.nii.gz", "a.nii.gz.json", "b.nii"):
        regex = matcher(pattern, anchored=anchored)
        assert bool(regex.match(fold(text))) == path_fits(pattern, text, anchored=anchored)


@given(texts)
def test_an_escaped_text_means_itself(text):
    assert fits(escape(text), text, anchored=True)
    assert matcher(escape(text), anchored=True, path=False).match(fold(text))
    assert not matcher(escape(text), anchored=True, path=False).match(fold(text) + "x")


def test_a_pattern_of_many_wildcards_does_not_run_long():
    assert not matcher("*a" * 60 + "b", anchored=True).match("a" * 5000)


def _sqlite_like(pattern, text):
    import sqlite3

    con = sqlite3.connect(":memory:")
    try:
        return bool(con.execute("SELECT ? LIKE ? ESCAPE '\\'", (text, pattern)).fetchone()[0])
    finally:
        con.close()
