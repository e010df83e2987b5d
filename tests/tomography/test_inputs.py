"""Files are taken in the order in which people count them (REC-06, SPA-01)."""

from __future__ import annotations

from pathlib import Path

from appliance.tomography.inputs import natural_key


def test_names_are_sorted_as_people_do_whatever_signs_they_hold() -> None:
    wanted = ["1\u00b22.st", "a2.st", "A10.st", "a10b.st", "b1.st"]
    paths = [Path("some", name) for name in reversed(wanted)]
    assert [path.name for path in sorted(paths, key=natural_key)] == wanted
