"""Decides after PS3.15 what becomes of each element of a DICOM object; touches no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from appliance import __version__
from appliance.privacy.actions import Action, action_of
from appliance.privacy.burned_in import Looks, Withheld, risk_of
from appliance.privacy.dicom_policy import DicomPolicy
from appliance.privacy.disguise import dummy, keyed_id, keyed_uid, moved_date
from appliance.privacy.pixel_rules import Blackening, Picture, blackening_of
from appliance.privacy.profile import CODES, EDITION, SafeElement, profile_row, safe_private
from appliance.privacy.words import Words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from appliance.formats import DicomPart, Fate

__all__ = ["AttributeChange", "Pseudonymizer", "Stand"]

_PATIENT_NAME, _PATIENT_ID, _AGE = 0x00100010, 0x00100020, 0x00101010
_ENCRYPTED = frozenset({0x04000500})  # holds originals for whoever has the other key
_KEYED = frozenset({0x00080050, 0x00200010})  # AccessionNumber, StudyID: linked, but by a key
_TEXT_VALUE = 0x0040A160  # of reports; the table leaves it to its sequence
_TEXTS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UN", "UR", "UT"})
_TIMES = frozenset({"DA", "DT", "TM"})
_STANDARD_UIDS = "1.2.840.10008."
_PUBLIC_UIDS = frozenset(
    {"CodingSchemeUID", "ContextGroupExtensionCreatorUID", "ContextUID", "MappingResourceUID"}
)
_OLDEST_AGE = 89
_PIXELS = ("(7FE0,0010)", "PixelData", "blackened where a rule says so")


class Stand(msgspec.Struct, frozen=True):
    """What stands for a subject outside: the label, and how far its dates are moved."""

    label: str
    days: int

    def __repr__(self) -> str:
        return "Stand()"  # the distance is as secret as the key


class AttributeChange(msgspec.Struct, frozen=True):
    """What was done to one attribute, and how often; never a value."""

    tag: str
    name: str
    action: str
    n: int


class Pseudonymizer:
    """One subject's objects under one policy; hand `look`, `decide` and `added` to the rewriting.

    Parameters
    ----------
    policy : DicomPolicy
        Options of the profile.
    secret : bytes
        Key of the project.
    stand : Stand
        What stands for the subject.
    known : iterable of str
        Texts that are known to identify the subject, besides what an object itself says.
    """

    def __init__(
        self, policy: DicomPolicy, secret: bytes, stand: Stand, known: Iterable[str] = ()
    ) -> None:
        self._policy, self._secret, self._stand = policy, secret, stand
        self._options = frozenset(policy.dicom_options)
        self._safe = _safe(policy)
        self._rules = policy.pixel_rules()
        self._blackening: Blackening | None = None
        self._known, self._words = tuple(known), Words(())
        self._patient_id = ""
        self._actions: dict[tuple[int, str], Action] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()

    @property
    def changes(self) -> list[AttributeChange]:
        """What was done so far, in the order of the tags."""
        return [AttributeChange(*what, n) for what, n in sorted(self._counts.items())]

    def look(self, parts: Iterable[DicomPart]) -> None:
        """See an object whole before its first element is decided: who is named in it.

        Raises
        ------
        Withheld
            If its pixels may hold names, or it is a document.
        """
        self._patient_id, self._blackening = "", None
        found, places, looks, picture = [*self._known], list[str](), Looks(), Picture()
        for part in parts:
            if not part.parents:
                looks.see(part)
                picture.see(part)
            if part.tag == _PATIENT_ID and not part.parents:
                self._patient_id = "".join(part.texts).strip()
            if Words.tells(part):
                found += part.texts
            elif "institution" not in self._options and Words.tells_where(part):
                places += part.texts
        self._see_pixels(looks, picture)
        self._words = Words.of(tuple(found), tuple(places))

    def _see_pixels(self, looks: Looks, picture: Picture) -> None:
        cleans = "pixels" in self._options
        self._blackening = blackening_of(picture, self._rules) if cleans else None
        risk = risk_of(looks, self._policy, cleaned=self._blackening is not None)
        if risk:
            raise Withheld(f"{risk}, and no rule tells what to blacken" if cleans else risk)
        if self.blackened() is not None:
            self._counts[_PIXELS] += 1

    @property
    def blackening(self) -> Blackening | None:
        """What is blackened in the object that was looked at; None when no rule is for it."""
        return self._blackening

    def blackened(self) -> NDArray[np.bool_] | None:
        """Give the pixels that turn black in the object that was looked at."""
        return self._blackening.mask() if self._blackening and self._blackening.share else None

    def decide(self, part: DicomPart) -> Fate:
        """Tell what becomes of an element."""
        action = self._action(part)
        fate = self._DO[action](self, part)
        told = action.value if fate.action != "keep" else ""
        if action in (Action.KEEP, Action.CLEAN) and fate.action == "replace":
            told = (Action.MOVE if part.vr in ("DA", "DT") else Action.CLEAN).value
        if told:
            self._counts[(*_named(part), told)] += 1
        return fate

    def added(self) -> Mapping[str, Any]:
        """Give the attributes that say what was done."""
        options = self._options if self._blackening else self._options - {"pixels"}
        chosen = ["basic", *(name for name in CODES if name in options)]
        codes = [
            {
                "CodeValue": CODES[one][0],
                "CodingSchemeDesignator": "DCM",
                "CodeMeaning": CODES[one][1],
            }
            for one in chosen
        ]
        return {
            "PatientName": self._stand.label,
            "PatientID": self._stand.label,
            "PatientIdentityRemoved": "YES",
            "DeidentificationMethod": f"nora-appliance {__version__}, DICOM PS3.15 {EDITION}",
            "DeidentificationMethodCodeSequence": codes,
            "LongitudinalTemporalInformationModified": self._dates(),
            **({"BurnedInAnnotation": "NO"} if self._blackening else {}),
        }

    def _dates(self) -> str:
        if "full_dates" in self._options:
            return "UNMODIFIED"
        return "MODIFIED" if "modified_dates" in self._options else "REMOVED"

    def _action(self, part: DicomPart) -> Action:
        """Choose; curves and overlays go whole, and so does what nobody knows."""
        if part.tag in (_PATIENT_NAME, _PATIENT_ID):
            return Action.IDENTIFY
        if part.tag in _KEYED and not part.parents:
            return Action.IDENTIFY
        if part.tag >> 16 & 1:
            return self._private(part)
        group = part.tag >> 24
        if not part.known or group in (0x50, 0x60) or part.tag in _ENCRYPTED:
            return Action.REMOVE
        if any(self._of(tag, "SQ") is Action.DUMMY for tag in part.parents):
            return Action.DUMMY
        return Action.CLEAN if part.tag == _TEXT_VALUE else self._of(part.tag, part.vr)

    def _private(self, part: DicomPart) -> Action:
        element = SafeElement(part.tag >> 16, part.tag & 0xFF, part.creator)
        return Action.KEEP if element in self._safe else Action.REMOVE

    def _of(self, tag: int, vr: str) -> Action:
        if (tag, vr) not in self._actions:
            row = profile_row(tag)
            self._actions[tag, vr] = (
                self._unlisted(vr) if row is None else action_of(row, self._options)
            )
        return self._actions[tag, vr]

    def _unlisted(self, vr: str) -> Action:
        """Choose for what the table does not name: a person, a time, some UID."""
        if vr == "PN":
            return Action.DUMMY
        if vr == "UI":
            return Action.KEEP if "uids" in self._options else Action.UID
        if vr not in _TIMES or "full_dates" in self._options:
            return Action.KEEP
        return Action.CLEAN if "modified_dates" in self._options else Action.DUMMY

    def _keep(self, part: DicomPart) -> Fate:
        fate = _fate()
        if part.tag == _AGE:
            return self._age(part)
        if part.vr not in _TEXTS:
            return fate()
        texts = part.texts
        if not any(self._words.found_in(text, part.vr) for text in texts):
            return fate()
        return fate("replace", self._cleaned(texts, part.vr))

    def _age(self, part: DicomPart) -> Fate:
        age = "".join(part.texts).strip()
        old = age.endswith("Y") and age[:-1].isdigit() and int(age[:-1]) > _OLDEST_AGE
        return _fate()("replace", "090Y") if old else _fate()()

    def _remove(self, _part: DicomPart) -> Fate:
        return _fate()("remove")

    def _empty(self, part: DicomPart) -> Fate:
        return _fate()("replace", [] if part.vr == "SQ" else None)

    def _dummy(self, part: DicomPart) -> Fate:
        if part.vr == "UI":
            return self._uid(part)
        if part.vr == "SQ" or part.is_empty:
            return _fate()()
        value = dummy(part.vr)
        return _fate()("replace", [value] * len(part.texts) if value == 0 else value)

    def _uid(self, part: DicomPart) -> Fate:
        if profile_row(part.tag) is None and _is_public(part.keyword):
            return _fate()()
        texts = part.texts
        moved = [
            uid if not uid or uid.startswith(_STANDARD_UIDS) else keyed_uid(self._secret, uid)
            for uid in texts
        ]
        return _fate()() if moved == texts else _fate()("replace", moved)

    def _identify(self, part: DicomPart) -> Fate:
        text = "".join(part.texts).strip()
        if part.tag in (_PATIENT_NAME, _PATIENT_ID) and not part.parents:
            return _fate()("replace", self._stand.label)
        if not text:
            return _fate()()
        if part.tag == _PATIENT_NAME or text == self._patient_id:
            return _fate()("replace", self._stand.label)
        return _fate()("replace", keyed_id(self._secret, part.keyword, text))

    def _clean(self, part: DicomPart) -> Fate:
        if part.vr in {"SQ", "TM"} or part.is_empty:
            return _fate()()
        if part.vr in ("DA", "DT"):
            return _fate()("replace", [self._moved(text, part.vr) for text in part.texts])
        if part.vr not in _TEXTS:
            return self._dummy(part)
        clean = self._cleaned(part.texts, part.vr, deeply=True)
        return _fate()() if clean == part.texts else _fate()("replace", clean)

    def _moved(self, text: str, vr: str) -> str:
        return moved_date(text, self._stand.days) or dummy(vr)

    def _cleaned(self, texts: list[str], vr: str, *, deeply: bool = False) -> list[str]:
        found = [self._words.out_of(text, deeply=deeply) for text in texts]
        return found if any(found) else [dummy(vr)]

    _DO: Mapping[Action, Callable[[Pseudonymizer, DicomPart], Fate]] = {
        Action.KEEP: _keep,
        Action.REMOVE: _remove,
        Action.EMPTY: _empty,
        Action.DUMMY: _dummy,
        Action.UID: _uid,
        Action.IDENTIFY: _identify,
        Action.CLEAN: _clean,
    }


def _is_public(keyword: str) -> bool:
    return keyword in _PUBLIC_UIDS or keyword.endswith("ClassUID")


def _safe(policy: DicomPolicy) -> frozenset[SafeElement]:
    if "private" not in policy.dicom_options:
        return frozenset()
    return safe_private() | frozenset(policy.private_elements())


@cache
def _fate() -> type[Fate]:
    from appliance.formats import Fate

    return Fate


def _named(part: DicomPart) -> tuple[str, str]:
    if part.tag >> 16 & 1:
        return "(private)", "private elements"
    if not part.known:
        return "(unknown)", "elements unknown to the standard"
    return f"({part.tag >> 16:04X},{part.tag & 0xFFFF:04X})", part.keyword
