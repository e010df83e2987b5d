"""The private elements that leave are those of PS3.15, table E.3.10-1, and a few more (B5)."""

from __future__ import annotations

from pydicom._private_dict import private_dictionaries

from appliance.privacy.profile import safe_private

# Group, creator, and the elements of the table (edition 2026a) with their value representations.
STANDARD = {
    (0x0019, "SIEMENS MR HEADER"): {0x0C: "IS", 0x0D: "CS", 0x0E: "FD", 0x27: "FD"},
    (0x0019, "GEMS_ACQU_01"): {0x23: "DS", 0x24: "DS", 0x27: "DS", 0x9E: "LO"},
    (0x0025, "GEMS_SERS_01"): {0x07: "SL"},
    (0x0043, "GEMS_PARM_01"): {0x27: "SH", 0x39: "IS", 0x6F: "DS"},
    (0x0045, "GEMS_HELIOS_01"): {0x01: "SS", 0x02: "FL"},
    (0x00E1, "ELSCINT1"): {0x21: "DS", 0x50: "DS"},
    (0x01E1, "ELSCINT1"): {0x26: "CS"},
    (0x01F1, "ELSCINT1"): {0x01: "CS", 0x07: "DS", 0x26: "DS", 0x27: "DS"},
    (0x2001, "Philips Imaging DD 001"): {
        0x03: "FL",
        0x04: "CS",
        0x08: "IS",
        0x0A: "IS",
        0x0B: "CS",
        0x22: "FL",
        0x2D: "SS",
        0x35: "SS",
        0x81: "IS",
    },
    (0x2005, "Philips MR Imaging DD 001"): {0x0D: "FL", 0x0E: "FL"},
    (0x7053, "Philips PET Private Group"): {0x00: "DS", 0x09: "DS"},
}
# Not in the table, but needed to convert mosaics, field maps and diffusion: numbers and one code.
BESIDES = {
    (0x0019, "SIEMENS MR HEADER"): {0x0A: "US", 0x0F: "SH", 0x28: "FD", 0x29: "FD"},
    (0x0019, "GEMS_ACQU_01"): {0xBB: "DS", 0xBC: "DS", 0xBD: "DS"},
    (0x2005, "Philips MR Imaging DD 001"): {0xB0: "FL", 0xB1: "FL", 0xB2: "FL"},
}


def flat(table: dict[tuple[int, str], dict[int, str]]) -> dict[tuple[int, int, str], str]:
    return {
        (group, element, creator): vr
        for (group, creator), elements in table.items()
        for element, vr in elements.items()
    }


def test_what_stays_is_in_the_table_of_the_standard_or_told_here() -> None:
    ours = {(one.group, one.element, one.creator) for one in safe_private()}
    assert ours == flat(STANDARD).keys() | flat(BESIDES).keys()


def test_vendors_mean_by_them_what_the_table_says() -> None:
    for (group, element, creator), vr in (flat(STANDARD) | flat(BESIDES)).items():
        known = private_dictionaries[creator].get(f"{group:04X}xx{element:02X}")
        if known is not None:
            assert known[0] == vr, (hex(group), hex(element), creator)


def test_nothing_that_stays_is_a_person_a_date_or_a_long_text() -> None:
    kinds = {*flat(STANDARD).values(), *flat(BESIDES).values()}
    assert kinds <= {"CS", "DS", "FD", "FL", "IS", "LO", "SH", "SL", "SS", "US"}
