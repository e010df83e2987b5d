"""The part of the client that keeps order: history, names, tags of a project, users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from appliance.client.base import Base, Items, PageOf
from appliance.client.rows import Grant, Member, Operation, OperationDone, TagsChanged, User

__all__ = ["CurationCalls"]


class CurationCalls(Base):
    """History and undo; renaming; users and their rights."""

    def history(self, project: str | None = None, **filters: Any) -> Iterator[Operation]:
        """Give what was done, newest first.

        Parameters
        ----------
        project : str, optional
            Only what was done there.
        **filters
            ``verb``, ``actor``, ``at_from``, ``at_to`` (ISO), ``in_trash``.
        """
        return self._pages("/operations", PageOf[Operation], {"project": project, **filters})

    def undo(self, operation_id: int) -> None:
        """Take an operation back.

        Raises
        ------
        Conflict
            If it was taken back already, or something later stands in the way.
        """
        self._post(f"/operations/{operation_id}/undo", type(None))

    def rename_subject(self, subject_id: int, name: str) -> OperationDone:
        """Give a subject another code; its folder is renamed with it."""
        return self._post(f"/subjects/{subject_id}/name", OperationDone, {"name": name})

    def rename_study(self, study_id: int, name: str) -> OperationDone:
        """Give a study another code within its subject."""
        return self._post(f"/studies/{study_id}/name", OperationDone, {"name": name})

    def rename_file(self, file_id: int, path: str) -> OperationDone:
        """Give a file another path within its study."""
        return self._post(f"/files/{file_id}/path", OperationDone, {"name": path})

    def move_study(self, study_id: int, subject_id: int) -> OperationDone:
        """Give a study to another subject of its project."""
        body = {"subject_id": subject_id}
        return self._post(f"/studies/{study_id}/subject", OperationDone, body)

    def rename_tags(self, project: str, names: Sequence[str], to: str | None) -> TagsChanged:
        """Rename a tag, merge several into one, or (`to` None) take them off everywhere."""
        body = {"names": list(names), "to": to}
        return self._post(f"{_of(project)}/tags/rename", TagsChanged, body)

    def users(self) -> list[User]:
        """List all users."""
        return self._get("/users", Items[User]).items

    def create_user(self, login: str, full_name: str = "", *, is_admin: bool = False) -> User:
        """Make a user; `user_link` logs it in."""
        body = {"login": login, "full_name": full_name, "is_admin": is_admin}
        return self._post("/users", User, body)

    def change_user(self, user_id: int, **changes: Any) -> User:
        """Change ``full_name``, ``is_admin`` or ``disabled`` of a user."""
        return self._transport.ask("PATCH", f"/users/{user_id}", User, body=changes)

    def user_link(self, user_id: int) -> str:
        """Make a link that logs a user in, once."""
        found: dict[str, str] = self._post(f"/users/{user_id}/login-link", dict[str, str])
        return found["link"]

    def members(self, project: str) -> list[Member]:
        """List the users of a project with what they may do there."""
        return self._get(f"{_of(project)}/members", Items[Member]).items

    def set_member(self, project: str, login: str, grant: Grant | None) -> None:
        """Say what a user may do in a project; None takes it out. ``<ANY>`` is every user."""
        import msgspec

        path = f"{_of(project)}/members/{quote(login, safe='')}"
        body = None if grant is None else msgspec.to_builtins(grant)
        self._transport.ask("DELETE" if grant is None else "PUT", path, type(None), body=body)


def _of(project: str) -> str:
    return f"/projects/{quote(project, safe='')}"
