"""The table of NORA's admin tools: how each is written, what it does, and where it is."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TOOLS", "Tool"]


@dataclass(frozen=True)
class Tool:
    """One admin tool.

    Attributes
    ----------
    usage : str
        Its words.
    about : str
        What it does.
    function : str
        ``module:function`` that carries it out.
    """

    usage: str
    about: str
    function: str


TOOLS = {
    "addtag_patient": Tool("TAG PID ...", "tag subjects", "admin:tag"),
    "addtag_study": Tool("TAG PID#SID ...", "tag studies", "admin:tag"),
    "batchimport": Tool("LIST", "import each path of a list (CSV)", "adminimport:batchimport"),
    "changeID": Tool("OLD NEW", "rename PID, or rename or move PID#SID", "admin:change_id"),
    "clearjobs": Tool("", "dismiss the ended jobs of the project", "admin:clear_jobs"),
    "createSQLuser": Tool("LOGIN", "make a user; prints its login link", "adminusers:create"),
    "deleteSQLuser": Tool("LOGIN", "log a user out for good", "adminusers:disable"),
    "importcsv": Tool("CSV IDCOL", "store rows of a table as metadata", "adminimport:importcsv"),
    "importfiles": Tool("SRC REGEXP", "import files into studies", "adminimport:importfiles"),
    "maphash": Tool("PID ...", "who subjects really are (on record)", "admin:maphash"),
    "projectlist": Tool("", "all projects, with counts", "admin:projectlist"),
    "renametag": Tool("OLD NEW", "rename a tag on all levels, or merge it", "admin:rename_tag"),
    "rmtag_patient": Tool("TAG PID ...", "take a tag off subjects", "admin:tag"),
    "rmtag_study": Tool("TAG PID#SID ...", "take a tag off studies", "admin:tag"),
    "setrights": Tool("LOGIN RIGHTS", "what a user may do in a project", "adminusers:set_rights"),
    "tagstats": Tool("", "how often each tag is used", "admin:tagstats"),
    "updateproject": Tool("", "bring the catalog in line with the disk", "admin:updateproject"),
    "userlist": Tool("", "all users with their rights", "adminusers:list_users"),
}
