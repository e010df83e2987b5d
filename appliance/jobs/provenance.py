"""One door to how files were made: lineage, stale marks, recomputing, replays, exports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appliance.catalog import Catalog
from appliance.core import DataFolder
from appliance.jobs.bulk import Outcome
from appliance.jobs.desk import Desk
from appliance.jobs.lineage import Lineage, lineage_of
from appliance.jobs.prov_json import origins_of_batch, origins_of_file, prov_document
from appliance.jobs.recomputing import RecomputeStep, Recomputing
from appliance.jobs.replaying import ReplayReport, Replays, Submit
from appliance.jobs.rerun import Edit
from appliance.jobs.stale import StaleKeeper, stale_attribute, stale_files

__all__ = ["Provenance"]


class Provenance:
    """How files were made.

    Parameters
    ----------
    catalog, folder, desk
        What it asks, and what runs jobs again.
    submit : callable
        Starts a batch.
    matlab : str
        The setting ``jobs.matlab_command``.
    """

    def __init__(
        self, catalog: Catalog, folder: DataFolder, desk: Desk, submit: Submit, matlab: str
    ) -> None:
        self._catalog = catalog
        self.keeper = StaleKeeper(catalog)
        self._replays = Replays(catalog, folder, submit, matlab)
        self._recomputing = Recomputing(
            catalog, lambda keys, actor: desk.rerun(keys, Edit(), actor, downstream="none")
        )
        catalog.register_attribute(
            "STALE", stale_attribute, of_files=lambda value: stale_attribute(value, "file_id")
        )

    def lineage(self, file_id: int, *, depth: int = 4) -> Lineage:
        """Tell how a file was made, from what, and what was made from it."""
        with self._catalog.read() as con:
            return lineage_of(con, file_id, depth=depth)

    def stale_files(self, project_id: int, study_ids: Sequence[int] | None = None) -> list[int]:
        """List the files of a project that are out of date."""
        self.keeper.catch_up()
        with self._catalog.read() as con:
            return stale_files(con, project_id, study_ids)

    def planned(self, file_ids: Sequence[int]) -> tuple[list[str], dict[str, str]]:
        """Tell which jobs would run to bring files up to date, and why others cannot."""
        return self._recomputing.plan(file_ids)

    def steps(self, keys: Sequence[str]) -> list[RecomputeStep]:
        """Tell of jobs what they make, and why it is out of date."""
        return self._recomputing.steps(keys)

    def recompute(self, file_ids: Sequence[int], actor: str) -> Outcome:
        """Run again what files that are out of date need, and only that."""
        return self._recomputing.recompute(file_ids, actor)

    def replay(self, file_id: int, actor: str) -> str:
        """Run again what made a file, in a scratch folder; gives the key of the job."""
        return self._replays.start(file_id, actor)

    def replay_report(self, key: str) -> ReplayReport:
        """Give what a replay found."""
        return self._replays.report(key)

    def prov_of_file(self, file_id: int) -> dict[str, Any]:
        """Give PROV-JSON about a file and all that it goes back to."""
        with self._catalog.read() as con:
            return prov_document(con, origins_of_file(con, file_id))

    def prov_of_batch(self, key: str) -> dict[str, Any]:
        """Give PROV-JSON about the files of a batch."""
        with self._catalog.read() as con:
            return prov_document(con, origins_of_batch(con, key))
