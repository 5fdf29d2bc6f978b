"""The jobs of a batch and the state of each, in an SQLite file.

The store is the only list of the jobs: the process that hands them out holds none in memory. Every change is
committed before it is acted upon, so a batch can be stopped at any moment, by any signal.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from pipelines.fleet.jobs import JobResult, JobSpec, OutputState
from vos.errors import OutputError
from vos.runs.folder import OutputFolder

SCHEMA = 2

JobState = Literal["queued", "running", "done", "failed"]

_TABLES = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    output TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued',
    attempts INTEGER NOT NULL DEFAULT 0,
    output_state TEXT NOT NULL,
    problem TEXT,
    result TEXT
) STRICT;
CREATE INDEX jobs_to_take ON jobs (state, attempts, number);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

# Batches begun with an earlier seem-vos can be resumed: format -> what brings its tables to the next one.
_MIGRATIONS = {
    1: """
ALTER TABLE jobs RENAME COLUMN leftover TO output_state;
UPDATE jobs SET output_state =
    CASE output_state WHEN 'nothing' THEN 'empty' WHEN 'same job' THEN 'resumable' ELSE 'stale' END;
"""
}


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job.

    Attributes:
        number: Place in the batch, from 1.
        state: `queued`, `running` (also left so by a batch that was stopped), `done`, `failed`.
        attempts: How often it has been started since the batch was last resumed.
        output_state: What its output folder may hold.
        problem: Why the last attempt failed.
    """

    number: int
    spec: JobSpec
    state: JobState
    attempts: int
    output_state: OutputState
    problem: str | None
    result: JobResult | None


class JobStore:
    """An open file of jobs. Use as a context manager.

    Raises:
        OutputError: The file cannot be opened, holds no jobs of a batch, or another batch is using it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        is_new = not path.exists()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=1)
            # The lock is held until the file is closed: two batches on one file would run each job twice.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            # A write-ahead log waits for the disk once in a thousand pages instead of three times a job. After a power
            # cut the last jobs may be forgotten, and are run again.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            with self._transaction():
                if is_new:
                    self._execute_all(_TABLES)
                    self._db.execute(f"PRAGMA user_version = {SCHEMA}")
                version = self._db.execute("PRAGMA user_version").fetchone()[0]
                while version in _MIGRATIONS:
                    self._execute_all(_MIGRATIONS[version])
                    version += 1
                    self._db.execute(f"PRAGMA user_version = {version}")
        except sqlite3.Error as error:
            raise OutputError(f"{path}: cannot be read as a batch ({error}); is another batch using it?") from error
        if version != SCHEMA:
            self.close()
            raise OutputError(
                f"{path}: a batch in format {version}, and this seem-vos reads formats 1 to {SCHEMA}; "
                "resume it with the seem-vos that began it"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Releases the file."""
        self._db.close()

    def replace(self, specs: Iterable[JobSpec]) -> None:
        """Makes these the jobs of the batch, all or none; jobs that were in it and have not changed keep their state.

        Raises:
            OutputError: Two jobs have one name or one output folder, or the file cannot be written.
        """
        try:
            with self._transaction():
                if self.counts() == {}:
                    self._insert(specs)
                    return
                self._db.execute("CREATE TEMP TABLE wanted (name TEXT PRIMARY KEY, output TEXT, spec TEXT)")
                rows = ((spec.name, spec.output, spec.to_json()) for spec in specs)
                self._db.executemany("INSERT INTO wanted VALUES (?, ?, ?)", rows)
                self._db.execute("DELETE FROM jobs WHERE name NOT IN (SELECT name FROM wanted)")
                self._db.execute(
                    "INSERT INTO jobs (name, output, spec, output_state) "
                    "SELECT name, output, spec, 'empty' FROM wanted WHERE true "
                    "ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, output = excluded.output, "
                    "state = 'queued', output_state = 'stale', problem = NULL, result = NULL "
                    "WHERE spec != excluded.spec"
                )
                self._db.execute("DROP TABLE wanted")
        except sqlite3.Error as error:
            raise OutputError(f"{self.path}: cannot be written ({error})") from error

    def reopen(self, *, overwrite: bool = False) -> None:
        """Puts every job that is not done, or whose record is gone, back into the queue and resets its attempts.

        Args:
            overwrite: These jobs start over, and may replace files in their folders.
        """
        gone = [
            (row.number,)
            for row in self.rows("done")
            if not any(OutputFolder(Path(folder)).record.is_file() for folder in _results_of(row.spec))
        ]
        with self._transaction():
            self._db.executemany("UPDATE jobs SET state = 'queued', result = NULL WHERE number = ?", gone)
            # The inputs of a failed job may have been repaired since, and so may differ: it starts over.
            self._db.execute("UPDATE jobs SET output_state = 'stale' WHERE state = 'failed'")
            self._db.execute("UPDATE jobs SET state = 'queued', attempts = 0 WHERE state != 'done'")
            if overwrite:
                self._db.execute("UPDATE jobs SET output_state = 'stale' WHERE state != 'done'")

    def take(self) -> JobRow | None:
        """The next queued job, now marked as running; None if there is none."""
        with self._transaction():
            row = self._db.execute(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1 WHERE number = ("
                "SELECT number FROM jobs WHERE state = 'queued' ORDER BY attempts, number LIMIT 1"
                f") RETURNING {_COLUMNS}"
            ).fetchone()
            if row is None:
                return None
            self._db.execute(
                "UPDATE jobs SET output_state = 'resumable' WHERE number = ? AND output_state = 'empty'", (row[0],)
            )
        # `output_state` as it was before this attempt.
        return _job_row(row)

    def finish(self, number: int, result: JobResult) -> None:
        """The job is done."""
        self._set(number, "done", None, json.dumps(asdict(result)))

    def fail(self, number: int, problem: str) -> None:
        """The job has failed and will not be retried."""
        self._set(number, "failed", problem, None)

    def requeue(self, number: int, problem: str) -> None:
        """The job has to be retried, after all jobs with fewer attempts."""
        self._set(number, "queued", problem, None)

    def counts(self) -> dict[str, int]:
        """State -> number of jobs; states without a job are left out."""
        return dict(self._db.execute("SELECT state, count(*) FROM jobs GROUP BY state"))

    def rows(self, state: JobState | None = None) -> Iterator[JobRow]:
        """Jobs in their order, one at a time."""
        where = "" if state is None else "WHERE state = ?"
        values = () if state is None else (state,)
        for row in self._db.execute(f"SELECT {_COLUMNS} FROM jobs {where} ORDER BY number", values):
            yield _job_row(row)

    def setting(self, key: str) -> str | None:
        """A value stored with the jobs."""
        row = self._db.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def keep_setting(self, key: str, value: str) -> None:
        """Stores a value with the jobs."""
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))

    def _execute_all(self, statements: str) -> None:
        """Inside the open transaction, which `executescript` would commit."""
        for statement in statements.split(";"):
            self._db.execute(statement)

    def _insert(self, specs: Iterable[JobSpec]) -> None:
        rows = ((spec.name, spec.output, spec.to_json()) for spec in specs)
        self._db.executemany("INSERT INTO jobs (name, output, spec, output_state) VALUES (?, ?, ?, 'empty')", rows)

    def _set(self, number: int, state: JobState, problem: str | None, result: str | None) -> None:
        self._db.execute(
            "UPDATE jobs SET state = ?, problem = ?, result = ? WHERE number = ?", (state, problem, result, number)
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _results_of(spec: JobSpec) -> tuple[str, ...]:
    """Where the masks of a finished job are: a part's own folder is removed once the whole is stitched."""
    return (spec.output,) if spec.part is None else (spec.output, spec.part.output)


_COLUMNS = "number, spec, state, attempts, output_state, problem, result"


def _job_row(row: tuple[int, str, JobState, int, OutputState, str | None, str | None]) -> JobRow:
    number, spec, state, attempts, output_state, problem, result = row
    return JobRow(
        number=number,
        spec=JobSpec.from_json(spec),
        state=state,
        attempts=attempts,
        output_state=output_state,
        problem=problem,
        result=None if result is None else _result(json.loads(result)),
    )


def _result(values: dict[str, Any]) -> JobResult:
    return JobResult(**(values | {"notes": tuple(values.get("notes", ()))}))
