"""Directive files and their form, as the API takes and gives them."""

from __future__ import annotations

from typing import Self

import msgspec

from appliance.tomography import Form
from appliance.web.schemas.base import Input

__all__ = [
    "DirectiveForm",
    "DirectiveRow",
    "DirectiveTemplate",
    "EditDirectives",
    "KeepTemplate",
]


class DirectiveTemplate(msgspec.Struct, frozen=True):
    """A template by its name; one of the user's own stands in the place of a preset."""

    name: str
    is_own: bool


class EditDirectives(Input, frozen=True):
    """What a form starts from, a template or a text, and what was set in it, by key."""

    template: str = "dirTemplate"
    text: str | None = None
    changes: dict[str, str] = msgspec.field(default_factory=dict)


class KeepTemplate(Input, frozen=True):
    """The text of a template."""

    text: str


class DirectiveRow(msgspec.Struct, frozen=True, kw_only=True):
    """One directive: its value, the layer it comes from, its help, and what is wrong with it.

    Attributes
    ----------
    layer : str
        ``program``, ``scope``, ``system``, ``user`` or ``batch``.
    below : str
        Its value without what was set in the form.
    choices : list of (str, str)
        Value and meaning.
    """

    key: str
    value: str
    layer: str
    changed: bool
    below: str
    label: str
    help: str
    kind: str
    unit: str
    choices: list[tuple[str, str]]
    problem: str


class DirectiveForm(msgspec.Struct, frozen=True):
    """All directives of a form, and the text that a job would get."""

    rows: list[DirectiveRow]
    text: str

    @classmethod
    def of(cls, form: Form) -> Self:
        """Make the answer."""
        rows = [
            DirectiveRow(
                key=one.key,
                value=one.value,
                layer=one.layer,
                changed=one.changed,
                below=one.below,
                label=one.facts.label,
                help=one.facts.help,
                kind=one.facts.kind,
                unit=one.facts.unit,
                choices=list(one.facts.choices),
                problem=one.problem,
            )
            for one in form.rows
        ]
        return cls(rows, form.text)
