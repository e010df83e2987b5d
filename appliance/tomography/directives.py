"""Directive files of batchruntomo (``.adoc``): read, written, and laid over each other.

Reads no stack and runs nothing. The rules are those of IMOD's documentation of batchruntomo.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from appliance.core import FormatError

__all__ = [
    "LAYERS",
    "TEMPLATE_KEYS",
    "Axis",
    "Directives",
    "Layered",
    "change_text",
    "is_on",
    "layer_directives",
    "parse_directives",
    "read_directives",
    "write_directives",
]

Axis = Literal["a", "b"]
LAYERS = ("program", "scope", "system", "user", "batch")
"""The layers of directives, each over the one before it."""
TEMPLATE_KEYS = {
    "scope": "setupset.scopeTemplate",
    "system": "setupset.systemTemplate",
    "user": "setupset.userTemplate",
}
"""How the batch file names the layers below it."""
_PARTS = {"setupset": (2, 3), "comparam": (4,), "runtime": (4,)}
_FORMS = {
    "setupset": "setupset.NAME or setupset.copyarg.NAME",
    "comparam": "comparam.COMFILE.PROGRAM.OPTION",
    "runtime": "runtime.GROUP.AXIS.OPTION",
}
_PART = re.compile(r"[^\s.=#]+")


@dataclass(frozen=True, slots=True)
class Directives:
    """The directives of one file.

    Attributes
    ----------
    values : dict of str to str
        By key, in the order of the lines that count; the last line of a key is the one that does.
    name : str
        The file, for messages.
    lines : dict of str to int
        Number of the line that counts, from 1; empty when the directives are from no file.
    repeated : tuple of str
        Keys that stood in more than one line.
    """

    values: dict[str, str] = field(default_factory=dict)
    name: str = ""
    lines: dict[str, int] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()

    def get(self, key: str, default: str = "") -> str:
        """Give the value of a key; blank values are values."""
        return self.values.get(key, default)

    def changed(self, values: Mapping[str, str]) -> Directives:
        """Give new directives in which some keys have other values; new keys come last."""
        return Directives({**self.values, **values}, self.name)


def parse_directives(text: str, name: str = "the directive file") -> Directives:
    """Read the text of a directive file.

    Parameters
    ----------
    text : str
        Lines ``key = value``; blank lines and lines that begin with ``#`` say nothing.
    name : str
        The file, for messages.

    Returns
    -------
    Directives
        A value may be blank; the first ``=`` ends the key.

    Raises
    ------
    FormatError
        If a line is no directive; the fact ``line`` has its number.
    """
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    repeated: dict[str, None] = {}
    for number, line in enumerate(map(str.strip, _lines(text)), start=1):
        if not line or line.startswith("#"):
            continue
        key, value = _split(line, number, name)
        if key in values:
            repeated[key] = None
            del values[key]
        values[key], lines[key] = value, number
    return Directives(values, name, lines, tuple(repeated))


def read_directives(path: Path) -> Directives:
    """Read a directive file.

    Raises
    ------
    FormatError
        If it is not one, or cannot be read.
    """
    if path.suffix.lower() != ".adoc":
        raise FormatError(f"{path.name} is no directive file", hint="Its name ends in .adoc.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path.name} cannot be read as text") from error
    return parse_directives(text, path.name)


def write_directives(directives: Directives) -> str:
    """Give the text of a directive file; reading it gives the same directives."""
    return "".join(f"{key}={value}\n" for key, value in directives.values.items())


def change_text(text: str, values: Mapping[str, str], name: str = "the directive file") -> str:
    """Set keys in the text of a directive file; comments and all other lines stay as they are.

    Parameters
    ----------
    text : str
        A directive file.
    values : mapping of str to str
        New values. The line that counts is changed; a key without one is added at the end.

    Returns
    -------
    str

    Raises
    ------
    FormatError
        If `text` or a new key is malformed.
    """
    lines = _lines(text)
    if not lines[-1]:
        lines.pop()
    there = parse_directives(text, name).lines
    for key, value in values.items():
        _check_key(key, 0, name)
        if key in there:
            lines[there[key] - 1] = f"{key}={value}"
        else:
            lines.append(f"{key}={value}")
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Layered:
    """Directives of all layers, lowest first, of a series with one or two tilt axes.

    With two axes a key for one axis beats the key for any axis, even one of a later layer. With one
    axis only the order of layers and lines counts.
    """

    layers: tuple[Directives, ...]
    is_dual: bool = False

    def setup(self, name: str) -> str | None:
        """Give ``setupset.NAME``, or None when no layer has it or it is blank."""
        return self._last([f"setupset.{name}"]) or None

    def copyarg(self, name: str) -> str | None:
        """Give ``setupset.copyarg.NAME``, or None when no layer has it or it is blank."""
        return self.setup(f"copyarg.{name}")

    def runtime(self, group: str, option: str, axis: Axis = "a") -> str | None:
        """Give ``runtime.GROUP.*.OPTION`` for an axis, or None when it is not set or blank."""
        keys = [f"runtime.{group}.{where}.{option}" for where in ("any", axis)]
        return self._choose(keys) or None

    def command(self, com: str, program: str, option: str, axis: Axis = "a") -> str | None:
        """Give an option of a command file for an axis.

        Returns
        -------
        str or None
            ``""`` when the option is to be removed from the command file; None when no layer says
            anything of it.
        """
        keys = [f"comparam.{where}.{program}.{option}" for where in (com, com + axis)]
        return self._choose(keys)

    def merged(self) -> Directives:
        """Give what counts as one file: every key once, of the last layer that has it."""
        values: dict[str, str] = {}
        for layer in self.layers:
            for key, value in layer.values.items():
                values.pop(key, None)
                values[key] = value
        return Directives(values, "all layers")

    def _choose(self, keys: list[str]) -> str | None:
        """Choose between the key for any axis and the one for this axis."""
        if not self.is_dual:
            return self._last(keys)
        own = self._last(keys[1:])
        return self._last(keys[:1]) if own is None else own

    def _last(self, keys: Sequence[str]) -> str | None:
        """Give the value of whichever of some keys comes last."""
        for layer in reversed(self.layers):
            for key in reversed(layer.values):
                if key in keys:
                    return layer.values[key]
        return None


def is_on(value: str | None) -> bool:
    """Read a boolean: only ``1`` is true."""
    return value == "1"


def layer_directives(
    batch: Directives,
    folders: Iterable[Path] = (),
    *,
    program: Directives | None = None,
    is_dual: bool = False,
) -> Layered:
    """Find the templates that a batch file names, and lay them over each other.

    Parameters
    ----------
    batch : Directives
        The directive file of one series.
    folders : iterable of Path
        Where templates lie that are named without their folder.
    program : Directives, optional
        Defaults below all layers.
    is_dual : bool
        Whether the series has two tilt axes.

    Returns
    -------
    Layered

    Raises
    ------
    FormatError
        If a template is missing, or names templates itself.
    """
    places = list(folders)
    templates = [
        _template(place, batch, places) for place in TEMPLATE_KEYS.values() if batch.get(place)
    ]
    return Layered((program or Directives(), *templates, batch), is_dual)


def _template(key: str, batch: Directives, folders: Sequence[Path]) -> Directives:
    named = batch.values[key]
    for path in _candidates(named, folders):
        if path.is_file():
            found = read_directives(path)
            inner = sorted(set(TEMPLATE_KEYS.values()) & found.values.keys())
            if inner:
                raise FormatError(
                    f"the template {path.name} names a template itself ({inner[0]})",
                    hint="Only the directive file of a series names templates.",
                    line=found.lines[inner[0]],
                )
            return found
    raise FormatError(
        f"{batch.name or 'the directive file'} names a template that is not here: {named}",
        hint="Give its whole path, or put it into the folder of templates.",
        line=batch.lines.get(key, 0),
    )


def _candidates(named: str, folders: Sequence[Path]) -> Iterator[Path]:
    path = Path(named).expanduser()
    for name in dict.fromkeys([path, path.with_name(path.name + ".adoc")]):
        yield from [name] if name.is_absolute() else [folder / name for folder in folders]


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _split(line: str, number: int, name: str) -> tuple[str, str]:
    key, equals, value = line.partition("=")
    key = key.strip()
    if not equals or not key:
        raise _malformed(name, number, f"{line!r} is no directive", "Write key=value.")
    _check_key(key, number, name)
    return key, value.strip()


def _check_key(key: str, number: int, name: str) -> None:
    parts = key.split(".")
    prefix = parts[0]
    if prefix not in _PARTS:
        hint = "Directives begin with setupset, comparam or runtime."
        raise _malformed(name, number, f"{key!r} is no directive", hint)
    if len(parts) not in _PARTS[prefix] or not all(_PART.fullmatch(part) for part in parts):
        raise _malformed(name, number, f"{key!r} is malformed", f"Write {_FORMS[prefix]}=value.")
    if prefix == "setupset" and len(parts) == 3 and parts[1] != "copyarg":
        raise _malformed(name, number, f"{key!r} is malformed", f"Write {_FORMS[prefix]}=value.")
    if prefix == "runtime" and parts[2] not in ("any", "a", "b"):
        hint = "The axis is any, a or b."
        raise _malformed(name, number, f"{key!r} is for no axis", hint)


def _malformed(name: str, number: int, what: str, hint: str) -> FormatError:
    where = f"{name}, line {number}" if number else name
    return FormatError(f"{where}: {what}", hint=hint, line=number)
