"""Folders of microscopes' shares become project, subject and study by the rule of their layout."""

from __future__ import annotations

import pytest

from appliance.core import Invalid
from appliance.exchange.drop_places import compile_place, place_groups

_HEDWIG = "$lab/$pi/$project/$session/$sample"


@pytest.mark.parametrize("rule", [_HEDWIG, "*/*/{project}/{subject}/{study}", _HEDWIG + "/"])
def test_SPA_01_session_and_sample_are_subject_and_study(rule: str) -> None:
    found = place_groups(compile_place(rule), "RML/Smith/CILIA/S_12/grid 3/TS_1.st")
    assert found == {"project": "CILIA", "patients_id": "S_12", "studies_id": "grid 3"}


def test_what_lies_higher_up_is_not_placed_by_the_rule() -> None:
    assert place_groups(compile_place(_HEDWIG), "RML/Smith/CILIA/notes.txt") == {}


def test_a_part_that_the_rule_does_not_know_is_refused() -> None:
    with pytest.raises(Invalid, match="knows no"):
        compile_place("$lab/$pi/$project/$visit")
