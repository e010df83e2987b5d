"""Directive files through the API: templates, their form, own ones for who may run batches."""

from __future__ import annotations

import pytest

from tests.web_api.conftest import Site

_GOLD = "setupset.copyarg.gold"


def test_ADOC_12_a_form_tells_help_layer_and_the_text(site: Site) -> None:
    with site.local() as http:
        names = [one["name"] for one in http.get("/directives/templates").json()["items"]]
        assert {"dirTemplate", "plastic", "cryo"} <= set(names)
        body = {"template": "cryo", "changes": {_GOLD: "15"}}
        form = http.post("/directives/form", json=body).json()
    row = next(one for one in form["rows"] if one["key"] == _GOLD)
    assert (row["value"], row["below"], row["changed"]) == ("15", "{{ beadSize (10) }}", True)
    assert (row["unit"], row["kind"], row["layer"]) == ("nm", "float", "batch")
    assert row["help"]
    assert f"{_GOLD}=15" in form["text"].splitlines()


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"text": "nothing"}, 422, "line 1"),
        ({"template": "none"}, 404, "no template"),
        ({"changes": {"a.b": "1"}}, 422, "no directive"),
        ({"changes": {_GOLD: "1\n2"}}, 400, "more than one line"),
    ],
)
def test_what_is_malformed_is_told(
    site: Site, body: dict[str, object], status: int, said: str
) -> None:
    with site.local() as http:
        answer = http.post("/directives/form", json=body)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]


def test_own_templates_are_kept_and_forgotten(site: Site) -> None:
    with site.local() as http:
        kept = http.put("/directives/templates/mine", json={"text": f"{_GOLD}=5\n"})
        assert kept.json() == {"name": "mine", "is_own": True}
        assert http.get("/directives/templates").json()["items"][0] == kept.json()
        form = http.post("/directives/form", json={"template": "mine"}).json()
        assert form["text"] == f"{_GOLD}=5\n"
        assert http.delete("/directives/templates/mine").status_code == 204
        assert http.delete("/directives/templates/mine").status_code == 404
        assert http.put("/directives/templates/..", json={"text": ""}).status_code >= 400
