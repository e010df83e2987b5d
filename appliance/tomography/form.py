"""The form of a directive file: what each layer says, what is wrong with it, and the file itself.

Own templates lie in a folder of the data folder that jobs do not see: what a job is to do is made
one text when it is submitted, and is kept with the job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from appliance.core import Invalid, NotFound, atomic_write, safe_join
from appliance.jobs import Argument
from appliance.tomography.directive_help import DirectiveHelp, help_of
from appliance.tomography.directive_list import installed_problems
from appliance.tomography.directives import (
    LAYERS,
    TEMPLATE_KEYS,
    Directives,
    Layered,
    change_text,
    layer_directives,
    parse_directives,
    write_directives,
)
from appliance.tomography.imod import find_imod
from appliance.tomography.parameters import PARAMETERS
from appliance.tomography.presets import SHIPPED, fill_template, find_template, list_templates

__all__ = ["Form", "FormRow", "OwnTemplates", "complete_tomogram", "job_text", "make_form"]

_NAMES = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. ")
_MOST_BYTES = 65_536
_NO_HELP = DirectiveHelp("", "")


@dataclass(frozen=True, slots=True)
class FormRow:
    """One directive of a form.

    Attributes
    ----------
    value : str
        Of the layer that counts; ``{{ name (default) }}`` is filled by the job.
    layer : str
        ``program``, ``scope``, ``system``, ``user`` or ``batch``.
    changed : bool
        Whether it was set in the form.
    below : str
        Its value without what was set in the form.
    problem : str
        What is wrong with it.
    """

    key: str
    value: str
    layer: str
    changed: bool
    below: str
    facts: DirectiveHelp
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A form, with the text that a job would get."""

    rows: tuple[FormRow, ...]
    text: str


class OwnTemplates:
    """The templates that people have saved, for all jobs of the appliance.

    Parameters
    ----------
    folder : Path
        Made when the first is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[tuple[str, bool]]:
        """List the templates, and whether each is an own one."""
        own = {path.stem for path in self.folder.glob("*.adoc")}
        return [(name, name in own) for name in list_templates(self.folder)]

    def text(self, name: str) -> str:
        """Give the text of a template.

        Raises
        ------
        NotFound
            If there is none.
        """
        return find_template(name, self.folder).read_text(encoding="utf-8-sig")

    def save(self, name: str, text: str) -> None:
        """Save a template; one of the same name is replaced.

        Raises
        ------
        FormatError
            If a line is no directive.
        Invalid
            If the name is none for a file.
        """
        if not name.strip(" .") or not set(name) <= _NAMES or name != name.strip():
            raise Invalid(f"{name!r} is no name of a template", hint="Letters, digits, - and _.")
        if len(text.encode()) > _MOST_BYTES:
            raise Invalid("the template is too long", hint="At most 64 KiB.")
        parse_directives(text, name)
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(safe_join(self.folder, f"{name}.adoc")) as stream:
            stream.write(text.encode())

    def forget(self, name: str) -> None:
        """Remove an own template; a preset of its name is there again.

        Raises
        ------
        NotFound
            If there is no own one.
        """
        path = safe_join(self.folder, f"{name}.adoc")
        if not path.is_file():
            raise NotFound(f"there is no own template {name!r}")
        path.unlink()


def make_form(text: str, name: str, changes: Mapping[str, str], own: Path | None = None) -> Form:
    """Lay the layers over each other and say what is wrong.

    Parameters
    ----------
    text : str
        A directive file or template of one.
    name : str
        For messages.
    changes : mapping of str to str
        What was set in the form; a blank value takes an option away.
    own : Path, optional
        Folder of own templates.

    Raises
    ------
    FormatError
        If a line or a key is malformed, or a template that is named is not here.
    """
    for key, value in changes.items():
        if "\n" in value or "\r" in value:
            raise Invalid(f"the value of {key} has more than one line")
    layered = _layers(text, name, own)
    below = layered.merged().values
    whole = parse_directives(change_text(text, changes, name), name)
    counts = {**below, **changes}
    made = _flat(text, name, layered, changes)
    wrong = {one.key: one.text for one in installed_problems(fill_template(made, {}), name)}
    wrong |= {key: why for key, value in counts.items() if (why := _misfit(key, value))}
    rows = tuple(
        FormRow(
            key,
            value,
            "batch" if key in whole.values else _layer_of(key, layered),
            key in changes,
            below.get(key, ""),
            help_of(key) or _NO_HELP,
            wrong.get(key, ""),
        )
        for key, value in counts.items()
    )
    return Form(rows, made)


def job_text(text: str, name: str, own: Path | None = None) -> str:
    """Make one text of a template and of those it names, as a job gets it."""
    return _flat(text, name, _layers(text, name, own), {})


def complete_tomogram(own: OwnTemplates, args: tuple[Argument, ...]) -> tuple[Argument, ...]:
    """Write an own template into the arguments of a job, which could not find it by its name.

    Raises
    ------
    FormatError, NotFound
        If a template that it names is not here, or a line is no directive.
    """
    by_id = {one.id: one for one in args}
    name, given = str(by_id["template"].value or ""), str(by_id["directives"].value or "")
    if given.strip() or name not in [one for one, is_own in own.names() if is_own]:
        return args
    text = job_text(own.text(name), f"{name}.adoc", own.folder)
    changed = msgspec.structs.replace(by_id["directives"], value=text)
    return tuple(changed if one.id == "directives" else one for one in args)


def _layers(text: str, name: str, own: Path | None) -> Layered:
    imod = find_imod()
    folders = [own, SHIPPED, imod / "SystemTemplate" if imod else None]
    defaults = {one.directive: one.default for one in PARAMETERS if one.directive and one.default}
    batch = parse_directives(text, name)
    return layer_directives(
        batch, [one for one in folders if one is not None], program=Directives(defaults, "program")
    )


def _flat(text: str, name: str, layered: Layered, changes: Mapping[str, str]) -> str:
    """Keep the lines and comments of a file that stands alone; write out what names others."""
    names = set(TEMPLATE_KEYS.values())
    if not names & parse_directives(text, name).values.keys():
        return change_text(text, changes, name)
    above = Layered(layered.layers[1:]).merged().changed(changes)
    kept = {key: value for key, value in above.values.items() if key not in names}
    return write_directives(Directives(kept))


def _layer_of(key: str, layered: Layered) -> str:
    """Name the last layer that has a directive."""
    templates = [
        layer for layer in LAYERS[1:-1] if TEMPLATE_KEYS[layer] in layered.layers[-1].values
    ]
    names: Sequence[str] = ("program", *templates, "batch")
    pairs = zip(reversed(names), reversed(layered.layers), strict=True)
    return next((layer for layer, one in pairs if key in one.values), "program")


def _misfit(key: str, value: str) -> str:
    """Say what of a value cannot be, by what we know of its directive."""
    facts = help_of(key)
    if facts is None or not value or "{{" in value:
        return ""
    if facts.choices and value not in dict(facts.choices):
        return "one of " + ", ".join(word for word, _ in facts.choices)
    try:
        if facts.kind == "int":
            int(value)
        elif facts.kind == "float":
            float(value)
    except ValueError:
        return "a whole number" if facts.kind == "int" else "a number"
    return ""
