"""What a job writes down to run a descriptor: typed values, promised files, and two scripts.

``command.sh`` holds the rendered line. ``script.sh`` goes into the output folder, sets variables,
writes configuration files, runs the line here or in a container, and says what an exit code means.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance.jobs.boutiques.making import program_of
from appliance.jobs.boutiques.rendering import Output, Rendered, render

__all__ = [
    "CONTAINERS",
    "CONTAINER_NOTE",
    "driver_script",
    "files_of",
    "has_container",
    "invocation",
]

CONTAINERS = {
    "docker": ("apptainer", "singularity", "podman", "docker"),
    "singularity": ("apptainer", "singularity"),
}
CONTAINER_NOTE = "container.txt"
"""File of the run folder that says what ran the container, where one was used."""
_PATTERN = re.compile(r"[*?\[]")
_Part = Mapping[str, Any]
_Found = Mapping[str, Sequence[str]]


def invocation(recipe: _Part, values: _Found) -> dict[str, Any]:
    """Turn resolved texts into the values of a descriptor's inputs; absent ones are left out."""
    given: dict[str, Any] = {}
    for one in recipe["inputs"]:
        texts = list(values.get(one["id"], ()))
        if texts:
            typed = [_typed(one, text) for text in texts]
            given[one["id"]] = typed if one.get("list") else typed[0]
    return given


def files_of(recipe: _Part, values: _Found) -> list[Output]:
    """Name the files that must exist afterwards, by absolute path: no patterns, none optional."""
    folder = folder_of(recipe, values)
    rendered = render(recipe, invocation(recipe, values), folder)
    return [
        output._replace(path=str(Path(folder, output.path)))
        for output in rendered.outputs
        if not output.optional and not _PATTERN.search(output.path)
    ]


def has_container(recipe: _Part, is_there: Callable[[str], bool]) -> bool:
    """Tell whether a descriptor names an image that one of the programs that are there can run."""
    image = recipe.get("container-image", {})
    if not image.get("image") or not program_of(recipe):
        return False
    return any(is_there(runtime) for runtime in CONTAINERS.get(image["type"], ()))


def folder_of(recipe: _Part, values: _Found) -> str:
    """Give the folder that the command runs in."""
    return next(iter(values[recipe["folder"]]))


def driver_script(
    recipe: _Part, values: _Found, run_folder: Path, *, precall: str = ""
) -> dict[str, str]:
    """Write the two scripts of a job.

    Parameters
    ----------
    recipe : mapping
        What `recipe_of` keeps of a descriptor.
    values : mapping of str to list of str
        Resolved values by argument.
    run_folder : Path
        Where the scripts will lie.
    precall : str
        Shell lines that run first, such as ``module load fsl``.

    Returns
    -------
    dict of str to str
        ``script.sh``, which is run, and ``command.sh``.
    """
    folder = folder_of(recipe, values)
    rendered = render(recipe, invocation(recipe, values), folder)
    lines = [precall] if precall.strip() else []
    lines.append(f"cd {shlex.quote(folder)} || exit 1")
    lines += [f"export {name}={shlex.quote(text)}" for name, text in rendered.environment.items()]
    for path, text in rendered.files.items():
        target = shlex.quote(path)
        lines += [f'mkdir -p "$(dirname {target})"', f"printf %s {shlex.quote(text)} > {target}"]
    lines += _run(recipe, rendered, values, run_folder)
    lines += ["code=$?", *_meanings(recipe), '[ "$code" = 0 ] || exit "$code"']
    lines += [line for output in rendered.outputs for line in _check(output)]
    return {"script.sh": "\n".join([*lines, ""]), "command.sh": rendered.command + "\n"}


def _typed(one: _Part, text: str) -> Any:
    if one["type"] == "Flag":
        return text == "true"
    numbers = one["type"] == "Number" or any(
        isinstance(choice, (int, float)) for choice in one.get("value-choices", ())
    )
    if not numbers:
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _run(recipe: _Part, rendered: Rendered, values: _Found, run_folder: Path) -> list[str]:
    """Run the line here, or in a container where its program is not installed."""
    shell = shlex.quote(recipe.get("shell", "/bin/sh"))
    command = shlex.quote(str(run_folder / "command.sh"))
    here = f"{shell} {command}"
    image, program = recipe.get("container-image", {}), program_of(recipe)
    if not image.get("image") or not program:
        return [here]
    lines = [f"if command -v {shlex.quote(program)} >/dev/null 2>&1; then", f"  {here}"]
    binds = _binds(recipe, values, run_folder)
    note = shlex.quote(str(run_folder / CONTAINER_NOTE))
    for runtime in CONTAINERS.get(image["type"], ()):
        words = _container(runtime, recipe, rendered, binds, folder_of(recipe, values))
        lines += [f"elif command -v {runtime} >/dev/null 2>&1; then", f"  echo {runtime} > {note}"]
        lines.append(f"  {words} {here}")
    return [*lines, "else", f"  {here}", "fi"]


def _binds(recipe: _Part, values: _Found, run_folder: Path) -> list[tuple[str, str]]:
    """Folders that a container sees at their own places, outer ones first."""
    read = {
        str(Path(text).parent)
        for one in recipe["inputs"]
        if one["type"] == "File"
        for text in values.get(one["id"], ())
    }
    wrote = {str(Path(t).parent) for name in recipe["named"] for t in values.get(name, ())}
    wrote |= {folder_of(recipe, values), str(run_folder)}
    return sorted([(path, "ro") for path in read - wrote] + [(path, "rw") for path in wrote])


def _container(
    runtime: str,
    recipe: _Part,
    rendered: Rendered,
    binds: Sequence[tuple[str, str]],
    folder: str,
) -> str:
    image = recipe["container-image"]
    if runtime in ("apptainer", "singularity"):
        mounts = [word for path, mode in binds for word in ("-B", f"{path}:{path}:{mode}")]
        settings = [
            word
            for name, text in rendered.environment.items()
            for word in ("--env", f"{name}={text}")
        ]
        name = image["image"] if "://" in image["image"] else f"{_index(image)}{image['image']}"
        words = ["exec", "--cleanenv", *settings, *mounts, "--pwd", folder, name]
        return shlex.join([runtime, *words])
    mounts = [word for path, mode in binds for word in ("-v", f"{path}:{path}:{mode}")]
    settings = [word for name in rendered.environment for word in ("-e", name)]
    user = ["--userns=keep-id"] if runtime == "podman" else []
    words = [
        "run",
        "--rm",
        "--entrypoint=",
        *user,
        *settings,
        *mounts,
        "-w",
        folder,
        image["image"],
    ]
    line = shlex.join([runtime, *words])
    if runtime == "docker":  # its files are to belong to us
        line = line.replace("docker run", 'docker run --user "$(id -u):$(id -g)"', 1)
    return line


def _index(image: _Part) -> str:
    if image["type"] == "docker":
        return "docker://"
    index = str(image.get("index", "")) or "library://"
    return index if index.endswith("/") else f"{index}/"


def _meanings(recipe: _Part) -> list[str]:
    """Say in the log what the program's own exit codes mean."""
    codes = recipe.get("error-codes", ())
    if not codes:
        return []
    cases = [
        f"  {int(one['code'])}) echo {shlex.quote('error: ' + one['description'])} >&2 ;;"
        for one in codes
        if one["code"]
    ]
    return ['case "$code" in', *cases, "esac"] if cases else []


def _check(output: Output) -> list[str]:
    """Make sure that a pattern of required files has matched."""
    if output.optional or not _PATTERN.search(output.path):
        return []
    parts = re.split(r"([*?]|\[[^\]]*\])", output.path)
    word = "".join(part if n % 2 else shlex.quote(part) for n, part in enumerate(parts) if part)
    missing = shlex.quote(f"error: nothing was made that is called {output.path}")
    return [f"set -- {word}", f'[ -e "$1" ] || {{ echo {missing} >&2; exit 1; }}']
