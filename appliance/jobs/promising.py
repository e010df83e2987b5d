"""What a descriptor promises for one target: its files, and what is wrong with its values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.jobs.boutiques import complaints, files_of, invocation

if TYPE_CHECKING:
    from appliance.jobs.resolve import OutputPath, Resolved

__all__ = ["promise_files", "wrong_values"]


def wrong_values(recipe: dict[str, Any], found: Resolved) -> list[str]:
    """Say what is wrong with the values of a descriptor's inputs."""
    return complaints(recipe, invocation(recipe, found.values))


def promise_files(recipe: dict[str, Any], found: Resolved, root: Path) -> list[str]:
    """Put the files that a descriptor must make among the outputs.

    An output whose name a program lengthens, such as by ``.nii.gz``, is replaced by what is made of
    it; its tags go over.

    Parameters
    ----------
    recipe : dict
        The part of a descriptor that a job keeps.
    found : Resolved
        Changed in place.
    root : Path
        The project's folder.

    Returns
    -------
    list of str
        What is in the way.
    """
    problems = []
    given = [one for one in found.outputs if not one.is_folder]
    known = {one.path for one in given}
    for made in files_of(recipe, found.values):
        path, tags = Path(made.path), tuple(recipe["tags"].get(made.id, ()))
        if path in known:
            continue
        stems = [one for one in given if str(path).startswith(str(one.path))]
        home = _home(path, found, root)
        if home is None:
            problems.append(f"{path.name} would be written outside of the study")
            continue
        tags = (*tags, *(tag for one in stems for tag in one.tags))
        found.outputs = [one for one in found.outputs if one not in stems]
        found.outputs.append(replace(home, arg_id=made.id, path=path, tags=tags, is_folder=False))
    return problems


def _home(path: Path, found: Resolved, root: Path) -> OutputPath | None:
    """Find an output or input in whose folder or study a path lies, as an output there."""
    from appliance.jobs.resolve import OutputPath

    for output in found.outputs:
        if path.is_relative_to(output.path if output.is_folder else output.path.parent):
            return output
    for one in found.inputs:
        if one.path.is_relative_to(root):
            study = root.joinpath(*one.path.relative_to(root).parts[:2])
            if path.is_relative_to(study):
                return OutputPath("", one.study_id, path, (), is_folder=False)
    return None
