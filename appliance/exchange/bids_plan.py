"""What a BIDS dataset of some studies would hold: the mapping of series, names, and problems."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from appliance.core import Invalid
from appliance.exchange.bids_candidates import Candidate, Visit, candidates, is_exportable, visits
from appliance.exchange.bids_derived import DerivedFile, name_derived
from appliance.exchange.bids_guess import DATATYPES, guess
from appliance.exchange.bids_names import ENTITY_ORDER, BidsName, label_of
from appliance.exchange.layouts import NO_STUDY

__all__ = ["BidsMapping", "BidsPlan", "BidsRule", "PlannedFile", "RuleRow", "make_plan"]

_NEEDS_TASK = "a functional series needs the name of its task"
_FREE = frozenset(ENTITY_ORDER) - {"sub", "ses"}


class BidsRule(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one group of images.

    Attributes
    ----------
    source : str
        Name of the group, as the plan tells it: series and file name without numbers.
    entities : dict
        Such as ``{"task": "rest"}``; subject, session and run are filled in.
    """

    source: str
    include: bool = True
    datatype: str = ""
    suffix: str = ""
    entities: dict[str, str] = {}


class BidsMapping(msgspec.Struct, frozen=True, kw_only=True):
    """How a project is exported; saved with the project.

    Attributes
    ----------
    sessions : {"number", "name"}
        Sessions are numbered in the order of their dates, or named after the study.
    derivatives : bool
        What jobs made goes along, as a derivative beside the dataset.
    """

    rules: list[BidsRule] = []
    sessions: Literal["number", "name"] = "number"
    name: str = ""
    authors: list[str] = []
    license: str = ""
    derivatives: bool = False


class RuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with what it would do; `why` tells why it is left out, or what is wrong."""

    source: str
    include: bool
    datatype: str
    suffix: str
    entities: dict[str, str]
    saved: bool
    why: str
    example: str
    target: str
    n_files: int
    n_studies: int


class PlannedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One image of the dataset; `target` is its path without extension."""

    candidate: Candidate
    visit: Visit
    target: str
    suffix: str
    entities: dict[str, str]

    @property
    def path(self) -> str:
        """Path in the dataset."""
        return self.target + self.candidate.extension


class BidsPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset before it is written.

    Attributes
    ----------
    participants : dict
        Labels of subjects by their id.
    problems : list of str
        What would not be valid, or is left out.
    """

    rules: list[RuleRow]
    files: list[PlannedFile]
    visits: list[Visit]
    participants: dict[int, str]
    sessions: dict[int, str | None]
    problems: list[str]
    derived: list[DerivedFile] = []

    @property
    def size_bytes(self) -> int:
        """Bytes of all images, and of what was made of them."""
        made = sum(one.file.size_bytes for one in self.derived)
        return made + sum(file.candidate.size_bytes for file in self.files)


def check_mapping(mapping: BidsMapping) -> None:
    """Refuse rules that could not give valid names.

    Raises
    ------
    Invalid
        With the rule and what is wrong with it.
    """
    for rule in mapping.rules:
        if rule.include:
            problem = _rule_problem(rule.datatype, rule.suffix, rule.entities)
            if problem:
                raise Invalid(f"{rule.source}: {problem}", hint="Mend the rule, or leave it out.")


def _rule_problem(datatype: str, suffix: str, entities: Mapping[str, str]) -> str:
    if datatype not in DATATYPES and datatype not in ("beh", "meg", "eeg", "ieeg", "micr"):
        return f"there is no datatype {datatype!r}"
    if not suffix.isalnum():
        return f"{suffix!r} is no suffix"
    for key, value in entities.items():
        if key not in _FREE:
            return f"there is no entity {key!r}"
        if not value or label_of(value) != value:
            return f"{key}-{value}: a label has letters and digits alone"
    return _NEEDS_TASK if datatype == "func" and "task" not in entities else ""


def make_plan(
    con: sqlite3.Connection,
    project_id: int,
    mapping: BidsMapping,
    study_ids: Sequence[int] = (),
) -> BidsPlan:
    """Plan a dataset of some studies, or of all.

    Raises
    ------
    Invalid
        If a saved rule gives no valid name, or two subjects would get the same label.
    """
    check_mapping(mapping)
    wanted = frozenset(study_ids)
    chosen = [v for v in visits(con, project_id) if not wanted or v.id in wanted]
    found = candidates(con, [visit.id for visit in chosen])
    rules = _rules(found, mapping)
    sessions = _sessions(chosen, mapping)
    participants = _participants(chosen)
    by_id = {visit.id: visit for visit in chosen}
    files = _name_all(found, rules, by_id, participants, sessions)
    plan = BidsPlan(
        rules=_rows(found, rules, files, mapping),
        files=files,
        visits=chosen,
        participants=participants,
        sessions=sessions,
        problems=_problems(found, files),
    )
    return _with_derived(con, plan) if mapping.derivatives else plan


def _with_derived(con: sqlite3.Connection, plan: BidsPlan) -> BidsPlan:
    """Add what jobs made of the studies."""
    from appliance.jobs import derived_files

    labels = {visit.id: plan.participants[visit.subject_id] for visit in plan.visits}
    made = derived_files(con, [visit.id for visit in plan.visits])
    derived, left = name_derived(made, plan.files, labels, plan.sessions)
    return msgspec.structs.replace(plan, derived=derived, problems=[*plan.problems, *left])


def _rules(found: Sequence[Candidate], mapping: BidsMapping) -> dict[str, tuple[BidsRule, str]]:
    """Give the rule of every group: the saved one, or a guess that collides with no other."""
    saved = {rule.source: rule for rule in mapping.rules}
    rules: dict[str, tuple[BidsRule, str]] = {}
    for one in found:
        if one.source not in rules:
            rule = saved.get(one.source)
            rules[one.source] = (rule, "") if rule else _guessed(one)
    _tell_apart(rules, saved)
    return rules


def _guessed(one: Candidate) -> tuple[BidsRule, str]:
    found = guess(one.facts)
    rule = BidsRule(
        source=one.source,
        include=found.include,
        datatype=found.datatype,
        suffix=found.suffix,
        entities=found.entities,
    )
    return rule, found.why


def _tell_apart(rules: dict[str, tuple[BidsRule, str]], saved: Mapping[str, BidsRule]) -> None:
    """Give the second of two guesses for the same name an ``acq`` made of its group."""
    taken = {_name_key(rule) for rule, _ in rules.values() if rule.source in saved}
    for source, (rule, why) in rules.items():
        if source in saved or not rule.include:
            continue
        if _name_key(rule) in taken and "acq" not in rule.entities:
            series = source.rpartition("/")[0] or source
            entities = {**rule.entities, "acq": label_of(series)[:30] or "other"}
            rule = msgspec.structs.replace(rule, entities=entities)  # noqa: PLW2901
            rules[source] = (rule, why)
        taken.add(_name_key(rule))


def _name_key(rule: BidsRule) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return rule.datatype, rule.suffix, tuple(sorted(rule.entities.items()))


def _participants(chosen: Sequence[Visit]) -> dict[int, str]:
    labels: dict[int, str] = {}
    owner: dict[str, str] = {}
    for visit in chosen:
        label = label_of(visit.pid, prefix="sub-")
        if not label or owner.setdefault(label.casefold(), visit.pid) != visit.pid:
            raise Invalid(
                f"{visit.pid} and {owner.get(label.casefold(), '?')} would both be sub-{label}",
                hint="Labels have letters and digits alone; rename one of the subjects.",
            )
        labels[visit.subject_id] = label
    return labels


def _sessions(chosen: Sequence[Visit], mapping: BidsMapping) -> dict[int, str | None]:
    """Give the session of every study; none where no subject has more than one study."""
    single = all(v.n_of_subject == 1 and not v.sid.startswith("ses-") for v in chosen)
    found: dict[int, str | None] = {}
    seen: set[tuple[int, str]] = set()
    for visit in chosen:
        label = None if single or visit.sid == NO_STUDY else _session(visit, mapping)
        if label is not None and (visit.subject_id, label) in seen:
            label = f"{label}x{visit.n}"
        if label is not None:
            seen.add((visit.subject_id, label))
        found[visit.id] = label
    return found


def _session(visit: Visit, mapping: BidsMapping) -> str:
    if visit.sid.startswith("ses-") or mapping.sessions == "name":
        return label_of(visit.sid, prefix="ses-") or f"{visit.n:02d}"
    return f"{visit.n:02d}"


def _name_all(
    found: Sequence[Candidate],
    rules: Mapping[str, tuple[BidsRule, str]],
    by_id: Mapping[int, Visit],
    participants: Mapping[int, str],
    sessions: Mapping[int, str | None],
) -> list[PlannedFile]:
    """Name every image that is taken; several of one name in a study become runs."""
    planned = []
    for one in found:
        rule = rules[one.source][0]
        if rule.include and is_exportable(one.path):
            visit = by_id[one.study_id]
            head = {"sub": participants[visit.subject_id], "ses": sessions[visit.id]}
            planned.append((one, visit, rule, {**_told(head), **rule.entities}))
    total = Counter(_full_key(rule, entities, one) for one, _, rule, entities in planned)
    seen: Counter[Any] = Counter()
    files = []
    for one, visit, rule, entities in planned:
        key = _full_key(rule, entities, one)
        seen[key] += 1
        if total[key] > 1 and "run" not in entities:
            entities = {**entities, "run": str(seen[key])}  # noqa: PLW2901
        files.append(_planned(one, visit, rule, entities))
    return files


def _full_key(rule: BidsRule, entities: Mapping[str, str], one: Candidate) -> Any:
    table = one.extension == ".tsv"
    return rule.datatype, rule.suffix, tuple(sorted(entities.items())), table


def _told(entities: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in entities.items() if value is not None}


def _planned(one: Candidate, visit: Visit, rule: BidsRule, entities: dict[str, str]) -> PlannedFile:
    folders = [f"sub-{entities['sub']}"]
    if "ses" in entities:
        folders.append(f"ses-{entities['ses']}")
    stem = BidsName(entities, rule.suffix, "").text()
    return PlannedFile(
        candidate=one,
        visit=visit,
        target="/".join([*folders, rule.datatype, stem]),
        suffix=rule.suffix,
        entities=entities,
    )


def _rows(
    found: Sequence[Candidate],
    rules: Mapping[str, tuple[BidsRule, str]],
    files: Sequence[PlannedFile],
    mapping: BidsMapping,
) -> list[RuleRow]:
    saved = {rule.source for rule in mapping.rules}
    targets: dict[str, str] = {}
    for file in files:
        targets.setdefault(file.candidate.source, file.path)
    members: dict[str, list[Candidate]] = {}
    for one in found:
        members.setdefault(one.source, []).append(one)
    rows = []
    for source, group in members.items():
        rule, why = rules[source]
        rows.append(
            RuleRow(
                source=source,
                include=rule.include,
                datatype=rule.datatype,
                suffix=rule.suffix,
                entities=rule.entities,
                saved=source in saved,
                why=why,
                example=group[0].path,
                target=targets.get(source, ""),
                n_files=len(group),
                n_studies=len({one.study_id for one in group}),
            )
        )
    return rows


def _problems(found: Sequence[Candidate], files: Sequence[PlannedFile]) -> list[str]:
    problems = []
    if not files:
        problems.append("nothing would be exported")
    other = [one for one in found if not is_exportable(one.path)]
    if other:
        problems.append(f"{len(other)} images are not NIfTI and are left out")
    told = {
        (file.visit.id, file.suffix)
        for file in files
        if file.suffix.startswith("magnitude") and "EchoTime" in file.candidate.facts.sidecar
    }
    problems += [
        f"{file.path}: its echo times are not known"
        for file in files
        if file.suffix == "phasediff" and not _has_echo_times(file, told)
    ]
    return problems[:100]


def _has_echo_times(file: PlannedFile, told: set[tuple[int, str]]) -> bool:
    side, visit = file.candidate.facts.sidecar, file.visit.id
    pairs = (("EchoTime1", "magnitude1"), ("EchoTime2", "magnitude2"))
    return all(key in side or (visit, suffix) in told for key, suffix in pairs)
