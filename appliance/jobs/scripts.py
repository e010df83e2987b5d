"""Turns the code of a generic job and its resolved arguments into a script that runs as it is.

A value never becomes code: bash gets quoted variables, Python and MATLAB get literals.
"""

from __future__ import annotations

import io
import re
import shlex
import shutil
import sys
import tokenize
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from appliance.client import matlab_folder
from appliance.core import Invalid, JobError
from appliance.jobs.references import REFERENCE, VARARGIN, kind_of_reference
from appliance.jobs.structs import JobSpec

__all__ = [
    "Script",
    "Values",
    "bash_script",
    "matlab_arguments",
    "precalled",
    "python_script",
    "script_for",
]

Values = Mapping[str, list[str]]
_MARK = "__nora_{}__"
_MARKED = re.compile(r"__nora_([fopsn][1-9])__")
_FSTRING_START = getattr(tokenize, "FSTRING_START", None)  # since Python 3.12
_FSTRING_END = getattr(tokenize, "FSTRING_END", None)
_PYTHON_RUNNER = """\
{prologue}
with open({code!r}, encoding="utf-8") as __nora_code__:
    exec(compile(__nora_code__.read(), {code!r}, "exec"))
"""
_MATLAB_RUNNER = """\
addpath({folder});
nora_arguments
if exist({functions}, 'dir'), addpath({functions}); end
try
  nora_code
catch nora_error
  fprintf(2, '%s\\n', nora_error.message);
  for nora_place = nora_error.stack(:)'
    fprintf(2, '  in %s, line %d\\n', nora_place.name, nora_place.line);
  end
  exit(1);
end
"""
_BASH = ("bash", "--noprofile", "--norc")
_ESCAPES = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\0": "\\x00"}


class Script(NamedTuple):
    """Files to write into the run folder, and the program with its arguments."""

    files: dict[str, str]
    argv: list[str]


def script_for(job: JobSpec, values: Values, folder: Path, *, matlab: str = "") -> Script:
    """Write down a generic job as files in a run folder.

    Raises
    ------
    JobError
        If nothing on this machine runs the language.
    """
    if job.language == "python":
        return precalled(job, _python(job, values, folder), folder)
    if job.language == "matlab":
        return precalled(job, _matlab(job, values, folder, matlab), folder)
    text = bash_script(job.code, values, strict=job.strict, before=_before(job))
    return Script({"script.sh": text}, [*_BASH, str(folder / "script.sh")])


def precalled(job: JobSpec, script: Script, folder: Path) -> Script:
    """Let the shell lines of a job run first, in its Python environment, and then its program."""
    before = _before(job)
    if not before:
        return script
    text = "set -eo pipefail\n" + before + 'exec "$@"\n'
    argv = [*_BASH, str(folder / "precall.sh"), *script.argv]
    return Script({**script.files, "precall.sh": text}, argv)


def _before(job: JobSpec) -> str:
    """Give the shell lines that a job wants to run first."""
    lines = []
    if job.environment:
        place = shlex.quote(job.environment.rstrip("/"))
        lines.append(f'export VIRTUAL_ENV={place} CONDA_PREFIX={place} PATH={place}/bin:"$PATH"')
    lines += [job.precall.rstrip("\n")] if job.precall.strip() else []
    return "".join(f"{line}\n" for line in lines)


def _python(job: JobSpec, values: Values, folder: Path) -> Script:
    code = str(folder / "code.py")
    prologue, body = python_script(job.code, values)
    runner = _PYTHON_RUNNER.format(prologue=prologue, code=code)
    own = job.environment.rstrip("/")
    python = f"{own}/bin/python" if own else sys.executable
    argv = [python, "-u", str(folder / "script.py"), *values.get(VARARGIN, [])]
    return Script({"script.py": runner, "code.py": body}, argv)


def bash_script(code: str, values: Values, *, strict: bool = True, before: str = "") -> str:
    """Put a prologue of quoted variables before a bash script.

    ``f1`` is an array, so ``$f1`` is its first file and ``"${f1[@]}"`` all of them; ``$1`` … are
    the input files of all arguments, then what ``varargin`` holds. `before` runs in the same shell.
    """
    words = [path for name in sorted(values) if name[0] == "f" for path in values[name]]
    words += values.get(VARARGIN, [])
    lines = ["set -o pipefail"] + (["set -e"] if strict else [])
    for name, found in sorted(values.items()):
        quoted = " ".join(shlex.quote(value) for value in found)
        array = name[0] == "f" or name == VARARGIN
        lines.append(f"{name}=({quoted})" if array else f"{name}={quoted}")
    lines.append(shlex.join(["set", "--", *words]))
    return "\n".join(lines) + "\n" + before + code.rstrip("\n") + "\n"


def python_script(code: str, values: Values) -> tuple[str, str]:
    """Replace ``$f1`` … in Python: a variable in code, the text of the path inside strings.

    Returns
    -------
    tuple of str and str
        Assignments of the variables (a list when there are several files), and the code. Inside a
        string stands the first value, escaped so that it reads back as the same text.

    Raises
    ------
    Invalid
        If a value cannot be written into the raw or nested string it is asked for in.
    """
    marked = REFERENCE.sub(_mark_python, code)
    try:
        body = _replace_in_strings(marked, values)
    except (tokenize.TokenError, SyntaxError):
        body = marked  # Python itself will say what is wrong, with the line
    names = sorted(values.keys() - {VARARGIN})
    lines = [f"{_MARK.format(name)} = {_literal(name, values[name])}" for name in names]
    lines += [f"{VARARGIN} = {values[VARARGIN]!r}"] if VARARGIN in values else []
    return "\n".join(lines), body


def _mark_python(match: re.Match[str]) -> str:
    """Rewrite a reference; ``${f1`` keeps its brace: inside an f-string it may be meant."""
    return _MARK.format(match[2]) if match[2] else "{" + _MARK.format(match[1])


def _literal(name: str, found: list[str]) -> str:
    if kind_of_reference(name) == "NUMERIC":
        return _number(found[0]) if found else "None"
    return repr(found if len(found) > 1 else "".join(found[:1]))


def _number(text: str) -> str:
    number = float(text)
    return repr(int(number)) if number.is_integer() else f"float({text!r})"


def _replace_in_strings(code: str, values: Values) -> str:
    lines = code.splitlines(keepends=True)
    for (row, column), (end_row, end_column) in reversed(_string_spans(code)):
        whole = "".join(lines[row - 1 : end_row])
        tail = lines[end_row - 1][end_column:]
        text = whole[column : len(whole) - len(tail)]
        lines[row - 1 : end_row] = [whole[:column] + _fill_string(text, values) + tail]
        lines[row:row] = [""] * (end_row - row)
    return "".join(lines)


def _string_spans(code: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Places of all string literals; since Python 3.12 an f-string is several tokens."""
    spans: list[tuple[tuple[int, int], tuple[int, int]]] = []
    starts: list[tuple[int, int]] = []
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == _FSTRING_START:
            starts.append(token.start)
        elif token.type == _FSTRING_END:
            start = starts.pop()
            spans += [(start, token.end)] if not starts else []
        elif token.type == tokenize.STRING and not starts:
            spans.append((token.start, token.end))
    return spans


def _fill_string(text: str, values: Values) -> str:
    letters = text[: min(text.find(quote) for quote in "'\"" if quote in text)].lower()

    def fill(match: re.Match[str]) -> str:
        value = "".join(values.get(match[1], [])[:1])
        if "f" not in letters:
            return _escaped(value, raw="r" in letters)
        code = _open_code(text[: match.start()])
        if code is None:
            return _escaped(value, raw="r" in letters).replace("{", "{{").replace("}", "}}")
        in_string = code.count("'") % 2 or code.count('"') % 2
        return _escaped(value, raw=True) if in_string else match[0]

    return _MARKED.sub(fill, text)


def _open_code(before: str) -> str | None:
    """Code since the last open brace of an f-string; None when we stand in its text."""
    before = before.replace("{{", "").replace("}}", "")
    return before.rpartition("{")[2] if before.count("{") > before.count("}") else None


def _escaped(value: str, *, raw: bool) -> str:
    if not raw:
        return "".join(_ESCAPES.get(char, char) for char in value)
    if any(char in value for char in "\\'\"\n{}"):
        raise Invalid(
            "a value with quotes, braces or backslashes cannot stand in a raw or nested string",
            hint="Use the reference outside of quotes, such as nib.load($f1).",
        )
    return value


def _matlab(job: JobSpec, values: Values, folder: Path, matlab: str) -> Script:
    """Write the code into a file of its own, so that it may hold functions, and what calls it."""
    program = _matlab_program(matlab)
    functions = _matlab_text(str(matlab_folder()))
    files = {
        "nora_job.m": _MATLAB_RUNNER.format(folder=_matlab_text(str(folder)), functions=functions),
        "nora_arguments.m": "1;  % a script\n" + matlab_arguments(values),
        "nora_code.m": job.code.rstrip("\n") + "\n",
    }
    last = str(folder / "nora_job.m")
    if program[-1] == "-batch":
        last = f"addpath({_matlab_text(str(folder))}); nora_job"
    return Script(files, [*program, last])


def matlab_arguments(values: Values) -> str:
    """Give the lines that set ``input1`` … (cell arrays) and ``output1`` … (char) in MATLAB."""
    return "".join(
        f"{name} = {_matlab_value(name, [_matlab_text(value) for value in found], found)};\n"
        for name, found in sorted(values.items())
    )


def _matlab_text(value: str) -> str:
    """Quote a text; a literal cannot hold control characters, so they stand beside it."""
    parts = re.split(r"([\x00-\x1f])", value.replace("'", "''"))
    words = [f"char({ord(part)})" if at % 2 else f"'{part}'" for at, part in enumerate(parts)]
    return words[0] if len(words) == 1 else f"[{' '.join(words)}]"


def _matlab_value(name: str, quoted: list[str], found: list[str]) -> str:
    if kind_of_reference(name) == "FILE" or name == VARARGIN:
        return "{" + ", ".join(quoted) + "}"
    if kind_of_reference(name) == "NUMERIC":
        return repr(float(found[0])) if found else "NaN"
    return quoted[0] if quoted else "''"


def _matlab_program(command: str) -> list[str]:
    """Choose what runs MATLAB code: the setting, then ``matlab``, then ``octave-cli``."""
    if command:
        words = shlex.split(command)
        return [*words, "-batch"] if [Path(word).name for word in words] == ["matlab"] else words
    if shutil.which("matlab"):
        return ["matlab", "-batch"]
    if shutil.which("octave-cli"):
        return ["octave-cli", "-q", "--no-init-file", "--no-history"]
    raise JobError(
        "no program for MATLAB jobs is installed",
        hint="Install MATLAB or Octave, or set jobs.matlab_command.",
    )
