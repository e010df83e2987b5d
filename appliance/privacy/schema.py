"""Tables of the identity database, as migrations that are only ever appended."""

from __future__ import annotations

from appliance.catalog import Database, Migrations

__all__ = ["KNOWN_MIGRATIONS", "identity_migrations"]

KNOWN_MIGRATIONS = frozenset({"m001_identities", "m002_pseudonyms"})

identity_migrations = Migrations("identity")


@identity_migrations()
def m001_identities(db: Database) -> None:
    """Codes per project, identities behind them, and original names of arrivals."""
    db.executescript("""
    CREATE TABLE codes (
      project_key TEXT NOT NULL, code TEXT NOT NULL, created_at INTEGER NOT NULL,
      PRIMARY KEY (project_key, code)) STRICT, WITHOUT ROWID;
    CREATE TABLE counters (
      project_key TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE identities (
      id INTEGER PRIMARY KEY, project_key TEXT NOT NULL, code TEXT NOT NULL,
      patient_id TEXT NOT NULL, issuer TEXT NOT NULL, name TEXT NOT NULL,
      birth_date TEXT NOT NULL, sex TEXT NOT NULL, fingerprint TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      FOREIGN KEY (project_key, code) REFERENCES codes (project_key, code),
      UNIQUE (project_key, fingerprint)) STRICT;
    CREATE INDEX identities_by_patient ON identities (project_key, patient_id);
    CREATE INDEX identities_by_code ON identities (project_key, code);
    CREATE TABLE names (item_key TEXT PRIMARY KEY, path TEXT NOT NULL) STRICT, WITHOUT ROWID;
    """)


@identity_migrations()
def m002_pseudonyms(db: Database) -> None:
    """Keys that pseudonyms are made with, and how far each subject's dates are moved."""
    db.executescript("""
    CREATE TABLE secrets (project_key TEXT PRIMARY KEY, secret BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE moved_dates (
      project_key TEXT NOT NULL, code TEXT NOT NULL, days INTEGER NOT NULL,
      PRIMARY KEY (project_key, code)) STRICT, WITHOUT ROWID;
    """)
