"""Guessing what a series is in BIDS, from its names, its header and its sidecar."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from appliance.exchange.bids_names import label_of, parse_name

__all__ = ["DATATYPES", "Guess", "SeriesFacts", "guess"]

DATATYPES: dict[str, tuple[str, ...]] = {
    "anat": (
        "T1w",
        "T2w",
        "FLAIR",
        "PDw",
        "T2starw",
        "inplaneT1",
        "inplaneT2",
        "PDT2",
        "angio",
        "UNIT1",
    ),
    "func": ("bold", "sbref"),
    "dwi": ("dwi", "sbref"),
    "fmap": ("epi", "phasediff", "phase1", "phase2", "magnitude1", "magnitude2", "fieldmap"),
    "perf": ("asl", "m0scan"),
    "pet": ("pet",),
}
_SCOUT = re.compile(r"locali[sz]er|scout|survey|aahead|3[ -]?plane|smartbrain|calibration|asset")
_DERIVED = re.compile(r"\b(adc|fa|tracew?|colfa|trace|mpr|mip|exp|subtraction|moco|report)\b")
_FMAP = re.compile(r"field.?map|gre.?field|b0.?map|\bfmap\b|phase.?diff")
_TOPUP = re.compile(r"topup|dist.?corr|spin.?echo.?(epi|field)|\bse.?(epi|field)|rev.?pol|blip")
_DWI = re.compile(r"\bdwi|\bdti|diff|hardi|noddi|multi.?shell|\bdki\b|\bdsi\b")
_ASL = re.compile(r"\b(p?c?asl|perf)")
_BOLD = re.compile(r"bold|fmri|\bfunc|\brest|task|\brs\b|resting|mbepi|\bepi\b")
_SBREF = re.compile(r"sbref|single.?band.?ref")
_ANAT = (
    ("FLAIR", re.compile(r"flair|dark.?fluid|tirm")),
    ("UNIT1", re.compile(r"mp2rage.*uni|uni.?den")),
    ("angio", re.compile(r"\btof\b|angio|\bmra\b|time.?of.?flight")),
    ("T2starw", re.compile(r"t2[ _]?\*|t2.?star|medic|\bgre\b|\bswi\b|heme|flash2d")),
    ("T1w", re.compile(r"t1|mp.?rage|\bmpr\b|spgr|bravo|tfl|\btfe\b|vibe|mdeft")),
    ("T2w", re.compile(r"t2|\bspace\b|\btse\b|\bfse\b|haste|cube|ciss|\bvista\b")),
    ("PDw", re.compile(r"\bpd\b|proton|\bpdw\b")),
)
_CONTRAST = re.compile(r"\b(gd|km|gad\w*|contrast|post.?c\w*|\+c|c\+|ce)\b")
_DIRECTION = re.compile(r"(?:^|[^a-z])(ap|pa|lr|rl|is|si|fh|hf)(?:$|[^a-z])")
_TASK = re.compile(r"task[-_ ]?([a-z0-9]+)")


class SeriesFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the images of one kind, before anything is guessed.

    Attributes
    ----------
    path : str
        Of an example, relative to its study.
    sidecar : dict
        What stands in the JSON beside it.
    is_made : bool
        A job made it.
    """

    path: str
    kind: str = "image"
    description: str = ""
    protocol: str = ""
    modality: str = ""
    n_volumes: int = 1
    tags: list[str] = []
    sidecar: dict[str, Any] = {}
    has_bvals: bool = False
    is_made: bool = False


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """What a series probably is; `why` tells why it is left out, or what is missing."""

    include: bool
    datatype: str = ""
    suffix: str = ""
    entities: dict[str, str] = {}
    why: str = ""


def guess(facts: SeriesFacts) -> Guess:
    """Guess datatype, suffix and entities; what is not recognised is left out."""
    by_name = _from_bids_name(facts.path)
    if by_name is not None:
        return by_name
    text = _text(facts)
    reason = _left_out(facts, text)
    if reason:
        return Guess(include=False, why=reason)
    for look in (_field_map, _diffusion, _perfusion, _functional, _anatomical):
        found = look(facts, text)
        if found is not None:
            return found
    return Guess(include=False, why="not recognised")


def _from_bids_name(path: str) -> Guess | None:
    """Take a file that has a BIDS name already as it is."""
    parts = path.split("/")
    if len(parts) < 2 or not parts[-1].startswith("sub-"):
        return None
    if parts[0] == "derivatives":
        return Guess(include=False, why="derived by another program")
    name = parse_name(parts[-1])
    entities = {k: v for k, v in name.entities.items() if k not in ("sub", "ses", "run")}
    return Guess(include=True, datatype=parts[-2], suffix=name.suffix, entities=entities)


def _text(facts: SeriesFacts) -> str:
    side = facts.sidecar
    words = [facts.path, facts.description, facts.protocol]
    words += [str(side.get(key, "")) for key in ("SeriesDescription", "ProtocolName")]
    return re.sub(r"[_/.\-\s]+", " ", " ".join(words)).casefold()


def _image_type(facts: SeriesFacts) -> set[str]:
    found = facts.sidecar.get("ImageType", [])
    return {str(one).upper() for one in found} if isinstance(found, list) else set()


def _left_out(facts: SeriesFacts, text: str) -> str:
    if facts.is_made:
        return "a job made it: belongs into derivatives"
    if facts.kind == "labels" or {"mask", "atlas"} & set(facts.tags):
        return "a mask or labels: belongs into derivatives"
    if facts.modality == "PT":
        return "PET needs metadata that the images do not carry"
    if facts.modality not in ("", "MR"):
        return f"{facts.modality} images have no place in BIDS"
    if _SCOUT.search(text):
        return "a localiser"
    kinds = _image_type(facts)
    derived = "DERIVED" in kinds and "PRIMARY" not in kinds
    named = _DERIVED.search(text) and not re.search(r"mp.?rage|\bt1", text)
    return "derived on the scanner" if derived or named else ""


def _field_map(facts: SeriesFacts, text: str) -> Guess | None:
    if _FMAP.search(text):
        kinds, echo = _image_type(facts), facts.sidecar.get("EchoNumber")
        phase = kinds & {"P", "PHASE", "PHASE_MAP"} or "phase" in text or " ph" in text
        suffix = "phasediff" if phase else f"magnitude{2 if echo == 2 else 1}"
        return Guess(include=True, datatype="fmap", suffix=suffix)
    if _TOPUP.search(text):
        entities = _direction(facts, text)
        if not entities:
            return Guess(include=False, why="an epi field map whose direction is not told")
        return Guess(include=True, datatype="fmap", suffix="epi", entities=entities)
    return None


def _direction(facts: SeriesFacts, text: str) -> dict[str, str]:
    found = _DIRECTION.search(text)
    if found:
        return {"dir": found[1].upper()}
    told = {"j": "PA", "j-": "AP", "i": "LR", "i-": "RL"}
    code = told.get(str(facts.sidecar.get("PhaseEncodingDirection", "")))
    return {"dir": code} if code else {}


def _diffusion(facts: SeriesFacts, text: str) -> Guess | None:
    if not facts.has_bvals and not _DWI.search(text):
        return None
    found = _DIRECTION.search(text)
    entities = {"dir": found[1].upper()} if found else {}
    if _SBREF.search(text):
        return Guess(include=True, datatype="dwi", suffix="sbref", entities=entities)
    if not facts.has_bvals:
        return Guess(
            include=False,
            datatype="dwi",
            suffix="dwi",
            entities=entities,
            why="diffusion without .bval and .bvec",
        )
    return Guess(include=True, datatype="dwi", suffix="dwi", entities=entities)


def _perfusion(_facts: SeriesFacts, text: str) -> Guess | None:
    if not _ASL.search(text):
        return None
    why = "perfusion needs a table of contexts, which nobody wrote yet"
    return Guess(include=False, datatype="perf", suffix="asl", why=why)


def _functional(facts: SeriesFacts, text: str) -> Guess | None:
    if not _BOLD.search(text):
        return None
    entities = {"task": _task(facts, text)}
    found = _DIRECTION.search(text)
    if found:
        entities["dir"] = found[1].upper()
    if _SBREF.search(text):
        return Guess(include=True, datatype="func", suffix="sbref", entities=entities)
    if facts.n_volumes < 2:
        return Guess(include=False, datatype="func", suffix="bold", why="one volume alone")
    return Guess(include=True, datatype="func", suffix="bold", entities=entities)


def _task(facts: SeriesFacts, text: str) -> str:
    told = label_of(str(facts.sidecar.get("TaskName", "")))
    found = _TASK.search(text)
    if told:
        return told
    if found:
        return found[1]
    if "rest" in text or re.search(r"\brs\b", text):
        return "rest"
    return label_of(facts.protocol or facts.description) or "unknown"


def _anatomical(facts: SeriesFacts, text: str) -> Guess | None:
    if facts.n_volumes > 1:
        return None
    for suffix, pattern in _ANAT:
        if pattern.search(text):
            entities = {"ce": "gadolinium"} if _CONTRAST.search(text) else {}
            return Guess(include=True, datatype="anat", suffix=suffix, entities=entities)
    return None
