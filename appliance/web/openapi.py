"""The OpenAPI document: Litestar's, with short names and our one form of errors.

``python -m appliance.web.openapi > webui/openapi.json`` brings the committed copy up to date.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import msgspec
from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

from appliance.web.schemas import Problem

__all__ = ["SchemaDocument", "openapi_text"]

_GENERIC = re.compile(r"\b(Page|Items)_[A-Za-z_.]*?(\w+)_(?![A-Za-z])")
_SUFFIXES = {"Page": "Page", "Items": "List"}
_ANSWERS_ONLY = {"DryRow", "Header", "JobCounts", "Problem", "Tool"}  # defaults are always sent
_ERROR = "default"


class SchemaDocument(JsonRenderPlugin):
    """Serves the document, the same text that is committed for the web UI."""

    def render(  # the base class hands the request in
        self,
        request: Request[Any, Any, Any],  # noqa: ARG002
        openapi_schema: dict[str, Any],
    ) -> bytes:
        """Encode the document."""
        return _tidy(openapi_schema).encode()


def openapi_text() -> str:
    """Describe the API of this version as JSON text, the same every time."""
    from appliance.catalog import Catalog
    from appliance.core import DataFolder, Settings
    from appliance.jobs import ToolBox
    from appliance.web.app import create_app
    from appliance.web.services import Services

    with tempfile.TemporaryDirectory() as folder:
        absent = cast("Any", None)
        services = Services(
            settings=Settings(),
            folder=DataFolder(Path(folder)),
            catalog=Catalog(Path(folder) / "never-opened.sqlite"),
            identities=absent,
            queue=absent,
            scheduler=absent,
            notebooks=absent,
            autoruns=absent,
            importer=absent,
            pacs=absent,
            upkeep=absent,
            notifications=absent,
            tools=ToolBox(),
            meta=absent,
            slices=absent,
        )
        return _tidy(create_app(services).openapi_schema.to_schema())


def _tidy(document: dict[str, Any]) -> str:
    plain = msgspec.to_builtins(document)
    plain["paths"] = {
        path: {method: _operation(entry) for method, entry in entries.items()}
        for path, entries in plain["paths"].items()
        if not path.startswith("/schema")
    }
    _add_problem(plain["components"])
    for name in _ANSWERS_ONLY & plain["components"]["schemas"].keys():
        schema = plain["components"]["schemas"][name]
        schema["required"] = sorted(schema["properties"])
    short = _GENERIC.sub(lambda match: f"{match[2]}{_SUFFIXES[match[1]]}", json.dumps(plain))
    return json.dumps(json.loads(short), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _operation(entry: dict[str, Any]) -> dict[str, Any]:
    """Replace Litestar's form of a bad request by ours, for every status from 400 on."""
    kept = {code: answer for code, answer in entry["responses"].items() if code < "400"}
    return {**entry, "responses": {**kept, _ERROR: {"$ref": "#/components/responses/Problem"}}}


def _add_problem(components: dict[str, Any]) -> None:
    _, schemas = msgspec.json.schema_components(
        [Problem], ref_template="#/components/schemas/{name}"
    )
    components["schemas"].update(schemas)
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {"Problem": {"description": "What went wrong", "content": content}}


if __name__ == "__main__":
    sys.stdout.write(openapi_text())
