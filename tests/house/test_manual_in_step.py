"""The manual names every verb, flag and health check that there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.cli.grammar import FLAGS
from appliance.cli.verbs import VERBS
from appliance.cli.words import help_text
from appliance.upkeep.checks import all_checks

ROOT = Path(__file__).resolve().parents[2]
MANUAL = ROOT / "webui" / "manual"
PAGES = sorted(MANUAL.glob("*.md"))


def page(name):
    return (MANUAL / f"{name}.md").read_text(encoding="utf-8")


def first_column(text):
    return re.findall(r"^\| ([^|]+?) \|", text, re.MULTILINE)


def test_every_verb_is_in_help_and_manual_and_no_other():
    told = {re.sub(r"`nora (\w+)`", r"\1", cell) for cell in first_column(page("command-line"))}
    assert set(VERBS) | {"help"} == {verb for verb in told if re.fullmatch(r"[a-z]+", verb)} - {
        "verb",
        "code",
    }
    for verb in VERBS:
        assert f"\n  {verb} " in help_text()
        assert f"nora {verb}" in help_text(verb)


def test_every_option_of_a_verb_that_the_manual_names_exists():
    for verb in VERBS:
        row = re.search(rf"^\| `nora {verb}` \|.*$", page("command-line"), re.MULTILINE)[0]
        for option in re.findall(r"`(--?[a-z-]+)", row):
            assert option in help_text(verb), (verb, option)


def test_every_flag_of_the_grammar_is_in_the_help():
    later = {"data", "config"}
    missing = [flag for flag in FLAGS - later if f"--{flag}" not in help_text()]
    assert missing == []


def test_every_health_check_is_on_its_page_and_no_other():
    told = set(first_column(page("health"))) - {"check", "---"}
    assert told == {check.title for check in all_checks()}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_has_a_title_and_links_that_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in target or (path.parent / target).exists(), target


def test_every_verb_that_a_hint_or_a_page_tells_people_to_use_exists():
    sources = [*(ROOT / "appliance").rglob("*.py"), *PAGES, ROOT / "README.md", ROOT / "Makefile"]
    told = {
        (path.name, verb)
        for path in sources
        for verb in re.findall(r"['`]nora ([a-z]+)\b", path.read_text(encoding="utf-8"))
    }
    assert len(told) > 10
    assert [pair for pair in sorted(told) if pair[1] not in {*VERBS, "help"}] == []
