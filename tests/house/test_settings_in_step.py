"""Code, shipped settings file and manual name the same settings, with the same defaults."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from appliance.core import Settings

ROOT = Path(__file__).resolve().parents[2]
_KEY = re.compile(r"^# ([a-z_]+ = .*)$", re.MULTILINE)


def shipped_values():
    """The shipped file with its keys uncommented, later lines winning over examples."""
    found = {}
    section = ""
    for line in (ROOT / "conf" / "appliance.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif match := _KEY.match(line):
            (key, value), *_ = tomllib.loads(match[1]).items()
            found[f"{section}.{key}"] = value
    return found


def test_the_shipped_file_holds_every_key_with_its_default():
    assert shipped_values() == Settings().values()


def test_every_key_of_the_shipped_file_is_commented_out():
    text = (ROOT / "conf" / "appliance.toml").read_text(encoding="utf-8")
    assert not any(tomllib.loads(text).values())


def test_the_manual_tells_every_key_and_no_other():
    text = (ROOT / "webui" / "manual" / "settings.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", text, re.MULTILINE))
    assert told == set(Settings().values())
