"""All settings: defaults in code, then files, environment and command line laid over them.

Layers, later ones win: code, ``/etc/nora/appliance.toml`` or the file named by ``NORA_CONFIG``,
``conf.d/*.toml`` beside that file, ``<data>/conf.d/50-ui.toml``, environment
``NORA__SECTION__KEY``, command line.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from appliance.core.errors import SettingsError

__all__ = [
    "BackupSettings",
    "DataSettings",
    "DicomSettings",
    "ImportSettings",
    "JobSettings",
    "LogSettings",
    "Settings",
    "TrashSettings",
    "WatchSettings",
    "WatchedFolder",
    "WebSettings",
    "load_settings",
]

SYSTEM_CONFIG = Path("/etc/nora/appliance.toml")
ENVIRONMENT_PREFIX = "NORA__"
GIB = 1 << 30


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: frozen, and a misspelt key is an error."""


class DataSettings(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
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


class WebSettings(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
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
    """

    bind: str = "127.0.0.1"
    port: int = 8181
    allowed_hosts: list[str] = []
    session_hours: float = 168.0


class DicomSettings(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The DICOM listener (C-ECHO, C-STORE).

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
        Project that receives what is sent.
    allow : list of str
        Senders, as ``AET`` or ``AET@ADDRESS``. Empty: all, on loopback only.
    max_associations : int
        Associations at the same time.
    quiet_s : float
        Seconds without a new object after which a series counts as complete.
    """

    enabled: bool = True
    bind: str = "127.0.0.1"
    port: int = 11112
    ae_title: str = "NORA"
    project: str = "default"
    allow: list[str] = []
    max_associations: int = 16
    quiet_s: float = 5.0


class WatchedFolder(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One folder that is watched for arrivals.

    Attributes
    ----------
    path : str
        Absolute path of the folder.
    project : str
        Project that receives what is found.
    mode : str
        ``"copy"`` leaves the files where they are, ``"move"`` takes them.
    """

    path: str
    project: str = "default"
    mode: str = "copy"


class WatchSettings(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The folder watcher; ``<data>/drop`` is always watched when it is enabled.

    Attributes
    ----------
    enabled : bool
        Whether to watch.
    folders : list of WatchedFolder
        Further folders, each with path, project and mode ("copy" or "move").
    settle_s : float
        Seconds without a change after which a file counts as complete.
    rescan_s : float
        Seconds between two complete looks at the folders; events are only hints.
    """

    enabled: bool = True
    folders: list[WatchedFolder] = []
    settle_s: float = 5.0
    rescan_s: float = 60.0


class ImportSettings(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
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
    """

    workers: int = 0
    max_files: int = 200_000
    max_total_bytes: int = 200 * GIB
    max_ratio: float = 200.0
    convert_timeout_s: float = 3600.0


class JobSettings(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The local scheduler.

    Attributes
    ----------
    cpus : int
        Processors that jobs may use; 0: all.
    memory_mb : int
        Memory that jobs may ask for, in MiB; 0: 80 % of the machine's.
    gpus : list of str
        UUIDs of GPUs that jobs may use; ``["auto"]``: all that NVML finds.
    queues : list of str
        Names of the queues; the first is the default, ``DPXimport`` shows imports.
    keep_days : int
        Days for which finished jobs stay in the table.
    sandbox : str
        ``"auto"`` runs jobs in bubblewrap where the machine has it, ``"off"`` never does.
    matlab_command : str
        Program that runs MATLAB jobs. Empty: ``matlab``, else ``octave-cli``, if installed.
    """

    cpus: int = 0
    memory_mb: int = 0
    gpus: list[str] = msgspec.field(default_factory=lambda: ["auto"])
    queues: list[str] = msgspec.field(default_factory=lambda: ["DPXproc", "DPXimport"])
    keep_days: int = 90
    sandbox: str = "auto"
    matlab_command: str = ""


class BackupSettings(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
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


class TrashSettings(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The trash.

    Attributes
    ----------
    keep_days : int
        Days for which what was put there can be taken back; 0: for ever.
    """

    keep_days: int = 30


class LogSettings(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Logging.

    Attributes
    ----------
    level : str
        ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
    """

    level: str = "INFO"


class _Sections(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All sections, as they stand in a file."""

    data: DataSettings = DataSettings()
    web: WebSettings = WebSettings()
    dicom: DicomSettings = DicomSettings()
    watch: WatchSettings = WatchSettings()
    imports: ImportSettings = ImportSettings()
    jobs: JobSettings = JobSettings()
    backup: BackupSettings = BackupSettings()
    trash: TrashSettings = TrashSettings()
    log: LogSettings = LogSettings()


class Settings(_Sections, frozen=True, kw_only=True):
    """All settings with, for each, the layer it came from.

    Attributes
    ----------
    sources : dict of str to str
        Dotted key to the name of the layer; keys at their default are absent.
    """

    sources: dict[str, str] = {}

    def source(self, key: str) -> str:
        """Name the layer that a dotted key came from, ``"default"`` if none set it."""
        return self.sources.get(key, "default")

    def values(self) -> dict[str, Any]:
        """Give every dotted key with its value, in the order of the sections."""
        found: dict[str, Any] = {}
        for section in _Sections.__struct_fields__:
            struct = getattr(self, section)
            for field in struct.__struct_fields__:
                found[f"{section}.{field}"] = msgspec.to_builtins(getattr(struct, field))
        return found

    @property
    def data_path(self) -> Path:
        """The data folder in force."""
        if self.data.path:
            return Path(self.data.path).expanduser().absolute()
        state = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
        return Path(state) if state else Path.home() / "nora-data"


def load_settings(
    data: Path | None = None,
    *,
    config: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read all layers.

    Parameters
    ----------
    data : Path, optional
        Data folder from the command line.
    config : Path, optional
        Settings file instead of ``$NORA_CONFIG`` or ``/etc/nora/appliance.toml``.
    overrides : mapping, optional
        Dotted keys from the command line.

    Returns
    -------
    Settings

    Raises
    ------
    SettingsError
        If a file cannot be read, a key is unknown or a value does not fit.
    """
    merged: dict[str, dict[str, Any]] = {}
    sources: dict[str, str] = {}
    for name, layer in _file_layers(config):
        _lay(merged, sources, name, layer)
    top = {**(overrides or {}), **({"data.path": str(data)} if data else {})}
    early = _convert(_merge_all(merged, _environment(), _nested(top)), "settings")
    ui = Settings(data=early.data).data_path / "conf.d" / "50-ui.toml"
    if ui.is_file():
        _lay(merged, sources, str(ui), _read_toml(ui))
    _lay(merged, sources, "environment", _environment())
    _lay(merged, sources, "command line", _nested(top))
    found = _convert(merged, "settings")
    return Settings(
        **{name: getattr(found, name) for name in _Sections.__struct_fields__}, sources=sources
    )


def _file_layers(config: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    named = config or (Path(os.environ["NORA_CONFIG"]) if "NORA_CONFIG" in os.environ else None)
    if named is not None and not named.is_file():
        raise SettingsError(f"no settings file {named}", hint="Check --config or NORA_CONFIG.")
    path = named or SYSTEM_CONFIG
    for file in (path, *sorted(path.parent.glob("conf.d/*.toml"))):
        if file.is_file():
            layer = _read_toml(file)
            _convert(layer, str(file))
            yield str(file), layer


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {path}: {error}", hint="Mend the file.") from error


def _environment() -> dict[str, dict[str, Any]]:
    dotted = {
        name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", "."): _literal(value)
        for name, value in os.environ.items()
        if name.startswith(ENVIRONMENT_PREFIX)
    }
    return _nested(dotted)


def _literal(text: str) -> Any:
    """Read a value of the environment as TOML, else as a plain string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _nested(dotted: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for key, value in dotted.items():
        section, _, field = key.partition(".")
        nested.setdefault(section, {})[field] = value
    return nested


def _merge_all(*layers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for layer in layers:
        _lay(merged, {}, "", layer)
    return merged


def _lay(
    merged: dict[str, dict[str, Any]],
    sources: dict[str, str],
    name: str,
    layer: Mapping[str, Mapping[str, Any]],
) -> None:
    for section, fields in layer.items():
        if not isinstance(fields, Mapping):
            raise SettingsError(f"{name}: {section!r} is no section", hint=f"Write [{section}].")
        merged.setdefault(section, {}).update(fields)
        sources.update({f"{section}.{field}": name for field in fields})


def _convert(layer: Mapping[str, Any], name: str) -> _Sections:
    try:
        return msgspec.convert(layer, _Sections)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"{name}: {error}", hint="'nora settings' lists every key with its default."
        ) from error
