"""The identity database: codes, whom they stand for, and the names that arrivals came with."""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.catalog import Database
from appliance.core import Conflict, NotFound, StorageError, now_ms, safe_name
from appliance.privacy.identity import Identity, IdentityConflict, Likely, Resolution
from appliance.privacy.keys import identity_of_row, is_study_key, keyed, shown
from appliance.privacy.people import People
from appliance.privacy.policy import ProjectPolicy
from appliance.privacy.schema import KNOWN_MIGRATIONS, identity_migrations

__all__ = ["IdentityStore"]

_FIELDS = "patient_id, issuer, name, birth_date, sex"
_LEAST_DAYS, _MOST_DAYS = 60, 1500


def _nothing_taken(_code: str) -> bool:
    return False


class IdentityStore(People):
    """Who the subjects of all projects really are. Open it with `IdentityStore.open`.

    Every write is committed (``synchronous=FULL``) before the method returns, and repeating one
    after a crash gives the same code again: an identity is looked up before a code is made.
    """

    def __init__(self, con: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._con = con
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path) -> IdentityStore:
        """Open, or make, the identity database with access for its owner alone.

        Raises
        ------
        StorageError
            If it is damaged, or a newer version wrote it.
        """
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
        con = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        try:
            _prepare(con, path)
        except BaseException:
            con.close()
            raise
        return cls(con, path)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._con.close()

    def resolve(
        self,
        project_key: str,
        identity: Identity,
        policy: ProjectPolicy,
        *,
        study_uid: str = "",
        taken: Callable[[str], bool] = _nothing_taken,
    ) -> Resolution:
        """Find, or make, the code that stands for an identity in a project.

        Parameters
        ----------
        project_key : str
            Key of the project.
        identity : Identity
            Without a PatientID it is matched within its study alone.
        policy : ProjectPolicy
            How codes are made.
        study_uid : str
            StudyInstanceUID, used when there is no PatientID.
        taken : callable
            Tells whether the catalog already uses a code that is unknown here.

        Returns
        -------
        Resolution

        Raises
        ------
        IdentityConflict
            If the PatientID is known with another name, birth date or sex.
        """
        sought = keyed(identity, study_uid)
        with self._transaction():
            known = self._find(project_key, sought)
            if known is not None:
                return Resolution(known, new=False)
            code = self._new_code(project_key, sought, policy, taken)
            self._bind(project_key, code, sought)
            return Resolution(code, new=True)

    def assign(
        self, project_key: str, identity: Identity, code: str, *, study_uid: str = ""
    ) -> None:
        """Let a person decide: this identity, just as it is written, stands behind `code`."""
        with self._transaction():
            self._bind(project_key, code, keyed(identity, study_uid))

    def assign_new(
        self,
        project_key: str,
        identity: Identity,
        policy: ProjectPolicy,
        *,
        study_uid: str = "",
        taken: Callable[[str], bool] = _nothing_taken,
    ) -> str:
        """Let a person decide: this identity, just as it is written, is someone new."""
        sought = keyed(identity, study_uid)
        with self._transaction():
            known = self._exact(project_key, sought)
            if known is not None:
                return known
            code = self._new_code(project_key, sought, policy, taken)
            self._bind(project_key, code, sought)
            return code

    def recode(self, project_key: str, old: str, new: str) -> None:
        """Let another code stand for whom `old` stands for; repeating it changes nothing.

        The old code stays taken, so that nobody else gets it.

        Raises
        ------
        Conflict
            If `new` stands for somebody already, and `old` does too.
        """
        with self._transaction():
            count = "SELECT count(*) FROM identities WHERE project_key = ? AND code = ?"
            held = [self._con.execute(count, (project_key, c)).fetchone()[0] for c in (old, new)]
            if all(held):
                raise Conflict(f"the code {new!r} stands for somebody already")
            self._con.execute(
                "INSERT OR IGNORE INTO codes (project_key, code, created_at) VALUES (?, ?, ?)",
                (project_key, new, now_ms()),
            )
            for table in ("identities", "moved_dates"):
                self._con.execute(
                    f"UPDATE OR IGNORE {table} SET code = ? WHERE project_key = ? AND code = ?",  # noqa: S608
                    (new, project_key, old),
                )

    def reveal(self, project_key: str, code: str) -> Identity:
        """Tell who stands behind a code; the caller has checked the right and keeps the audit.

        Raises
        ------
        NotFound
            If nobody is known behind that code.
        """
        with self._lock:
            row = self._con.execute(
                f"SELECT {_FIELDS} FROM identities WHERE project_key = ? AND code = ?"  # noqa: S608
                " ORDER BY id LIMIT 1",
                (project_key, code),
            ).fetchone()
        if row is None:
            raise NotFound(f"no identity is known for {code}")
        found = identity_of_row(row)
        return shown(found)

    def likely(self, project_key: str, identity: Identity, *, study_uid: str = "") -> list[Likely]:
        """Tell who has the PatientID of an identity, and in what each differs from it.

        As with `reveal`, the caller has checked the right and keeps the audit.
        """
        sought = keyed(identity, study_uid)
        with self._lock:
            found = self._candidates(project_key, sought)
        return [Likely(code, shown(known), sought.disagreements(known)) for code, known in found]

    def secret(self, project_key: str) -> bytes:
        """Give the key that a project's pseudonyms are made with; made when first asked for."""
        return bytes(
            self._once("secrets", "secret", (project_key,), lambda: secrets.token_bytes(32))
        )

    def date_shift(self, project_key: str, code: str) -> int:
        """Give by how many days the dates of a subject are moved outside, always the same."""
        return int(self._once("moved_dates", "days", (project_key, code), _some_days))

    def _once(self, table: str, column: str, keys: tuple[str, ...], make: Callable[[], Any]) -> Any:
        names = ("project_key", "code")[: len(keys)]
        where = " AND ".join(f"{name} = ?" for name in names)
        with self._transaction():
            sought = f"SELECT {column} FROM {table} WHERE {where}"  # noqa: S608
            row = self._con.execute(sought, keys).fetchone()
            if row is None:
                row = (make(),)
                marks = ", ".join("?" for _ in (*names, column))
                self._con.execute(
                    f"INSERT INTO {table} ({', '.join(names)}, {column}) VALUES ({marks})",  # noqa: S608
                    (*keys, *row),
                )
        return row[0]

    def remember_name(self, item_key: str, original_path: str) -> None:
        """Keep the name that an arrival, or one file of it, came with."""
        self.remember_names([(item_key, original_path)])

    def remember_names(self, names: Iterable[tuple[str, str]]) -> None:
        """Keep many names in one transaction; a repeat replaces."""
        with self._transaction():
            self._con.executemany(
                "INSERT INTO names (item_key, path) VALUES (?, ?)"
                " ON CONFLICT (item_key) DO UPDATE SET path = excluded.path",
                ((key, _storable(path)) for key, path in names),
            )

    def original_name(self, item_key: str) -> str | None:
        """Tell the name that an arrival, or one file of it, came with."""
        with self._lock:
            row = self._con.execute(
                "SELECT path FROM names WHERE item_key = ?", (item_key,)
            ).fetchone()
        return None if row is None else _original(row[0])

    def original_names(self, prefix: str) -> dict[str, str]:
        """Tell all names whose key starts with `prefix`, such as those of one receipt."""
        with self._lock:
            rows = self._con.execute(
                "SELECT item_key, path FROM names WHERE item_key >= ? AND item_key < ?",
                (prefix, prefix + "\U0010ffff"),
            ).fetchall()
        return {key: _original(path) for key, path in rows}

    def _find(self, project_key: str, sought: Identity) -> str | None:
        exact = self._exact(project_key, sought)
        if exact is not None:
            return exact
        candidates = self._candidates(project_key, sought)
        agreeing = {code for code, known in candidates if not sought.disagreements(known)}
        if len(agreeing) == 1:
            code = agreeing.pop()
            self._refuse_contradiction(sought, code, candidates)
            self._bind(project_key, code, sought)
            return code
        if candidates:
            code, known = candidates[0]
            raise IdentityConflict(code, sought.disagreements(known) or ("subject",))
        return None

    @staticmethod
    def _refuse_contradiction(
        sought: Identity, code: str, candidates: list[tuple[str, Identity]]
    ) -> None:
        """A thin identity may agree with one spelling yet contradict another of the same code."""
        named = [known for other, known in candidates if other == code and known.name]
        fields = {known: sought.disagreements(known) for known in named}
        if named and all(fields.values()):
            raise IdentityConflict(code, fields[named[0]])

    def _exact(self, project_key: str, sought: Identity) -> str | None:
        row = self._con.execute(
            "SELECT code FROM identities WHERE project_key = ? AND fingerprint = ?",
            (project_key, sought.fingerprint),
        ).fetchone()
        return None if row is None else str(row[0])

    def _candidates(self, project_key: str, sought: Identity) -> list[tuple[str, Identity]]:
        rows = self._con.execute(
            f"SELECT {_FIELDS}, code FROM identities"  # noqa: S608
            " WHERE project_key = ? AND patient_id = ? ORDER BY id",
            (project_key, sought.patient_id),
        ).fetchall()
        found = [(str(row[5]), identity_of_row(row)) for row in rows]
        return [(code, known) for code, known in found if sought.shares_key(known)]

    def _bind(self, project_key: str, code: str, identity: Identity) -> None:
        now, clean = now_ms(), identity.cleaned()
        self._con.execute(
            "INSERT OR IGNORE INTO codes (project_key, code, created_at) VALUES (?, ?, ?)",
            (project_key, code, now),
        )
        self._con.execute(
            f"INSERT INTO identities (project_key, code, {_FIELDS}, fingerprint, created_at)"  # noqa: S608
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (project_key, fingerprint) DO UPDATE SET code = excluded.code",
            (
                project_key,
                code,
                clean.patient_id,
                clean.issuer,
                clean.name,
                clean.birth_date,
                clean.sex,
                clean.fingerprint,
                now,
            ),
        )

    def _new_code(
        self,
        project_key: str,
        identity: Identity,
        policy: ProjectPolicy,
        taken: Callable[[str], bool],
    ) -> str:
        if policy.identified and not is_study_key(identity):
            base = safe_name(identity.cleaned().patient_id, fallback="subject")
            numbered = (base if n == 1 else f"{base}_{n}" for n in _counting())
        else:
            numbered = (policy.subject(self._next(project_key)) for _ in _counting())
        for code in numbered:
            if not self._has_code(project_key, code) and not taken(code):
                return code
        raise StorageError("no free subject code")

    def _has_code(self, project_key: str, code: str) -> bool:
        row = self._con.execute(
            "SELECT 1 FROM codes WHERE project_key = ? AND code = ? COLLATE NOCASE",
            (project_key, code),
        ).fetchone()
        return row is not None

    def _next(self, project_key: str) -> int:
        row = self._con.execute(
            "INSERT INTO counters (project_key, last) VALUES (?, 1)"
            " ON CONFLICT (project_key) DO UPDATE SET last = last + 1 RETURNING last",
            (project_key,),
        ).fetchone()
        return int(row[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._con.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._con.execute("ROLLBACK")
                raise
            self._con.execute("COMMIT")


def _prepare(con: sqlite3.Connection, path: Path) -> None:
    try:
        con.execute("PRAGMA journal_mode = WAL")
        con.execute("PRAGMA synchronous = FULL")
        con.execute("PRAGMA foreign_keys = 1")
        con.execute("PRAGMA secure_delete = ON")
        _refuse_newer(con, path)
        identity_migrations.apply(Database(con))
    except sqlite3.DatabaseError as error:
        raise StorageError(
            f"cannot open the identity store {path}: {error}",
            hint="Run 'nora restore' with the newest backup.",
        ) from error


def _refuse_newer(con: sqlite3.Connection, path: Path) -> None:
    applied = {migration.name for migration in identity_migrations.applied(Database(con))}
    if applied - KNOWN_MIGRATIONS:
        raise StorageError(
            f"{path} was written by a newer version",
            hint="Install that version or a later one; this one leaves the file as it is.",
        )


def _some_days() -> int:
    return -(_LEAST_DAYS + secrets.randbelow(_MOST_DAYS - _LEAST_DAYS))


def _counting() -> Iterator[int]:
    return iter(range(1, 10_000_000))


def _storable(path: str) -> str:
    """File names need not be UTF-8; SQLite's text must be."""
    return path.encode("utf-8", "surrogateescape").decode("latin-1")


def _original(stored: str) -> str:
    return stored.encode("latin-1").decode("utf-8", "surrogateescape")
