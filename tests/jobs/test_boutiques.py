"""Boutiques descriptors: read, refused with the place, and rendered as ``bosh`` renders them."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import boutiques
import pytest
from boutiques.localExec import LocalExecutor

from appliance.core import Invalid
from appliance.jobs.boutiques import complaints, read_descriptor, recipe_of, render
from appliance.jobs.boutiques.expressions import holds

EXAMPLES = Path(boutiques.__file__).parent
BET = EXAMPLES / "schema" / "examples" / "fsl_bet"
OFF = {
    "debug": False,
    "sandbox": False,
    "skipDataCollect": True,
    "noContainer": True,
    "requireComplete": False,
    "provenance": None,
}


def bosh(path: Path, values: dict[str, Any]) -> LocalExecutor:
    """The reference implementation, in this process."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return LocalExecutor(str(path), json.dumps(values), dict(OFF))


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def minimal(**more: Any) -> dict[str, Any]:
    return {
        "name": "tool",
        "description": "A tool.",
        "tool-version": "1",
        "schema-version": "0.5",
        "command-line": "tool [A] [B]",
        "inputs": [
            {"id": "a", "name": "A", "type": "String", "value-key": "[A]"},
            {"id": "b", "name": "B", "type": "Number", "value-key": "[B]", "optional": True},
        ],
        **more,
    }


def changed(**first: Any) -> dict[str, Any]:
    """A small descriptor whose first input says something else."""
    found = minimal()
    found["inputs"][0] |= first
    return found


CASES = [
    (BET / "fsl_bet.json", BET / "example_invocation.json"),
    (
        BET / "fsl_bet.json",
        {
            "infile": "/data/it's $(here).nii",
            "maskfile": "out; rm -rf /",
            "binary_mask_flag": True,
            "debug_flag": False,
            "fractional_intensity": 0.3,
            "center_of_gravity": [1, -2, 3.5],
        },
    ),
    *[
        (EXAMPLES / "schema" / "examples" / name / f"{name}.json", None)
        for name in ("example2", "example3")
    ],
    (EXAMPLES / "schema" / "examples" / "example1" / "example1_docker.json", None),
    *[(EXAMPLES / "tests" / "example_flag" / "example-flag.json", n) for n in range(1, 5)],
    (
        EXAMPLES / "tests" / "simulate" / "list_separator.json",
        EXAMPLES / "tests" / "simulate" / "list_separator_inv.json",
    ),
    (
        EXAMPLES / "tests" / "simulate" / "no_spaces.json",
        {"param": "some text", "param2": ["x y"]},
    ),
    (EXAMPLES / "tests" / "simulate" / "test_simulate_consistency.json", {}),
    (
        EXAMPLES / "tests" / "simulate" / "test_simulate_consistency_configFile.json",
        {"value": "yes"},
    ),
    (
        EXAMPLES / "tests" / "output_files" / "test_fixANDcond_output_desc.json",
        {"param1": "/tmp/test.npz.gz", "param2": "/tmp/test.one.three.two", "opt2": 11},
    ),
    (
        EXAMPLES / "tests" / "output_files" / "test_fixANDcond_output_desc.json",
        {"param1": "a.two.npz", "param2": "b.one", "opt1": True, "opt2": 4},
    ),
    (
        EXAMPLES / "tests" / "example1" / "example1_envVars_from_inputs.json",
        EXAMPLES / "tests" / "example1" / "test_input_env_var_invoc.json",
    ),
]


def values_of(path: Path, given: Any) -> dict[str, Any]:
    if given is None:
        return load(path.parent / "invocation.json")
    if isinstance(given, int):
        return load(path.parent / f"i{given}.json")
    return given if isinstance(given, dict) else load(given)


@pytest.mark.parametrize(("path", "given"), CASES, ids=lambda value: getattr(value, "stem", ""))
def test_BATCH_06_the_command_line_is_that_of_the_reference(
    path: Path, given: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = values_of(path, given)
    recipe = recipe_of(read_descriptor(path.read_bytes()))
    there = bosh(path, values)
    ours = render(recipe, values, str(tmp_path))
    assert ours.command.strip() == there.cmd_line[0].strip()
    assert {output.id: output.path for output in ours.outputs} == there.out_dict
    for name, text in ours.files.items():
        assert text == Path(name).read_text(encoding="utf-8")
    assert complaints(recipe, values) == []


DESCRIPTORS = sorted(
    path
    for path in EXAMPLES.rglob("*.json")
    if b"command-line" in path.read_bytes() and b"inputs" in path.read_bytes()
    if "ordered_keys" not in path.name and path.name != "descriptor.schema.json"
)
# What we let pass and the reference does not: assertions of tests that we never run, an index that
# disagrees with its image, and comparisons of unlike things, which are simply not true.
LENIENT = {"tests_invalid", "test_conIndexImage", "test_cond_output_invalid_types"}


@pytest.mark.parametrize("path", DESCRIPTORS, ids=lambda path: path.stem)
def test_we_accept_what_the_reference_accepts(path: Path) -> None:
    try:
        descriptor = json.loads(path.read_text(encoding="utf-8"))
        boutiques.validator.validate_descriptor(descriptor)
        accepted = True
    except Exception:  # noqa: BLE001 - whatever it says
        accepted = False
    try:
        read_descriptor(path.read_bytes())
        ours = True
    except Invalid:
        ours = False
    assert ours == (accepted or path.stem in LENIENT)


@pytest.mark.parametrize(
    ("descriptor", "place"),
    [
        (b'{"name": "x",\n "inputs": [}', "line 2, column 13"),
        (b"\xff\xfe", "byte 0"),
        (b"[]", "the file"),
        (minimal(tool=3), "the file"),
        (changed(type="Text"), "inputs[0].type"),
        (changed(**{"value-key": "[C]"}), "inputs[0].value-key"),
        (changed(id="b"), "inputs[1].id"),
        (changed(type="Flag"), "inputs[0]"),
        (changed(**{"value-choices": ["x"], "default-value": "y"}), "inputs[0].default-value"),
        (changed(optional=True, **{"requires-inputs": ["c"]}), "inputs[0].requires-inputs"),
        (
            minimal(groups=[{"id": "g", "name": "g", "members": ["c"]}]),
            "groups[0].members",
        ),
        (
            minimal(
                **{
                    "output-files": [
                        {
                            "id": "o",
                            "name": "o",
                            "conditional-path-template": [
                                {"__import__('os').system('id')": "x"},
                                {"default": "y"},
                            ],
                        }
                    ]
                }
            ),
            "output-files[0].conditional-path-template",
        ),
        (minimal(custom={"nora": {"menue": "x"}}), "custom.nora"),
        (minimal(custom={"nora": {"tags": {"o": ["t"]}}}), "custom.nora.tags.o"),
    ],
)
def test_a_descriptor_that_is_wrong_is_refused_with_the_place(descriptor: Any, place: str) -> None:
    text = descriptor if isinstance(descriptor, bytes) else json.dumps(descriptor).encode()
    with pytest.raises(Invalid) as refused:
        read_descriptor(text)
    assert refused.value.facts["place"] == place
    assert place in refused.value.message


@pytest.mark.parametrize(
    ("more", "values", "complaint"),
    [
        ({}, {}, "a is needed"),
        ({"value-choices": ["x", "y"]}, {"a": "z"}, "a is none of x, y"),
        ({"list": True, "min-list-entries": 2}, {"a": ["x"]}, "a has 1 entries, not at least 2"),
        ({"type": "Number", "integer": True}, {"a": 1.5}, "a is a whole number"),
        ({"type": "Number", "minimum": 0, "exclusive-minimum": True}, {"a": 0}, "a lies above 0"),
        ({"optional": True, "requires-inputs": ["b"]}, {"a": "x"}, "a needs b, too"),
        ({"optional": True, "disables-inputs": ["b"]}, {"a": "x", "b": 1}, "cannot stand beside"),
    ],
)
def test_values_that_do_not_fit_are_told(
    more: dict[str, Any], values: dict[str, Any], complaint: str
) -> None:
    descriptor = changed(**more)
    assert any(complaint in text for text in complaints(recipe_of(descriptor), values))


@pytest.mark.parametrize(
    ("kind", "values", "complaint"),
    [
        ("mutually-exclusive", {"a": "x", "b": 1}, "only one of"),
        ("one-is-required", {}, "one of"),
        ("all-or-none", {"b": 1}, "or none"),
    ],
)
def test_groups_are_held_to(kind: str, values: dict[str, Any], complaint: str) -> None:
    descriptor = changed(optional=True)
    descriptor["groups"] = [{"id": "g", "name": "g", "members": ["a", "b"], kind: True}]
    recipe = recipe_of(read_descriptor(json.dumps(descriptor).encode()))
    assert any(complaint in text for text in complaints(recipe, values))


def test_a_value_that_looks_like_a_key_stays_a_value() -> None:
    assert render(recipe_of(minimal()), {"a": "[B]", "b": 7}).command == "tool '[B]' 7"


def test_conditions_are_read_and_never_run() -> None:
    known = {"mode", "n"}
    assert holds("mode == fast and (n >= 3)", {"mode": "fast", "n": 3}, known)
    assert not holds("mode == fast and (n > 3)", {"mode": "fast", "n": 3}, known)
    assert not holds("n > 1 or mode == x", {"mode": "x"}, known)
    assert holds("default", {}, known)
    for text in ("mode.__class__ == 1", "[1][0] == n", "n == n if n else n", "f(n) == 1", "("):
        with pytest.raises(Invalid):
            holds(text, {"n": 1}, known)
