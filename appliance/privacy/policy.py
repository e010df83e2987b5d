"""How a project names its subjects, studies and series, and how it stores images."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from appliance.core import SettingsError, safe_name
from appliance.privacy.import_policy import ImportPolicy

__all__ = ["ProjectPolicy"]

_UNDATED = "undated"
_MAX_FOLDER = 80


class ProjectPolicy(ImportPolicy, frozen=True, kw_only=True):
    """The policy of one project, as it stands in its row of the catalog.

    Attributes
    ----------
    subject_code : str
        Template of a subject's code; ``{n}`` is the running number.
    identified : bool
        True: subjects are named by a safe form of their PatientID instead of a code.
    nifti : {"nii", "nii.gz"}
        How converted images are stored.
    keep_dates : bool
        Whether the dates of studies are kept.
    study_code : str
        Template of a study's folder; ``{date}`` and ``{n}`` may occur.
    series_folder : str
        Template of a series' folder; ``{protocol}``, ``{description}``, ``{number}``,
        ``{modality}`` may occur.
    """

    subject_code: str = "S-{n:04d}"
    identified: bool = False
    nifti: Literal["nii", "nii.gz"] = "nii"
    keep_dates: bool = True
    study_code: str = "{date}"
    series_folder: str = "{protocol}_{number}"

    @classmethod
    def of(cls, policy: Mapping[str, Any]) -> ProjectPolicy:
        """Read the policy of a project; keys of other rooms are left alone.

        Raises
        ------
        SettingsError
            If a value does not fit, or a template cannot be filled in.
        """
        try:
            found = msgspec.convert(dict(policy), cls)
            found.check_dicom()
            found.subject(1)
            found.study("2024-05-02", 1)
            found.series({"protocol": "t1", "description": "t1", "number": 1, "modality": "MR"})
        except (msgspec.ValidationError, KeyError, IndexError, ValueError) as error:
            raise SettingsError(
                f"the project's policy cannot be used: {error}",
                hint="Mend it in the project's settings.",
            ) from error
        if found.subject(1) == found.subject(2):
            raise SettingsError(
                f"the subject template {found.subject_code!r} gives everyone the same code",
                hint="It needs {n}, such as S-{n:04d}.",
            )
        return found

    def subject(self, n: int) -> str:
        """Give the n-th subject's code."""
        return safe_name(self.subject_code.format(n=n))

    def is_subject_code(self, text: str) -> bool:
        """Tell whether a text could be one of this project's own codes."""
        number = re.search(r"\d+", text[len(self._code_prefix()) :])
        return bool(number) and self.subject(int(number.group())) == text  # type: ignore[union-attr]

    def study(self, date: str | None, n: int) -> str:
        """Give the folder of a subject's n-th study, which took place on an ISO date."""
        if "{n" in self.study_code:
            return safe_name(self.study_code.format(date=date or _UNDATED, n=n))
        base = (date or _UNDATED) if self.keep_dates else "visit"
        name = safe_name(self.study_code.format(date=base, n=n))
        return name if n == 1 else f"{name}_{n}"

    def series(self, facts: Mapping[str, Any]) -> str:
        """Give the folder of a series from its facts; parts that are not told fall away."""
        described = facts.get("protocol") or facts.get("description") or facts.get("modality")
        filled = {
            "protocol": described or "series",
            "description": facts.get("description") or described or "series",
            "modality": facts.get("modality") or "",
            "number": "" if facts.get("number") is None else str(facts["number"]),
        }
        name = safe_name(self.series_folder.format(**filled), fallback="series")
        return re.sub(r"_{2,}", "_", name)[:_MAX_FOLDER].rstrip("_.-") or "series"

    def _code_prefix(self) -> str:
        return self.subject_code.partition("{")[0]
