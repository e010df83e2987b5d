"""What counts as a reference in code, and how a value gets into a script unharmed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.core import Invalid
from appliance.jobs import find_references
from appliance.jobs.scripts import bash_script, python_script, script_for
from appliance.jobs.structs import JobSpec

NASTY = [
    "/a b/c.nii",
    "/x/'; touch hacked; '",
    '/x/"$(touch hacked)".nii',
    "/x/`touch hacked`",
    "/x/$HOME/${f1}",
    "/x/{braces}{{0}}.nii",
    "/x/back\\slash\\n.nii",
    "/x/new\nline",
    "/x/ümläut 漢字.nii",
    "-rf",
    "*",
    "#not a comment",
    "",
]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("fslmaths $f1 -s $n1 $o1", "f1 o1 n1"),
        ('x="${f1%.nii}" y=${f2[@]}', "f1 f2"),
        ("${f1}", "f1"),
        ("${o1/a/b} ${p1:-x}", "o1 p1"),
        (r"\$f3 $$f4 $f12 $final $f0 $fx ${f12} ${f} a$f5", ""),
        ("$f1.nii $f2/x $f3_x $f4-$f5", "f1 f2 f4 f5"),
        ("$s2 $s1 $p1 $f9 $f9", "f9 p1 s1 s2"),
        ("${f1", ""),
        ("$1 $2 $@", ""),
    ],
)
def test_JOB_04_references_are_found(code: str, found: str) -> None:
    assert [arg.id for arg in find_references("bash", code)] == found.split()


NAMES = st.builds(lambda kind, n: f"{kind}{n}", st.sampled_from("fopsn"), st.integers(1, 9))
PIECES = st.one_of(
    NAMES.map(lambda name: (f"${name} ", name)),
    NAMES.map(lambda name: (f'"${{{name}%.nii}}"', name)),
    NAMES.map(lambda name: (f"${{{name}[@]}} ", name)),
    NAMES.map(lambda name: (rf"\\${name} ", None)),
    NAMES.map(lambda name: (f"${name}x ", None)),
    st.text("abc /|;'{}\n", max_size=6).map(lambda text: (text + " ", None)),
)


@given(st.lists(PIECES, max_size=8))
def test_JOB_04_each_reference_is_found_once_wherever_it_stands(
    pieces: list[tuple[str, str | None]],
) -> None:
    code = " ".join(text for text, _ in pieces)
    found = [arg.id for arg in find_references("bash", code)]
    assert len(found) == len(set(found))
    assert set(found) == {name for _, name in pieces if name}


def test_JOB_08_matlab_arguments_are_ordinary_variables() -> None:
    code = "x = input2{1}; y = input10; save(output1, 'x'); my.input3 = 1; inputs1 = 2;"
    found = [(arg.id, arg.kind) for arg in find_references("matlab", code)]
    assert found == [("input2", "FILE"), ("input10", "FILE"), ("output1", "OUT")]


@pytest.mark.parametrize("value", NASTY, ids=repr)
def test_JOB_07_a_value_is_never_code_in_bash(tmp_path: Path, value: str) -> None:
    code = 'printf "%s\\0" "$f1" "${f1[@]}" "$1" "$s1"'
    script = bash_script(code, {"f1": [value, "second"], "s1": [value]})
    (tmp_path / "script.sh").write_text(script, encoding="utf-8")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "script.sh"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().split("\0")[:-1] == [value, value, "second", value, value]
    assert [path.name for path in tmp_path.iterdir()] == ["script.sh"]


WORDS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))


@settings(max_examples=25, deadline=None)
@given(WORDS, WORDS)
def test_words_reach_a_bash_script_as_they_are(files: list[str], words: list[str]) -> None:
    code = 'printf "%s\\0" "${f1[@]}" "${varargin[@]}" "$@"'
    script = bash_script(code, {"f1": files, "varargin": words})
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", script], capture_output=True, check=True
    )
    told = done.stdout.decode("utf-8").split("\0")[:-1]
    assert told == (2 * [*files, *words] or [""])


def run_python(code: str, values: dict[str, list[str]]) -> dict[str, object]:
    prologue, body = python_script(code, values)
    space: dict[str, object] = {}
    exec(compile(prologue, "prologue", "exec"), space)  # noqa: S102
    exec(compile(body, "body", "exec"), space)  # noqa: S102
    return space


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
@example("\x000")
def test_a_value_reads_back_the_same_in_python(value: str) -> None:
    code = (
        "from __future__ import annotations\n"
        "a = $f1\nb = '$f1'\nc = \"$f1\"\nd = '''x\n$f1'''\ne = f'{$f1}|{{}}|$f1'\ng = ${f1}\n"
    )
    found = run_python(code.replace("g = ${f1}\n", ""), {"f1": [value]})
    assert found["a"] == found["b"] == found["c"] == value
    assert found["d"] == "x\n" + value
    assert found["e"] == f"{value}|{{}}|{value}"


def test_JOB_01_07_python_gets_lists_numbers_and_keeps_its_line_numbers() -> None:
    code = (
        "x = $f1\n'''two\nlines $f1'''\nn = $n1 + $n2\nimport sys\nline = sys._getframe().f_lineno"
    )
    found = run_python(code, {"f1": ["/a", "/b"], "n1": ["2"], "n2": ["0.5"]})
    assert found["x"] == ["/a", "/b"]
    assert found["n"] == 2.5
    assert found["line"] == 6


def test_a_value_that_cannot_stand_in_a_raw_string_is_refused() -> None:
    assert run_python("x = r'$f1'", {"f1": ["/a/b.nii"]})["x"] == "/a/b.nii"
    with pytest.raises(Invalid, match="raw"):
        python_script("x = r'$f1'", {"f1": ["/a/'b"]})
    with pytest.raises(Invalid):
        python_script("x = f'{open(\"$f1\")}'", {"f1": ['/a/"b']})


def test_python_that_does_not_parse_reports_its_own_error(tmp_path: Path) -> None:
    job = JobSpec(name="x", language="python", code="x = 1\nprint('no end\n")
    script = script_for(job, {}, tmp_path)
    for name, text in script.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(script.argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "line 2" in done.stderr
    assert "SyntaxError" in done.stderr


def test_a_python_traceback_shows_the_line_of_the_user(tmp_path: Path) -> None:
    job = JobSpec(name="x", language="python", code="x = 1\nraise ValueError(x)  # here\n")
    script = script_for(job, {}, tmp_path)
    for name, text in script.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(script.argv, capture_output=True, text=True, check=False)
    assert "raise ValueError(x)  # here" in done.stderr
    assert "line 2" in done.stderr


def test_JOB_01_a_bash_script_stops_at_the_first_failure_unless_told_otherwise(
    tmp_path: Path,
) -> None:
    codes = {}
    for strict in (True, False):
        (tmp_path / "s.sh").write_text(bash_script("false\necho on", {}, strict=strict))
        codes[strict] = subprocess.run(
            ["bash", str(tmp_path / "s.sh")], capture_output=True, check=False
        ).returncode
    assert json.dumps(codes) == '{"true": 1, "false": 0}'
