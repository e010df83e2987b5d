"""The tables of notifications in the catalog, as migrations that are only ever appended."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

__all__ = ["SQL_VIEWS", "upkeep_migrations"]

upkeep_migrations = Migrations("upkeep")


@upkeep_migrations()
def m001_notifications(db: Database) -> None:
    """Notifications, their deliveries, what each user wants, and how far events were looked at."""
    db.executescript("""
    CREATE TABLE notifications (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      user_id INTEGER NOT NULL REFERENCES users(id), kind TEXT NOT NULL, level TEXT NOT NULL,
      project_id INTEGER, about TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
      link TEXT NOT NULL, n INTEGER NOT NULL DEFAULT 1, shown INTEGER NOT NULL DEFAULT 1,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, read_at INTEGER) STRICT;
    CREATE INDEX notifications_by_user ON notifications (user_id, updated_at, id);
    CREATE UNIQUE INDEX notifications_unread ON notifications (user_id, about)
      WHERE read_at IS NULL;
    CREATE TABLE notification_deliveries (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      notification_id INTEGER NOT NULL REFERENCES notifications(id),
      user_id INTEGER NOT NULL, about TEXT NOT NULL, channel TEXT NOT NULL,
      state TEXT NOT NULL DEFAULT 'waiting', attempts INTEGER NOT NULL DEFAULT 0,
      due_at INTEGER NOT NULL, why TEXT NOT NULL DEFAULT '', created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL) STRICT;
    CREATE UNIQUE INDEX notification_deliveries_waiting
      ON notification_deliveries (notification_id, channel) WHERE state = 'waiting';
    CREATE INDEX notification_deliveries_due ON notification_deliveries (channel, due_at)
      WHERE state = 'waiting';
    CREATE INDEX notification_deliveries_about
      ON notification_deliveries (user_id, about, channel, updated_at);
    CREATE INDEX notification_deliveries_by_state
      ON notification_deliveries (state, channel, updated_at);
    CREATE TABLE notification_profiles (
      user_id INTEGER PRIMARY KEY REFERENCES users(id), email TEXT NOT NULL DEFAULT '',
      choices TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(choices)),
      updated_at INTEGER NOT NULL) STRICT;
    CREATE TABLE notification_seen (
      what TEXT PRIMARY KEY, state TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE notification_batches (
      batch_id INTEGER PRIMARY KEY, n_failed INTEGER NOT NULL DEFAULT 0,
      told_seq INTEGER) STRICT;
    CREATE TABLE notification_cursor (
      id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL) STRICT;
    INSERT INTO notification_cursor SELECT 1, ifnull((SELECT max(seq) FROM events), 0);
    """)


@upkeep_migrations()
def m002_batches_at_work(db: Database) -> None:
    """Whether a batch still has jobs to do, and how many have failed, without a look at all."""
    db.executescript("""
    CREATE INDEX job_unended_by_batch ON job (batch_id) WHERE state IN
      ('draft', 'queued', 'held', 'starting', 'running', 'suspended', 'finishing');
    CREATE INDEX job_failed_by_batch ON job (batch_id)
      WHERE state IN ('failed', 'lost') AND on_error <> 'ignore';
    """)


@upkeep_migrations()
def m003_storage(db: Database) -> None:
    """What the data folder took on disk, day by day; project 0 is the whole machine."""
    db.executescript("""
    CREATE TABLE storage_samples (
      day TEXT NOT NULL, project_id INTEGER NOT NULL, part TEXT NOT NULL,
      size_bytes INTEGER NOT NULL, n INTEGER NOT NULL DEFAULT 0, at INTEGER NOT NULL,
      PRIMARY KEY (day, project_id, part)) STRICT, WITHOUT ROWID;
    """)


SQL_VIEWS = {
    "notifications": """
        SELECT n.*, (SELECT username FROM users WHERE id = n.user_id) AS username,
          json_object('type', n.kind, 'title', n.title, 'text', n.text, 'link', n.link) AS json
        FROM main.notifications n WHERE :project IS NULL OR n.project_id = :project""",
}
"""NORA's table, for SQL that was written for NORA; ``:project`` as in the views of jobs."""
