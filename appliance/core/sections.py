"""The sections of the settings beside the jobs: every key with its default and its unit."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "BackupSettings",
    "DataSettings",
    "DicomReader",
    "DicomSettings",
    "ImportSettings",
    "LogSettings",
    "Section",
    "TrashSettings",
    "WatchSettings",
    "WatchedFolder",
    "WebSettings",
]

GIB = 1 << 30


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: frozen, and a misspelt key is an error."""


class DataSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the data folder lies.

    Attributes
    ----------
    path : str
        The data folder. Empty: ``$STATE_DIRECTORY`` of systemd, else ``~/nora-data``.
    min_free_bytes : int
        Below this much free space arrivals and jobs wait.
    """

    path: str = ""
    min_free_bytes: int = 2 * GIB


class WebSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The web server.

    Attributes
    ----------
    bind : str
        Address to listen on. Anything but loopback needs a TLS proxy in front.
    port : int
        TCP port.
    allowed_hosts : list of str
        Names, beside loopback, under which a browser may reach the service.
    session_hours : float
        Hours after which a browser has to log in again.
    dicomweb_origins : list of str
        Addresses of pages, as ``https://viewer.example.org``, that may read DICOMweb with a token.
    """

    bind: str = "127.0.0.1"
    port: int = 8181
    allowed_hosts: list[str] = []
    session_hours: float = 168.0
    dicomweb_origins: list[str] = []


class DicomRoute(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which project receives what comes from, or is sent to, certain AE titles.

    Attributes
    ----------
    project : str
        Project that receives it.
    calling : str
        AE title of the sender; ``"*"``: any.
    called : str
        AE title that it is sent to; ``"*"``: any.
    """

    project: str
    calling: str = "*"
    called: str = "*"


class DicomReader(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may search what we keep (C-FIND) and have it sent to archives (C-MOVE).

    Attributes
    ----------
    calling : str
        AE title of who asks.
    project : str
        Project whose originals are searched.
    address : str
        Address or network it asks from; empty: any that `allow` lets in.
    names : bool
        Whether it gets objects as they are; else codes stand for who they show, as in an export.
    """

    calling: str
    project: str
    address: str = ""
    names: bool = False


class DicomSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The DICOM listener (C-ECHO, C-STORE, storage commitment).

    Attributes
    ----------
    enabled : bool
        Whether to listen.
    bind : str
        Address to listen on. Off loopback `allow` must not be empty.
    port : int
        TCP port.
    ae_title : str
        Our application entity title, at most 16 characters.
    project : str
        Project that receives what is sent and has no route.
    routes : list of DicomRoute
        Projects by AE title, each with project, calling and called; the first that fits counts.
    allow : list of str
        Senders, as ``AET`` or ``AET@ADDRESS``. Empty: all, on loopback only.
    readers : list of DicomReader
        Who may search a project and have objects sent, each with calling, project, address, names.
    max_associations : int
        Associations at the same time.
    max_pdu_bytes : int
        Largest piece that a sender may send at once.
    idle_s : float
        Seconds after which a silent sender is cut off.
    tls_certificate_file, tls_key_file : str
        Certificate and key, in PEM. With them the port speaks TLS 1.2 or newer, and nothing else.
    tls_ca_file : str
        Certificates of who vouches for senders, in PEM. With it they must show theirs.
    quiet_s : float
        Seconds without a new object after which a series counts as complete.
    """

    enabled: bool = True
    bind: str = "127.0.0.1"
    port: int = 11112
    ae_title: str = "NORA"
    project: str = "default"
    routes: list[DicomRoute] = []
    allow: list[str] = []
    readers: list[DicomReader] = []
    max_associations: int = 16
    max_pdu_bytes: int = 131072
    idle_s: float = 120.0
    tls_certificate_file: str = ""
    tls_key_file: str = ""
    tls_ca_file: str = ""
    quiet_s: float = 5.0


class WatchedFolder(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One folder that is watched for arrivals.

    Attributes
    ----------
    path : str
        Absolute path of the folder.
    project : str
        Project that receives what is found.
    mode : str
        ``"keep"`` (or ``"copy"``) leaves the files where they are, ``"move"`` takes them,
        ``"delete"`` removes each when it is imported and our copy of it was compared.
    pattern : str
        Which sub-folders name what, such as ``"{project}/{subject}/{study}"``; empty: none.
    extra : list of str
        Extensions of files other than DICOM that are taken in; empty: all.
    live_s : float
        Tilt series in it are followed while a microscope writes them, and are over after so many
        seconds without a change; 0: none is followed.
    """

    path: str
    project: str = "default"
    mode: Literal["keep", "copy", "move", "delete"] = "keep"
    pattern: str = ""
    extra: list[str] = []
    live_s: float = 0.0


class WatchSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The folder watcher; ``<data>/drop`` is always watched when it is enabled.

    Attributes
    ----------
    enabled : bool
        Whether to watch.
    folders : list of WatchedFolder
        Further folders, each with path, project, mode, pattern and extra.
    settle_s : float
        Seconds without a change after which a file counts as complete.
    rescan_s : float
        Seconds between two complete looks at the folders; events are only hints.
    """

    enabled: bool = True
    folders: list[WatchedFolder] = []
    settle_s: float = 5.0
    rescan_s: float = 60.0


class ImportSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits of one arrival, and how many conversions run side by side.

    Attributes
    ----------
    workers : int
        Conversions at the same time; 0: one per processor.
    max_files : int
        Files in one archive.
    max_total_bytes : int
        Unpacked size of one archive.
    max_ratio : float
        Unpacked over packed size of one member of an archive.
    convert_timeout_s : float
        Seconds after which the conversion of one series is given up.
    shadow_share : float
        Share of the series we wrote ourselves that dcm2niix converts as well, to compare.
    """

    workers: int = 0
    max_files: int = 200_000
    max_total_bytes: int = 200 * GIB
    max_ratio: float = 200.0
    convert_timeout_s: float = 3600.0
    shadow_share: float = 0.02


class BackupSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The daily backup of the databases.

    Attributes
    ----------
    enabled : bool
        Whether to make one every day.
    hour : int
        Local hour at which it is made.
    keep : int
        How many are kept.
    """

    enabled: bool = True
    hour: int = 2
    keep: int = 14


class TrashSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The trash.

    Attributes
    ----------
    keep_days : int
        Days for which what was put there can be taken back; 0: for ever.
    """

    keep_days: int = 30


class LogSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Logging.

    Attributes
    ----------
    level : str
        ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
    """

    level: str = "INFO"
