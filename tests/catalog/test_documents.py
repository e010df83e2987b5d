"""Named documents: what is deleted comes back by undo, unless its name is taken."""

from __future__ import annotations

import pytest

from appliance.catalog import delete_doc, get_doc, put_doc, undo
from appliance.core import Conflict, NotFound


def test_undo_brings_a_deleted_document_back_once(filled):
    filled.write(lambda tx: put_doc(tx, "batch", "mine", {"jobs": [1]}))
    operation = filled.write(lambda tx: delete_doc(tx, "batch", "mine", actor="owner"))
    with filled.read() as con, pytest.raises(NotFound):
        get_doc(con, "batch", "mine")
    filled.write(lambda tx: undo(tx, operation, "owner"))
    with filled.read() as con:
        assert get_doc(con, "batch", "mine").doc == {"jobs": [1]}
    with pytest.raises(Conflict):
        filled.write(lambda tx: undo(tx, operation, "owner"))


def test_undo_keeps_a_newer_document_of_the_same_name(filled):
    filled.write(lambda tx: put_doc(tx, "batch", "mine", {"jobs": [1]}))
    operation = filled.write(lambda tx: delete_doc(tx, "batch", "mine", actor="owner"))
    filled.write(lambda tx: put_doc(tx, "batch", "mine", {"jobs": [2]}))
    with pytest.raises(Conflict):
        filled.write(lambda tx: undo(tx, operation, "owner"))
    with filled.read() as con:
        assert get_doc(con, "batch", "mine").doc == {"jobs": [2]}
