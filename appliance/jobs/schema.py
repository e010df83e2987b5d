"""The tables of the jobs room inside the catalog, as migrations that are only ever appended."""

from __future__ import annotations

from appliance.catalog import Database, Migrations

__all__ = ["jobs_migrations"]

jobs_migrations = Migrations("jobs")


@jobs_migrations()
def m001_batches_jobs_attempts(db: Database) -> None:
    """Batches, jobs with their dependencies, attempts, files of attempts, and history."""
    db.executescript("""
    CREATE TABLE batch (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, project_id INTEGER NOT NULL,
      name TEXT NOT NULL, level TEXT NOT NULL, spec TEXT NOT NULL CHECK (json_valid(spec)),
      spec_sha256 TEXT NOT NULL, queue TEXT NOT NULL, actor TEXT NOT NULL,
      created_at INTEGER NOT NULL) STRICT;
    CREATE TABLE job (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      batch_id INTEGER NOT NULL REFERENCES batch(id), project_id INTEGER NOT NULL,
      project TEXT NOT NULL, chain_key TEXT NOT NULL, seq INTEGER NOT NULL,
      subject_id INTEGER, study_id INTEGER, psid TEXT NOT NULL,
      targets TEXT NOT NULL CHECK (json_valid(targets)), name TEXT NOT NULL,
      spec TEXT NOT NULL CHECK (json_valid(spec)), queue TEXT NOT NULL, state TEXT NOT NULL,
      priority INTEGER NOT NULL DEFAULT 0, cpus INTEGER NOT NULL, memory_mb INTEGER NOT NULL,
      gpus INTEGER NOT NULL, attempt INTEGER NOT NULL DEFAULT 0, failure TEXT,
      why TEXT NOT NULL DEFAULT '', cancel_by TEXT, dismissed INTEGER NOT NULL DEFAULT 0,
      created_at INTEGER NOT NULL, queued_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
      started_at INTEGER, ended_at INTEGER) STRICT;
    CREATE INDEX job_by_state ON job (state, priority DESC, id);
    CREATE INDEX job_by_batch ON job (batch_id);
    CREATE INDEX job_by_study ON job (study_id, state, dismissed);
    CREATE INDEX job_by_subject ON job (subject_id, state, dismissed);
    CREATE TABLE job_dep (
      job_id INTEGER NOT NULL REFERENCES job(id), needs_job_id INTEGER NOT NULL REFERENCES job(id),
      kind TEXT NOT NULL CHECK (kind IN ('ok', 'any')),
      PRIMARY KEY (job_id, needs_job_id)) STRICT, WITHOUT ROWID;
    CREATE INDEX job_dep_by_need ON job_dep (needs_job_id);
    CREATE TABLE attempt (
      job_id INTEGER NOT NULL REFERENCES job(id), n INTEGER NOT NULL, state TEXT NOT NULL,
      run_dir TEXT NOT NULL, shim_pid INTEGER, shim_start INTEGER, boot_id TEXT,
      gpu_uuids TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(gpu_uuids)), code INTEGER,
      signal INTEGER, why TEXT NOT NULL DEFAULT '', wall_s REAL, cpu_s REAL, maxrss_kb INTEGER,
      suspended_s REAL, host TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER,
      PRIMARY KEY (job_id, n)) STRICT, WITHOUT ROWID;
    CREATE TABLE job_file (
      id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL REFERENCES job(id), n INTEGER NOT NULL,
      arg_id TEXT NOT NULL, dir TEXT NOT NULL CHECK (dir IN ('in', 'out', 'tag')),
      file_id INTEGER, study_id INTEGER, path TEXT NOT NULL, size_bytes INTEGER,
      mtime_ns INTEGER, sha256 TEXT, tags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),
      UNIQUE (job_id, n, dir, arg_id, path)) STRICT;
    CREATE INDEX job_file_by_path ON job_file (path);
    CREATE TABLE job_event (
      id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL REFERENCES job(id), at INTEGER NOT NULL,
      from_state TEXT NOT NULL, to_state TEXT NOT NULL, actor TEXT NOT NULL,
      why TEXT NOT NULL) STRICT;
    CREATE INDEX job_event_by_job ON job_event (job_id, id);
    CREATE TABLE descriptor (
      id TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL,
      json TEXT NOT NULL CHECK (json_valid(json)), source TEXT NOT NULL,
      enabled INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (id, sha256)) STRICT, WITHOUT ROWID;
    """)


@jobs_migrations()
def m002_dismissed_rows(db: Database) -> None:
    """Rows of other sources that a person took out of the table, as they stood then."""
    db.executescript("""
    CREATE TABLE dismissed_row (
      key TEXT PRIMARY KEY, updated_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    """)


@jobs_migrations()
def m003_scheduling(db: Database) -> None:
    """What scheduling needs: retries by rule, limits as columns, waiting jobs in order."""
    db.executescript("""
    ALTER TABLE job ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE job ADD COLUMN guarded INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE job ADD COLUMN walltime_s INTEGER
      AS (json_extract(spec, '$.resources.walltime_s')) VIRTUAL;
    ALTER TABLE job ADD COLUMN disk_mb INTEGER
      AS (ifnull(json_extract(spec, '$.resources.disk_mb'), 0)) VIRTUAL;
    CREATE INDEX job_waiting ON job (priority DESC, id, cpus, memory_mb, gpus)
      WHERE state = 'queued';
    """)


@jobs_migrations()
def m004_backends(db: Database) -> None:
    """Where a job runs, what it is called there, and whether we stopped it there."""
    db.executescript("""
    ALTER TABLE job ADD COLUMN adapter TEXT NOT NULL DEFAULT 'local';
    ALTER TABLE attempt ADD COLUMN adapter TEXT NOT NULL DEFAULT 'local';
    ALTER TABLE attempt ADD COLUMN backend_ref TEXT;
    ALTER TABLE attempt ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
    """)


@jobs_migrations()
def m008_waiting_elsewhere(db: Database) -> None:
    """The waiting jobs of other machines, in order."""
    db.executescript("""
    CREATE INDEX job_waiting_elsewhere ON job (priority DESC, id)
      WHERE state = 'queued' AND adapter <> 'local';
    """)


@jobs_migrations()
def m005_batches(db: Database) -> None:
    """What a job runs and how its end counts, as columns; what it was before it was edited."""
    db.executescript("""
    ALTER TABLE job ADD COLUMN function TEXT NOT NULL DEFAULT '';
    ALTER TABLE job ADD COLUMN spec_sha256 TEXT NOT NULL DEFAULT '';
    ALTER TABLE job ADD COLUMN on_error TEXT NOT NULL DEFAULT 'break';
    ALTER TABLE job ADD COLUMN notify INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE job ADD COLUMN keep_logs INTEGER NOT NULL DEFAULT 0;
    UPDATE job SET function = coalesce(
      json_extract(spec, '$.job.tool'), json_extract(spec, '$.job.language'), '');
    CREATE INDEX job_by_created ON job (dismissed, created_at, id);
    CREATE TABLE job_revision (
      job_id INTEGER NOT NULL REFERENCES job(id), n INTEGER NOT NULL, at INTEGER NOT NULL,
      actor TEXT NOT NULL, spec TEXT NOT NULL CHECK (json_valid(spec)),
      spec_sha256 TEXT NOT NULL, PRIMARY KEY (job_id, n)) STRICT, WITHOUT ROWID;
    """)


@jobs_migrations()
def m006_autoexecution(db: Database) -> None:
    """Rules that run batches by themselves, what each did with what arrived, and how far it is."""
    db.executescript("""
    CREATE TABLE autorule (
      id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL, name TEXT NOT NULL COLLATE NOCASE,
      owner TEXT NOT NULL, rule TEXT NOT NULL CHECK (json_valid(rule)),
      batch TEXT NOT NULL CHECK (json_valid(batch)), created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL, rev INTEGER NOT NULL, UNIQUE (project_id, name)) STRICT;
    CREATE TABLE autofire (
      id INTEGER PRIMARY KEY, rule_id INTEGER NOT NULL REFERENCES autorule(id),
      project_id INTEGER NOT NULL, unit_id INTEGER NOT NULL, psid TEXT NOT NULL,
      revision TEXT NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL DEFAULT '',
      batch_key TEXT, due_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
      UNIQUE (rule_id, unit_id, revision)) STRICT;
    CREATE INDEX autofire_due ON autofire (due_at) WHERE state = 'waiting';
    CREATE INDEX autofire_by_time ON autofire (project_id, updated_at);
    CREATE TABLE autocursor (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL) STRICT;
    INSERT INTO autocursor SELECT 1, ifnull((SELECT max(seq) FROM events), 0);
    """)


@jobs_migrations()
def m007_provenance(db: Database) -> None:
    """How files were made, kept longer than their jobs; and which of them are out of date."""
    db.executescript("""
    CREATE TABLE provenance (
      origin TEXT PRIMARY KEY, at INTEGER NOT NULL,
      record TEXT NOT NULL CHECK (json_valid(record))) STRICT;
    CREATE TABLE provenance_plan (
      sha256 TEXT PRIMARY KEY, plan TEXT NOT NULL CHECK (json_valid(plan))) STRICT, WITHOUT ROWID;
    CREATE TABLE provenance_file (
      origin TEXT NOT NULL, dir TEXT NOT NULL CHECK (dir IN ('in', 'out')),
      file_id INTEGER NOT NULL, size_bytes INTEGER, mtime_ns INTEGER, sha256 TEXT,
      PRIMARY KEY (origin, dir, file_id)) STRICT, WITHOUT ROWID;
    CREATE INDEX provenance_file_by_file ON provenance_file (file_id, dir);
    CREATE INDEX provenance_file_unhashed ON provenance_file (file_id) WHERE sha256 IS NULL;
    CREATE TABLE stale (
      file_id INTEGER PRIMARY KEY, study_id INTEGER NOT NULL,
      reason TEXT NOT NULL, input_id INTEGER NOT NULL) STRICT;
    """)


@jobs_migrations()
def m010_many_jobs(db: Database) -> None:
    """What a hundred thousand jobs need: counts kept by triggers, and waiting jobs in order.

    A batch that is `submitting` is not there yet, for nobody: its jobs neither start nor are shown.
    """
    db.executescript("""
    ALTER TABLE batch ADD COLUMN submitting INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX batch_submitting ON batch (id) WHERE submitting = 1;
    DROP INDEX job_by_state;
    CREATE INDEX job_by_state ON job (state, dismissed, created_at, id);
    DROP INDEX job_waiting;
    CREATE INDEX job_waiting ON job
      (priority DESC, id, cpus, gpus, memory_mb, retries, disk_mb, batch_id)
      WHERE state = 'queued' AND adapter = 'local';
    DROP INDEX job_waiting_elsewhere;
    CREATE INDEX job_waiting_elsewhere ON job (adapter, queue, priority DESC, id, batch_id)
      WHERE state = 'queued' AND adapter <> 'local';
    CREATE TABLE job_count (
      batch_id INTEGER NOT NULL, dismissed INTEGER NOT NULL, state TEXT NOT NULL,
      n INTEGER NOT NULL, PRIMARY KEY (batch_id, dismissed, state)) STRICT, WITHOUT ROWID;
    INSERT INTO job_count
      SELECT batch_id, dismissed, state, count(*) FROM job GROUP BY 1, 2, 3;
    CREATE TRIGGER job_counted_in AFTER INSERT ON job BEGIN
      INSERT INTO job_count VALUES (new.batch_id, new.dismissed, new.state, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
    END;
    CREATE TRIGGER job_counted_anew AFTER UPDATE OF state, dismissed ON job
    WHEN old.state <> new.state OR old.dismissed <> new.dismissed BEGIN
      UPDATE job_count SET n = n - 1 WHERE batch_id = old.batch_id
        AND dismissed = old.dismissed AND state = old.state;
      INSERT INTO job_count VALUES (new.batch_id, new.dismissed, new.state, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
    END;
    CREATE TRIGGER job_counted_out AFTER DELETE ON job BEGIN
      UPDATE job_count SET n = n - 1 WHERE batch_id = old.batch_id
        AND dismissed = old.dismissed AND state = old.state;
      DELETE FROM job_count WHERE batch_id = old.batch_id AND n <= 0;
    END;
    """)


@jobs_migrations()
def m010_groups(db: Database) -> None:
    """Which jobs follow each other in one job of a cluster, and which job there carried them."""
    db.executescript("""
    ALTER TABLE job ADD COLUMN grouped TEXT;
    ALTER TABLE attempt ADD COLUMN carrier TEXT;
    CREATE INDEX job_by_group ON job (grouped) WHERE grouped IS NOT NULL;
    """)


@jobs_migrations()
def m011_queues_of_firings(db: Database) -> None:
    """Where the jobs of rules go that an arrival fires; empty: to the queue of each rule."""
    db.executescript("""
    ALTER TABLE autofire ADD COLUMN queue TEXT NOT NULL DEFAULT '';
    """)
