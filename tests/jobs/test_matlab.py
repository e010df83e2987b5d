"""MATLAB jobs: run for real in Octave, and through a stand-in for ``matlab -batch``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import catalog as cat
from appliance.jobs import Argument, JobSpec
from appliance.jobs.scripts import matlab_arguments, script_for
from tests.jobs.kit import Bench, MakeBench, file, out
from tests.support.needs import needs

BATCH = """#!/bin/sh
# What `matlab -batch STATEMENT` does, done by Octave.
[ "$1" = -batch ] && [ $# = 2 ] || exit 64
exec {octave} -q --no-init-file --no-history --eval "$2"
"""


def matlab(code: str, *args: Argument, **more: object) -> JobSpec:
    return JobSpec(name="m", language="matlab", code=code, args=args, **more)  # type: ignore[arg-type]


def input_(n: int, pattern: str) -> Argument:
    return file(pattern, id=f"input{n}")


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    """A running bench whose MATLAB jobs run in Octave, as there is no MATLAB."""
    needs("octave-cli")
    found = make_bench()
    found.study("S-1#V1", "t1/s001.nii", "t1/s002.nii", "it's $(odd).txt")
    return found


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A program ``matlab`` on the PATH that takes what the real one takes."""
    program = tmp_path / "programs" / "matlab"
    program.parent.mkdir()
    program.write_text(BATCH.format(octave=needs("octave-cli")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return program


CODE = """\
text = cellfun(@(path) fileread(path), input1, 'UniformOutput', false);
stream = fopen(output1, 'w');
fprintf(stream, '%s|', text{:}, input2{1}(end - 14:end), pwd());
fclose(stream);
"""


def test_JOB_01_JOB_08_matlab_code_reads_cell_arrays_and_writes_its_output(bench: Bench) -> None:
    job = matlab(CODE, input_(1, "t1/*"), input_(2, "it*"), out("o/x.txt TAG(m)", id="output1"))
    (key,) = bench.submit(job)
    assert bench.wait([key]) == ["done"], bench.log(key)
    text = (cat.study_dir(bench.folder, "demo", "S-1", "V1") / "o/x.txt").read_text()
    work = bench.folder.jobs / key / "1" / "work"
    assert text == f"abc|abc|it's $(odd).txt|{work}|"
    with bench.catalog.read() as con:
        assert [row.tags for row in cat.select(con, 1, "o/x.txt")] == [["m"]]


def test_matlab_installed_is_called_in_its_batch_form(
    make_bench: MakeBench, stand_in: Path
) -> None:
    bench = make_bench("it's data")
    bench.study("S-1#V1", "t1/s001.nii")
    (key,) = bench.submit(matlab("disp(input1); disp(pwd())", input_(1, "t1/*")))
    assert bench.wait([key]) == ["done"], bench.log(key)
    assert "/S-1/V1/t1/s001.nii" in bench.log(key)
    assert bench.log(key).rstrip().endswith(str(bench.folder.jobs / key / "1" / "work"))
    for setting in ("", "matlab", str(stand_in), f"{stand_in} -batch"):
        script = script_for(matlab("disp(1)"), {}, Path("/x"), matlab=setting)
        assert script.argv[1:] == ["-batch", "addpath('/x'); nora_job"]


def test_an_error_in_matlab_code_is_told_with_its_line(bench: Bench) -> None:
    (key,) = bench.submit(matlab("x = 1;\nx(3)\n"))
    assert bench.wait([key]) == ["failed"]
    assert bench.row(key).failure == "exit(1)"
    assert "x(3)" in bench.log(key)
    assert "in nora_code, line 2" in bench.log(key)


def test_matlab_code_may_hold_functions(bench: Bench) -> None:
    code = "disp('begins')\nfunction y = twice(x)\n  y = 2 * x;\nend\ndisp(twice(21))\n"
    (key,) = bench.submit(matlab(code))
    assert bench.wait([key]) == ["done"], bench.log(key)
    assert bench.log(key).split() == ["begins", "42"]


def test_without_a_program_for_matlab_the_job_says_what_to_install(
    make_bench: MakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench()
    bench.study("S-1#V1")
    (tmp_path / "nothing").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    (key,) = bench.submit(matlab("disp(1)"))
    assert bench.wait([key]) == ["failed"]
    row = bench.row(key)
    assert row.failure == "cannot_start"
    assert "no program for MATLAB jobs is installed" in row.why


def test_a_value_is_never_code_in_matlab(bench: Bench) -> None:
    values = {"input1": ["/a'b", "/x'); disp('hacked", "/new\nline\ttab"], "output1": ["/o'"]}
    assert "output1 = '/o''';" in matlab_arguments(values)
    code = matlab_arguments(values) + "fprintf('%s|', input1{:}, output1);"
    (key,) = bench.submit(matlab(code.replace("input1", "given").replace("output1", "made")))
    assert bench.wait([key]) == ["done"], bench.log(key)
    assert bench.log(key) == "|".join([*values["input1"], *values["output1"], ""])
