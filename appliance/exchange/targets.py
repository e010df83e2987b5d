"""Where a file that is no DICOM goes: subject, study and path, from what a person said."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import msgspec

from appliance.core import safe_name
from appliance.exchange.collect import pattern_target
from appliance.exchange.drop_places import below_place, place_groups
from appliance.exchange.names import suffix_of
from appliance.exchange.rows import Options
from appliance.privacy import ProjectPolicy

__all__ = ["Target", "Targets", "safe_path", "target_options"]


class Target(msgspec.Struct, frozen=True):
    """A place in the project: subject, study and the path in the study's folder."""

    pid: str
    sid: str
    path: str


class Targets:
    """Finds targets for the files of one arrival.

    Parameters
    ----------
    options : Options
        What the arrival was told.
    policy : ProjectPolicy
        Folder names of a source become subjects only where they can be codes of the project.
    root : Path or None
        Folder or file that the arrival came from.
    pattern : re.Pattern or None
        Compiled pattern of the options.
    today : str
        Study for a target that names a subject alone.
    known : frozenset of str
        Subjects that exist already.
    """

    def __init__(
        self,
        options: Options,
        policy: ProjectPolicy,
        *,
        root: Path | None,
        pattern: re.Pattern[str] | None,
        today: str,
        known: frozenset[str] = frozenset(),
    ) -> None:
        self.options, self.policy = options, policy
        self.root, self.pattern = root, pattern
        self.today, self.known = today, known

    def wanted(self, original: str) -> bool:
        """Tell whether the filter of extensions lets a file through."""
        if self.options.extra is None:
            return True
        suffix = suffix_of(original)
        return any(suffix in (f".{e}", f".{e}.gz") for e in self.options.extra)

    def stated(self, original: str) -> tuple[str | None, str | None]:
        """Give what was named for a file that says itself whose it is; that may not count."""
        return (None, None) if self.options.native else self.overrides(original)

    def overrides(self, original: str) -> tuple[str | None, str | None]:
        """Give subject and study that the options or the pattern name for a file, if any."""
        pid, sid = self.options.subject, self.options.study
        if self.pattern is not None and self.root is not None:
            groups = pattern_target(self.pattern, Path(original), self.root)
            pid = pid or _named(groups.get("patients_id"))
            sid = sid or _named(groups.get("studies_id"))
        if self.options.place is not None:
            groups = place_groups(self.options.place, self._below(original))
            pid = pid or _named(groups.get("patients_id"))
            sid = sid or _named(groups.get("studies_id"))
        return pid, sid

    def find(
        self, original: str, preset: tuple[str, str] | None, only: tuple[str, str] | None
    ) -> Target | None:
        """Give the target of a file.

        Parameters
        ----------
        original : str
            Path the file came with; members of a zip as ``archive.zip!/member``.
        preset : (pid, sid) or None
            What a person decided for this file.
        only : (pid, sid) or None
            The one study that the arrival's DICOM objects belong to.
        """
        inner = self._inner(original)
        pid, sid = preset or self.overrides(original)
        if pid:
            return Target(pid, sid or self.today, safe_path(inner))
        by_layout = self._by_layout(inner)
        if by_layout is not None:
            return by_layout
        if only is not None and self.options.extra is not None:
            return Target(*only, safe_path(inner))
        return None

    def _below(self, original: str) -> str:
        """Give the path below the source; a member of an archive stands where the archive does."""
        path = Path(original.partition("!/")[0])
        inside = self.root is not None and path.is_relative_to(self.root)
        return str(path.relative_to(self.root)) if inside and self.root else path.name

    def _inner(self, original: str) -> PurePosixPath:
        outer, mark, member = original.rpartition("!/")
        if mark:
            return PurePosixPath(member)
        if self.root is not None and Path(outer or original).is_relative_to(self.root):
            inner = str(Path(original).relative_to(self.root))
            if inner == ".":
                return PurePosixPath(Path(original).name)
            if self.options.place is not None:
                inner = below_place(self.options.place, inner)
            return PurePosixPath(inner)
        return PurePosixPath(Path(original).name)

    def _by_layout(self, inner: PurePosixPath) -> Target | None:
        """Read ``subject/study/...``; a folder that could name a person is not taken as a code."""
        if not self.options.layout or len(inner.parts) < 3:
            return None
        pid, sid = safe_name(inner.parts[0]), safe_name(inner.parts[1])
        allowed = self.policy.identified or pid in self.known or self.policy.is_subject_code(pid)
        if not allowed:
            return None
        return Target(pid, sid, safe_path(PurePosixPath(*inner.parts[2:])))


def target_options(subject: str | None, study: str | None, *, native: bool = False) -> Options:
    """Give options that name a subject and a study from outside, made safe as folder names."""
    return Options(subject=_named(subject), study=_named(study), native=native)


def safe_path(path: PurePosixPath) -> str:
    """Make every part of a path from outside safe."""
    parts = [safe_name(part) for part in path.parts if part not in ("/", "..", ".")]
    return "/".join(parts) or "unnamed"


def _named(text: str | None) -> str | None:
    return safe_name(text) if text else None
