"""The leaf table of metadata: taking JSON apart, keeping in step with the catalog, answering."""

from __future__ import annotations

import csv
import io
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.catalog import (
    CsvForm,
    MetaFilter,
    MetaQuery,
    MetaStore,
    add_file,
    change_policy,
    create_project,
    ensure_study,
    ensure_subject,
    meta_csv,
    meta_files,
    meta_histogram,
    meta_keys,
    meta_parquet,
    meta_table,
    meta_values,
    tag,
    trash_files,
    undo,
)
from appliance.catalog.bulk import change_fields
from appliance.catalog.leaves import MOST_LEAVES, decode, leaves
from appliance.catalog.meta_sync import Synchronizer
from appliance.core import Invalid


@pytest.fixture
def store(catalog, tmp_path):
    store = MetaStore(catalog, tmp_path / "meta")
    yield store
    store.close()


def put(catalog, pid, path, doc, *, project="p", sid="V1", sex=None):
    """A JSON file with its document; gives the file's id."""

    def write(tx):
        from appliance.catalog import ensure_project

        subject = ensure_subject(tx, ensure_project(tx, project).id, pid, sex=sex)
        study = ensure_study(tx, subject, sid)
        return add_file(tx, study, path, size_bytes=1, mtime_ns=1, kind="json", doc=doc)

    return catalog.write(write)


@pytest.fixture
def project(catalog):
    return catalog.write(lambda tx: create_project(tx, "p"))


def table(store, project, *columns, **more):
    with store.fresh(project) as con:
        found = meta_table(con, MetaQuery(columns=columns, **more))
    return [[*row[1:3], *row[4:]] for row in found.rows]


# -- taking apart ---------------------------------------------------------------------------

NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, width=32)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


def naive(name, value):
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in naive(f"{name}.{key}", inner)]
    if isinstance(value, list):
        return [leaf for i, inner in enumerate(value) for leaf in naive(f"{name}.{i}", inner)]
    return [(name, value)]


@given(JSON)
def test_leaves_are_those_of_a_plain_walk(doc):
    assert list(leaves("f", doc)) == naive("f", doc)


def test_lists_count_by_index_and_long_ones_end_somewhere():
    assert list(leaves("f", {"a": [1, [True, None]]})) == [
        ("f.a.0", 1), ("f.a.1.0", True), ("f.a.1.1", None),
    ]  # fmt: skip
    assert len(list(leaves("f", list(range(MOST_LEAVES + 5))))) == MOST_LEAVES


def test_half_a_surrogate_pair_does_not_stop_the_others():
    assert decode(json.dumps({"a": "\ud800", "b": "ü"})) == {"a": "?", "b": "ü"}


# -- answers --------------------------------------------------------------------------------


def test_DB_07_values_come_back_as_json_had_them(catalog, store, project):
    doc = {"i": 3, "f": 1.0, "big": 2**60, "t": "x", "b": True, "n": None, "s": "=1"}
    put(catalog, "S-1", "META/m.json", doc)
    (row,) = table(store, project, *(f"m.{key}" for key in doc))
    assert row[2:] == list(doc.values())
    assert [type(value) for value in row[2:]] == [type(value) for value in doc.values()]


def test_keys_have_counts_and_ranges(catalog, store, project):
    for n in range(3):
        put(catalog, f"S-{n}", "m.json", {"v": n, "t": "x"} if n else {"v": n})
    with store.fresh(project) as con:
        keys, total = meta_keys(con, search="M V")
        assert [(k.name, k.n_documents, k.n_numbers, k.low, k.high) for k in keys] == [
            ("m.v", 3, 3, 0.0, 2.0)
        ]
        assert total == 1
        assert meta_keys(con, search="m.", limit=1)[1] == 2
        assert [(v.value, v.n) for v in meta_values(con, "m.t")] == [("x", 2)]


def test_sidecars_of_one_name_are_rows_and_the_study_stands_beside_each(catalog, store, project):
    put(catalog, "S-1", "a/s001.json", {"te": 1}, sex="F")
    put(catalog, "S-1", "b/s001.json", {"te": 2})
    put(catalog, "S-1", "META/r.json", {"v": 5})
    ask = ("s001.te", "r.v", "nodeinfo.subject.sex")
    assert table(store, project, *ask) == [["S-1", "V1", 1, 5, "F"], ["S-1", "V1", 2, None, "F"]]
    assert table(store, project, "r.v", "nodeinfo.subject.sex") == [["S-1", "V1", 5, "F"]]
    assert table(store, project, *ask, per="file") == [
        ["S-1", "V1", None, 5, "F"], ["S-1", "V1", 1, None, "F"], ["S-1", "V1", 2, None, "F"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "pids"),
    [
        (MetaFilter("m.v", ">", 1), "BC"),
        (MetaFilter("m.v", "<=", "1"), "A"),
        (MetaFilter("m.v", "!=", 2), "AC"),
        (MetaFilter("m.t", "=", "yes"), "AB"),
        (MetaFilter("m.t", "contains", "E"), "AB"),
        (MetaFilter("m.t", "<", "yes"), "C"),
        (MetaFilter("m.b", "=", True), "A"),
        (MetaFilter("m.b", "=", "false"), "B"),
        (MetaFilter("m.b", "exists"), "AB"),
        (MetaFilter("m.b", "missing"), "C"),
        (MetaFilter("nodeinfo.subject.id", "=", "C"), "C"),
    ],
)
def test_filters_compare_numbers_as_numbers_and_all_else_as_text(
    catalog, store, project, asked, pids
):
    put(catalog, "A", "m.json", {"v": 1, "t": "yes", "b": True})
    put(catalog, "B", "m.json", {"v": 2, "t": "yes", "b": False})
    put(catalog, "C", "m.json", {"v": 10.5, "t": "no", "b": None})
    rows = table(store, project, "m.v", filters=[asked])
    assert "".join(row[0] for row in rows) == pids


def test_rows_without_a_value_are_sorted_last(catalog, store, project):
    for pid, doc in {"A": {"v": 2}, "B": {}, "C": {"v": 10}, "D": {"v": "x"}}.items():
        put(catalog, pid, "m.json", {**doc, "w": 1})
    for sort, order in {"m.v": "ACDB", "-m.v": "CADB"}.items():
        rows = table(store, project, "m.w", sort=sort)
        assert "".join(row[0] for row in rows) == order
    with pytest.raises(Invalid, match="no column"):
        table(store, project, "m.w", sort="m.nothing")


def test_a_histogram_agrees_with_counting(catalog, store, project):
    rng = random.Random(3)
    values = [rng.gauss(5, 2) for _ in range(60)]
    for n, value in enumerate(values):
        put(catalog, f"S-{n:02d}", "m.json", {"v": value})
    with store.fresh(project) as con:
        found = meta_histogram(con, MetaQuery(), "m.v", bins=7)
    assert sum(found.counts) == 60
    for low, high, n in zip(found.edges, found.edges[1:], found.counts, strict=False):
        last = high == found.edges[-1]
        assert n == sum(low <= v < high or (last and v == high) for v in values)
    assert found.mean == pytest.approx(sum(values) / 60)


# -- in step with the catalog ------------------------------------------------------------------


def test_the_cache_follows_every_kind_of_change(catalog, store, project):
    file = put(catalog, "S-1", "m.json", {"v": 1})
    put(catalog, "S-2", "m.json", {"v": 2})
    put(catalog, "S-1", "m.json", {"v": 9}, project="other")
    ask = ("m.v", "nodeinfo.study.tags")
    assert table(store, project, *ask) == [["S-1", "V1", 1, None], ["S-2", "V1", 2, None]]

    put(catalog, "S-1", "m.json", {"v": 7})
    catalog.write(lambda tx: tag(tx, "study", [1], add=["good"]))
    assert table(store, project, *ask)[0] == ["S-1", "V1", 7, "good"]

    operation = catalog.write(lambda tx: trash_files(tx, [file], "me"))
    assert table(store, project, "m.v") == [["S-2", "V1", 2]]
    catalog.write(lambda tx: undo(tx, operation, "me"))
    assert table(store, project, "m.v") == [["S-1", "V1", 7], ["S-2", "V1", 2]]


def test_custom_fields_are_columns_and_a_single_change_does_not_read_all(
    catalog, store, project, monkeypatch
):
    put(catalog, "S-1", "m.json", {"v": 1})
    fields = [{"name": "score", "level": "study", "kind": "number"},
              {"name": "group", "level": "subject", "kind": "text"}]  # fmt: skip
    catalog.write(lambda tx: change_policy(tx, "p", {"fields": fields}, actor="me"))
    assert table(store, project, "m.v") == [["S-1", "V1", 1]]
    monkeypatch.setattr(Synchronizer, "_all", lambda self: pytest.fail("all was read anew"))
    catalog.write(lambda tx: change_fields(tx, "study", 1, {"score": 4.5}))
    catalog.write(lambda tx: change_fields(tx, "subject", 1, {"group": "a"}))
    catalog.write(lambda tx: tag(tx, "subject", [1], add=["pilot"]))
    columns = ("study.fields.score", "subject.fields.group", "subject.tags")
    rows = table(store, project, "m.v", *(f"nodeinfo.{column}" for column in columns))
    assert rows == [["S-1", "V1", 1, 4.5, "a", "pilot"]]


def test_many_random_changes_leave_what_a_new_cache_would_hold(catalog, tmp_path, project):
    rng = random.Random(11)
    store = MetaStore(catalog, tmp_path / "kept")
    files = []
    for step in range(60):
        kind = rng.random()
        if kind < 0.6 or not files:
            pid, name = f"S-{rng.randrange(5)}", f"{rng.choice('ab')}/{rng.choice('mn')}.json"
            doc = {rng.choice("xyz"): rng.randrange(9), "l": [step] * rng.randrange(3)}
            files.append(put(catalog, pid, name, doc))
        elif kind < 0.8:
            catalog.write(lambda tx: trash_files(tx, [rng.choice(files)], "me"))
        else:
            catalog.write(lambda tx: tag(tx, "study", [1], add=[f"t{rng.randrange(4)}"]))
        if step % 7 == 0:
            with store.fresh(project):
                pass
    fresh = MetaStore(catalog, tmp_path / "new")
    try:
        assert everything(store, project) == everything(fresh, project)
    finally:
        store.close()
        fresh.close()


def everything(store, project):
    with store.fresh(project) as con:
        tables = ("meta", "studies", "_doc", "_place", "_study_row")
        return [sorted(con.execute(f"FROM {name}").fetchall(), key=repr) for name in tables]


def test_a_cache_that_is_damaged_or_of_another_version_is_made_anew(
    catalog, store, project, tmp_path
):
    put(catalog, "S-1", "m.json", {"v": 1})
    path = tmp_path / "meta" / f"{project.key}.duckdb"
    assert table(store, project, "m.v") == [["S-1", "V1", 1]]
    store.close()
    path.write_bytes(b"no database" * 1000)
    assert table(store, project, "m.v") == [["S-1", "V1", 1]]
    with store.fresh(project) as con:
        con.execute("UPDATE _info SET format = 99")
    store.close()
    assert table(store, project, "m.v") == [["S-1", "V1", 1]]


def test_a_snapshot_is_of_its_moment_also_with_readers_about(catalog, store, project):
    import duckdb

    put(catalog, "S-1", "m.json", {"v": 1})
    with store.fresh(project) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM meta").fetchall()
        first = store.snapshot(project)
    put(catalog, "S-2", "m.json", {"v": 2})
    with duckdb.connect(str(first), read_only=True) as con:
        second = store.snapshot(project)
        sql = "SELECT count(*) FROM meta WHERE key = 'm.v'"
        assert con.execute(sql).fetchall() == [(1,)]
    assert first != second
    with duckdb.connect(str(second), read_only=True) as con:
        assert con.execute(sql).fetchall() == [(2,)]


# -- files ------------------------------------------------------------------------------------


def written(store, project, query, **form):
    with store.fresh(project) as con:
        text = "".join(meta_csv(con, query, CsvForm(**form)))
    delimiter = ";" if form.get("german") else ","
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter))


@pytest.fixture
def some(catalog, project):
    put(catalog, "=S", "m.json", {"v": 1.5, "t": "+x", "-k": None})
    put(catalog, "=S", "m.json", {"v": 2}, sid="V2")
    put(catalog, "T", "n.json", {"w": True})


def test_VIEW_x11_wide_tree_sparse_and_long(some, store, project):
    query = MetaQuery(columns=["m.*"])
    assert written(store, project, query) == [
        ["subject", "study", "m.-k", "m.t", "m.v"],
        ["'=S", "V1", "", "'+x", "1.5"], ["'=S", "V2", "", "", "2"], ["T", "V1", "", "", ""],
    ]  # fmt: skip
    assert written(store, project, query, shape="tree", german=True)[1:] == [
        ["'=S", "V1", "", "'+x", "1,5"], ["", "V2", "", "", "2"], ["T", "V1", "", "", ""],
    ]  # fmt: skip
    assert written(store, project, query, shape="sparse") == [
        ["subject", "study", "m.t", "m.v"],
        ["'=S", "V1", "'+x", "1.5"], ["'=S", "V2", "", "2"],
    ]  # fmt: skip
    assert written(store, project, query, shape="long") == [
        ["subject", "study", "file", "key", "value"],
        ["'=S", "V1", "m.json", "m.t", "'+x"],
        ["'=S", "V1", "m.json", "m.v", "1.5"],
        ["'=S", "V2", "m.json", "m.v", "2"],
    ]  # fmt: skip


def test_parquet_has_numbers_as_numbers_and_no_name_twice(catalog, some, store, project, tmp_path):
    put(catalog, "T", "m.json", {"V": 7})
    target = tmp_path / "it's.parquet"
    with store.fresh(project) as con:
        meta_parquet(con, MetaQuery(columns=["m.*"]), target)
        shape = con.execute("DESCRIBE FROM read_parquet(?)", [str(target)]).fetchall()
    assert {row[0]: row[1] for row in shape} == {
        "subject": "VARCHAR", "study": "VARCHAR", "file": "VARCHAR", "m.-k": "VARCHAR",
        "m.t": "VARCHAR", "m.V": "BIGINT", "m.v_2": "DOUBLE",
    }  # fmt: skip


def test_a_selector_chooses_files_and_nodeinfo_stands_for_what_is_known(catalog, some, project):
    with catalog.read() as con:
        assert meta_files(con, project.id, "*", None) is None
        assert meta_files(con, project.id, "m.json", None) == [1, 2]
        assert meta_files(con, project.id, "m.json", [2]) == [2]
        assert meta_files(con, project.id, "nodeinfo.json", None) == [-1, -2, -3]
        assert meta_files(con, project.id, "n*.json", [3]) == [3, -3]
