"""A running job tells how far it is by the file that NORA_PROGRESS names (issue 7, point 6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.jobs import JobQuery
from tests.jobs.kit import ENDED_STATES, Bench, bash
from tests.support.waiting import wait_until

WAIT = "while [ ! -e {go} ]; do sleep 0.02; done"


def why(bench: Bench, key: str) -> str:
    rows = {row.key: row for row in bench.scheduler.job_rows(JobQuery()).items}
    assert bench.scheduler.job_detail(key).row.why == rows[key].why
    return rows[key].why


def test_the_table_shows_what_a_running_job_says_of_its_progress(
    bench: Bench, tmp_path: Path
) -> None:
    go = [tmp_path / name for name in ("one", "two")]
    first = f'echo "step 1 of 2" > "$NORA_PROGRESS"; {WAIT.format(go=go[0])}'
    second = f'printf "step 2 of 2\\t50 %%\\n\\n" >> "$NORA_PROGRESS"; {WAIT.format(go=go[1])}'
    (key,) = bench.submit(bash(f"{first}; {second}"))
    wait_until(lambda: why(bench, key) == "step 1 of 2", "the first step is shown")
    go[0].touch()
    wait_until(lambda: why(bench, key) == "step 2 of 2 50 %", "the last line is shown")
    go[1].touch()
    wait_until(lambda: bench.row(key).state in ENDED_STATES, "it has ended")
    assert bench.row(key).state == "done"
    assert why(bench, key) == ""


@pytest.mark.parametrize(
    "line",
    [
        'ln -s /etc/passwd "$NORA_PROGRESS"',
        'mkfifo "$NORA_PROGRESS"',
        'mkdir "$NORA_PROGRESS"',
        'printf "\\377\\000\\n" > "$NORA_PROGRESS"',
        "true",
    ],
)
def test_what_is_no_plain_line_of_a_job_does_no_harm(
    bench: Bench, tmp_path: Path, line: str
) -> None:
    code = f"{line}; touch {tmp_path / 'done'}; {WAIT.format(go=tmp_path / 'go')}"
    (key,) = bench.submit(bash(code))
    wait_until((tmp_path / "done").exists, "it has said so")
    assert why(bench, key).strip(" \N{REPLACEMENT CHARACTER}") == ""
    (tmp_path / "go").touch()
    wait_until(lambda: bench.row(key).state in ENDED_STATES, "it has ended")
