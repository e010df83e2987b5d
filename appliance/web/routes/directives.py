"""Routes of directive files: templates, the form of one, and own templates that are kept."""

from __future__ import annotations

from litestar import delete, get, post, put
from litestar.params import FromPath, JSONBody

from appliance import tomography
from appliance.tomography import OwnTemplates
from appliance.web.schemas import Items
from appliance.web.schemas.directives import (
    DirectiveForm,
    DirectiveTemplate,
    EditDirectives,
    KeepTemplate,
)
from appliance.web.services import Rooms, Services

__all__ = ["ROUTES"]

_HERE = "the directive file"


@get("/directives/templates", right="reader", within="open", sync_to_thread=True)
def list_directive_templates(services: Rooms) -> Items[DirectiveTemplate]:
    """List the templates of directive files, the own ones first."""
    return Items([DirectiveTemplate(name, is_own) for name, is_own in _own(services).names()])


@post("/directives/form", right="reader", within="open", status_code=200, sync_to_thread=True)
def make_directive_form(services: Rooms, data: JSONBody[EditDirectives]) -> DirectiveForm:
    """Say what each directive of a template or text is and what is wrong; give the whole text."""
    own = _own(services)
    text = own.text(data.template) if data.text is None else data.text
    name = f"{data.template}.adoc" if data.text is None else _HERE
    return DirectiveForm.of(tomography.make_form(text, name, data.changes, own.folder))


@put("/directives/templates/{name:str}", right="batch", within="open", sync_to_thread=True)
def keep_directive_template(
    services: Rooms, name: FromPath[str], data: JSONBody[KeepTemplate]
) -> DirectiveTemplate:
    """Keep a template of one's own; one of the same name is replaced."""
    _own(services).save(name, data.text)
    return DirectiveTemplate(name, is_own=True)


@delete(
    "/directives/templates/{name:str}",
    right="batch",
    within="open",
    status_code=204,
    sync_to_thread=True,
)
def forget_directive_template(services: Rooms, name: FromPath[str]) -> None:
    """Forget a template of one's own; a preset of that name is there again."""
    _own(services).forget(name)


def _own(services: Services) -> OwnTemplates:
    return OwnTemplates(services.folder.root / "templates" / "tomography")


ROUTES = [
    list_directive_templates,
    make_directive_form,
    keep_directive_template,
    forget_directive_template,
]
