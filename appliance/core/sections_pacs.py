"""The settings of PACS nodes: the archives that can be searched and that images are pulled from."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.core.sections import Section

__all__ = ["PacsNode", "PacsSettings"]


class PacsNode(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One archive.

    Attributes
    ----------
    ae_title : str
        Its application entity title.
    host : str
        Its name or address.
    port : int
        Its TCP port.
    calling : str
        How we call ourselves there. Empty: ``dicom.ae_title``.
    destination : str
        Title under which it knows our listener, for C-MOVE. Empty: ``dicom.ae_title``.
    method : str
        How images come: ``"move"`` (C-MOVE to our listener), ``"get"`` (C-GET), or ``"web"``, where
        all goes over DICOMweb.
    url : str
        Root of its DICOMweb service, in place of `ae_title`, `host` and `port`.
    authorization_file : str
        File that holds the header ``Authorization`` for it, such as ``Bearer ...``.
    ca_file : str
        Certificates of who vouches for it. Empty: those of the system.
    charset : str
        Character set of queries, and of answers that name none.
    find_pause_s : float
        Seconds between two queries of one search.
    move_pause_s : float
        Seconds between two series that are pulled.
    window : str
        Local hours in which images are pulled, such as ``"20:00-06:00"``. Empty: always.
    timeout_s : float
        Seconds after which it does not answer.
    pull_timeout_s : float
        Seconds without a word while it sends, after which a series is given up.
    max_answers : int
        Answers to one query after which it is cut short.
    tries : int
        Times that a series is asked for.
    retry_s : float
        Seconds before it is asked for again; each time four times as long.
    projects : list of str
        Projects that may search and pull. Empty: all.
    push : bool
        Whether anything may ever be sent there.
    push_check : bool
        Whether the archive is asked whose a study is before anything of it is sent, and nothing
        pseudonymised is. False only for a node that is no archive of patients.
    tls : bool
        Whether DICOM goes over TLS.
    tls_name : str
        Name that its certificate has to bear. Empty: `host`.
    cert_file, key_file : str
        Our certificate and its key (PEM), where it asks for one.
    """

    ae_title: str = ""
    host: str = ""
    port: int = 104
    calling: str = ""
    destination: str = ""
    method: Literal["move", "get", "web"] = "move"
    url: str = ""
    authorization_file: str = ""
    ca_file: str = ""
    charset: str = "ISO_IR 100"
    find_pause_s: float = 0.6
    move_pause_s: float = 3.0
    window: str = ""
    timeout_s: float = 60.0
    pull_timeout_s: float = 600.0
    max_answers: int = 5000
    tries: int = 3
    retry_s: float = 60.0
    projects: list[str] = msgspec.field(default_factory=list)
    push: bool = False
    push_check: bool = True
    tls: bool = False
    tls_name: str = ""
    cert_file: str = ""
    key_file: str = ""


class PacsSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The archives.

    Attributes
    ----------
    nodes : dict of str to PacsNode
        Archives by the name that people see.
    """

    nodes: dict[str, PacsNode] = msgspec.field(default_factory=dict)
