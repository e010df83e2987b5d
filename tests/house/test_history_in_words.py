"""Every verb that the history of changes can hold is told in words by its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# How a verb is named: to `operation`, by a default or an argument called verb, to `_tell` of rules.
_NAMED = re.compile(
    r'(?:\boperation\(\s*|\bverb(?:: str)?\s*=\s*|_tell\(tx, \w+, name, asker\.login, )"([\w-]+)"'
)
_TOLD = re.compile(r'^  "?([\w-]+)"?:', re.MULTILINE)


def verbs() -> set[str]:
    """Verbs in the code; those of exports are put together from the kinds of exports."""
    found = set()
    for path in (ROOT / "appliance").rglob("*.py"):
        text = path.read_text()
        found |= set(_NAMED.findall(text))
        found |= {f"export-{kind}" for kind in re.findall(r'KIND, STEP = "(\w+)"', text)}
    return found - {"is"}  # the verb of a sentence, in the words about tools


def told() -> set[str]:
    """Verbs that the page has a sentence for."""
    text = (ROOT / "webui" / "src" / "curate" / "describe.ts").read_text()
    table = text.partition("const SENTENCES")[2].partition("\n};")[0]
    return set(_TOLD.findall(table))


def test_the_code_names_verbs_at_all() -> None:
    assert {"trash", "reveal", "pacs-pull", "export-bids", "save_autorule", "save"} <= verbs()


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_a_verb_is_told_in_words(verb: str) -> None:
    assert verb in told()
