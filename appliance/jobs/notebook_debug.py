"""Makes the notebook in which a job is debugged: its arguments, its script, its outputs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from appliance.core import ApplianceError
from appliance.jobs.plan import Plan
from appliance.jobs.references import kind_of_reference
from appliance.jobs.resolve import Resolved
from appliance.jobs.scripts import bash_script, matlab_arguments, python_script
from appliance.jobs.tools import render_command

__all__ = ["debug_notebook"]

_EXPLAINED = (
    "The cells hold what the job would get now: its arguments, its script, and the registering of"
    " its outputs. Change the script until it does what it should, then take it back into the"
    " batch. End this notebook in the table of jobs."
)
_MARKED = re.compile(r"__nora_([fopsn][1-9])__")


def debug_notebook(job: Mapping[str, Any], plan: Plan, found: Resolved) -> dict[str, Any]:
    """Give a notebook (nbformat 4.5) of a job.

    Parameters
    ----------
    job : mapping
        Its row.
    plan : Plan
        What it runs.
    found : Resolved
        Its arguments as they are now.

    Returns
    -------
    dict
        Cells: what it is, the arguments, the script, and the registering of outputs.
    """
    cells = [
        _cell("markdown", _head(job, found)),
        _cell("code", _arguments(plan, found)),
        _cell("code", _script(plan, found)),
        _cell("code", _outputs(job, found)),
    ]
    return {
        "cells": [{**cell, "id": f"nora-{n}"} for n, cell in enumerate(cells, 1)],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": text}
    return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell


def _head(job: Mapping[str, Any], found: Resolved) -> str:
    place = f"Project `{job['project']}`, `{job['psid'] or 'all studies'}`, job `{job['key']}`"
    lines = [
        f"# Job {_plain(job['name'])}",
        "",
        f"{place}, {job['state']}: {_plain(job['why']) or 'no remark'}",
        "",
        _EXPLAINED,
    ]
    lines += [f"- **{_plain(problem)}**" for problem in found.problems]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Keep names from becoming markup."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-!|])", r"\\\1", text)


def _arguments(plan: Plan, found: Resolved) -> str:
    lines = ["# Arguments as they are found now", "import os", "from pathlib import Path", ""]
    for name, values in sorted(found.values.items()):
        lines.append(f"{_variable(name)} = {_literal(name, values)}")
    made = sorted({str(o.path if o.is_folder else o.path.parent) for o in found.outputs})
    lines += ["", f"for folder in {made!r}:  # folders of the outputs"] if made else []
    lines += ["    Path(folder).mkdir(parents=True, exist_ok=True)"] if made else []
    for name, value in sorted(plan.job.env.items()):
        lines.append(f"os.environ[{name!r}] = {value!r}")
    return "\n".join(lines)


def _variable(name: str) -> str:
    return name if name.isidentifier() else re.sub(r"\W", "_", f"arg_{name}")


def _literal(name: str, values: list[str]) -> str:
    if re.fullmatch(r"[fopsn][1-9]", name) and kind_of_reference(name) == "NUMERIC":
        return repr(float(values[0])) if values else "None"
    return repr(values if len(values) > 1 else "".join(values[:1]))


def _script(plan: Plan, found: Resolved) -> str:
    """Give the cell that runs what the job runs."""
    job = plan.job
    try:
        if plan.command:
            vector = render_command(plan.command, plan.args, found.values)
            return f"%%bash\n{shlex.join(vector)}\n"
        if job.language == "python":
            return _MARKED.sub(r"\1", python_script(job.code, found.values)[1])
        if job.language == "matlab":
            return f"%%writefile nora_job.m\n{matlab_arguments(found.values)}{job.code}"
        return "%%bash\n" + bash_script(job.code, found.values, strict=job.strict)
    except (ApplianceError, KeyError) as error:
        return f"# The script cannot be written: {json.dumps(str(error))}\n{_commented(job.code)}"


def _commented(code: str) -> str:
    return "\n".join(f"# {line}" for line in code.splitlines())


def _outputs(job: Mapping[str, Any], found: Resolved) -> str:
    """Give the cell that registers outputs in the catalog, with their tags."""
    lines = ["# Register the outputs, once they are right", "outputs = {"]
    lines += [
        f"    {str(output.path)!r}: {list(output.tags)!r},"
        for output in found.outputs
        if not output.is_folder
    ]
    lines += [
        "}",
        "for path, tags in outputs.items():",
        f"    nora.add_files({job['project']!r}, [path], tags=tags)",
    ]
    for output in found.outputs:
        if output.is_folder:
            lines.append(
                f"for path in sorted(p for p in Path({str(output.path)!r}).rglob('*')"
                " if p.is_file()):"
            )
            lines.append(
                f"    nora.add_files({job['project']!r}, [str(path)], tags={list(output.tags)!r})"
            )
    return "\n".join(lines)
