"""The last look at what leaves: one check for every way out, its confirmation and its report."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from appliance import __version__
from appliance.core import Conflict, NotFound, iso, new_key, now_ms
from appliance.exchange.context import Context
from appliance.exchange.exports import Entry
from appliance.exchange.release_look import Looked, look_over
from appliance.privacy import KnownWords, ProjectPolicy, ReleaseFinding, is_signed, signed

if TYPE_CHECKING:
    from appliance.catalog import Project, Tx

__all__ = ["ReleaseCheck", "ReleaseChecks", "Unconfirmed", "Way"]

Way = Literal["bids", "dicom", "files", "link", "push"]
_FORMAT = "nora release report 1"
_LASTS_MS = 24 * 3_600_000
_SECRET = "release reports"  # noqa: S105 - the name of a key, not a key


class Unconfirmed(Conflict):
    """Something would leave that tells who somebody is, and nobody has agreed to it."""

    key = "release_unconfirmed"


class ReleaseCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in files that were about to leave, and who let them go.

    Attributes
    ----------
    needed : bool
        Whether they leave only when somebody confirms.
    fields : dict
        Names of header fields with texts that leave, by what holds them.
    """

    key: str
    project: str
    way: Way
    n_files: int
    n_subjects: int
    findings: list[ReleaseFinding]
    fields: dict[str, list[str]]
    needed: bool
    made_by: str
    created_at: int
    confirmed_by: str | None = None
    confirmed_at: int | None = None


class ReleaseChecks:
    """Looks at what is about to leave, by whatever way.

    Parameters
    ----------
    ctx : Context
        The rooms below.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def check(
        self,
        project: Project,
        way: Way,
        leaving: Iterable[Entry],
        *,
        study_ids: Sequence[int],
        what: Sequence[object] = (),
        actor: str,
    ) -> ReleaseCheck:
        """Look at everything that would leave together, and keep what was found.

        Parameters
        ----------
        leaving : iterable of Entry
            The files as they will be named outside.
        study_ids : sequence of int
            Studies that they are of; none means all of the project.
        what : sequence
            What tells this release from another one of the same studies, such as ids of files.
        """
        codes, mark = self._whom(project.id, study_ids)
        known = KnownWords(self._ctx.identities.people(project.key, codes))
        looked = look_over(leaving, known)
        key, now = new_key(), now_ms()
        facts = (key, project.id, way, _mark(way, mark, what), looked.n_files, len(codes))
        found = msgspec.json.encode(looked).decode()

        def write(tx: Tx) -> None:
            tx.con.execute(
                "INSERT INTO release_checks (key, project_id, way, what, n_files, n_subjects,"
                " found, actor, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*facts, found, actor, now),
            )

        self._ctx.catalog.write(write)
        return self.get(key)

    def require(
        self,
        project: Project,
        way: Way,
        leaving: Callable[[], Iterable[Entry]],
        *,
        study_ids: Sequence[int],
        what: Sequence[object] = (),
        actor: str,
    ) -> ReleaseCheck | None:
        """Let something leave, or refuse: the one question that every way out asks first.

        Returns
        -------
        ReleaseCheck or None
            None where the project wants no checks.

        Raises
        ------
        Unconfirmed
            If what leaves tells who somebody is and nobody has confirmed it within a day.
        """
        if ProjectPolicy.of(project.policy).release_check == "off":
            return None
        known = self._latest(project, way, study_ids, what)
        if known is not None and (known.confirmed_at is not None or not known.needed):
            return known
        made = self.check(project, way, leaving(), study_ids=study_ids, what=what, actor=actor)
        if made.needed:
            raise Unconfirmed(
                _why(made),
                hint=(
                    "Look at the release check and confirm it, or mend what it found: "
                    f"'nora release show {made.key}'."
                ),
                check=made.key,
            )
        return made

    def get(self, key: str) -> ReleaseCheck:
        """Give a check by key.

        Raises
        ------
        NotFound
            If there is none.
        """
        with self._ctx.catalog.read() as con:
            row = con.execute(f"{_SELECT} WHERE c.key = ?", (key,)).fetchone()
        if row is None:
            raise NotFound(f"no release check {key!r}")
        return _check(row)

    def latest(self, project_id: int) -> list[ReleaseCheck]:
        """Give the latest checks of a project, newest first."""
        with self._ctx.catalog.read() as con:
            rows = con.execute(
                f"{_SELECT} WHERE c.project_id = ? ORDER BY c.id DESC LIMIT 50", (project_id,)
            ).fetchall()
        return [_check(row) for row in rows]

    def confirm(self, key: str, *, actor: str) -> ReleaseCheck:
        """Put on record that somebody has looked at what was found and lets it leave."""
        found = self.get(key)
        if found.confirmed_at is not None:
            return found
        told = {rule.rule: rule.n for rule in found.findings}

        def write(tx: Tx) -> None:
            tx.con.execute(
                "UPDATE release_checks SET confirmed_by = ?, confirmed_at = ? WHERE key = ?",
                (actor, now_ms(), key),
            )
            (project_id,) = tx.con.execute(
                "SELECT project_id FROM release_checks WHERE key = ?", (key,)
            ).fetchone()
            target = {"project_id": project_id, "way": found.way, "n": found.n_files, "found": told}
            tx.operation("confirm-release", actor=actor, target=target)

        self._ctx.catalog.write(write)
        return self.get(key)

    def report(self, key: str) -> dict[str, Any]:
        """Give the signed report of a check: counts and names of rules, nothing of anybody."""
        found = self.get(key)
        named = {rule.rule: rule for rule in found.findings}
        report = {
            "format": _FORMAT,
            "made_by": f"nora-appliance {__version__}",
            "check": found.key,
            "way": found.way,
            "n_files": found.n_files,
            "n_subjects": found.n_subjects,
            "checked_at": iso(found.created_at),
            "confirmed": found.confirmed_at is not None,
            "confirmed_at": iso(found.confirmed_at) if found.confirmed_at else None,
            "findings": [
                {"rule": rule.rule, "severity": rule.severity, "text": rule.text, "n": rule.n}
                for rule in named.values()
            ],
        }
        return signed(self._secret(), report)

    def verify(self, report: Mapping[str, Any]) -> bool:
        """Tell whether a report was made here and is as it was made."""
        return report.get("format") == _FORMAT and is_signed(self._secret(), report)

    def _secret(self) -> bytes:
        return self._ctx.identities.secret(_SECRET)

    def _whom(self, project_id: int, study_ids: Sequence[int]) -> tuple[set[str], list[object]]:
        """Give the codes of the subjects, and what changes when their studies do."""
        with self._ctx.catalog.read() as con:
            rows = con.execute(
                "SELECT t.id, t.rev, b.pid FROM studies t JOIN subjects b ON b.id = t.subject_id"
                " WHERE t.project_id = ? AND t.trashed_at IS NULL ORDER BY t.id",
                (project_id,),
            ).fetchall()
        asked = set(study_ids)
        chosen = [row for row in rows if not asked or row["id"] in asked]
        return {row["pid"] for row in chosen}, [(row["id"], row["rev"]) for row in chosen]

    def _latest(
        self, project: Project, way: Way, study_ids: Sequence[int], what: Sequence[object]
    ) -> ReleaseCheck | None:
        _, mark = self._whom(project.id, study_ids)
        with self._ctx.catalog.read() as con:
            row = con.execute(
                f"{_SELECT} WHERE c.project_id = ? AND c.what = ? AND c.created_at > ?"
                " ORDER BY c.confirmed_at IS NULL, c.id DESC LIMIT 1",
                (project.id, _mark(way, mark, what), now_ms() - _LASTS_MS),
            ).fetchone()
        return None if row is None else _check(row)


_SELECT = (
    "SELECT c.*, p.name AS project, p.policy FROM release_checks c"
    " JOIN projects p ON p.id = c.project_id"
)


def _check(row: Any) -> ReleaseCheck:
    looked = msgspec.json.decode(row["found"], type=Looked)
    wanted = ProjectPolicy.of(msgspec.json.decode(row["policy"])).release_check
    grave = Counter(one.severity for one in looked.findings)["identifies"]
    return ReleaseCheck(
        key=row["key"],
        project=row["project"],
        way=row["way"],
        n_files=row["n_files"],
        n_subjects=row["n_subjects"],
        findings=looked.findings,
        fields=looked.fields,
        needed=wanted == "always" or (wanted == "found" and grave > 0),
        made_by=row["actor"],
        created_at=row["created_at"],
        confirmed_by=row["confirmed_by"],
        confirmed_at=row["confirmed_at"],
    )


def _mark(way: str, studies: Sequence[object], what: Sequence[object]) -> str:
    raw = msgspec.json.encode([way, studies, sorted(map(str, what))])
    return hashlib.sha256(raw).hexdigest()


def _why(check: ReleaseCheck) -> str:
    grave = [one for one in check.findings if one.severity == "identifies"]
    if not grave:
        return "this project lets nothing leave before somebody has confirmed it"
    return f"it tells who somebody is: {grave[0].text.rstrip('.').lower()}"
