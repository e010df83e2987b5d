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
from appliance.core.sections import (
    BackupSettings,
    DataSettings,
    DicomReader,
    DicomSettings,
    ImportSettings,
    LogSettings,
    Section,
    TrashSettings,
    WatchedFolder,
    WatchSettings,
    WebSettings,
)
from appliance.core.sections_jobs import JobSettings
from appliance.core.sections_notebooks import NotebookSettings
from appliance.core.sections_notifications import NotificationSettings
from appliance.core.sections_pacs import PacsSettings
from appliance.core.sections_viewing import ViewingSettings

__all__ = [
    "BackupSettings",
    "DataSettings",
    "DicomReader",
    "DicomSettings",
    "ImportSettings",
    "JobSettings",
    "LogSettings",
    "NotebookSettings",
    "NotificationSettings",
    "PacsSettings",
    "Settings",
    "TrashSettings",
    "ViewingSettings",
    "WatchSettings",
    "WatchedFolder",
    "WebSettings",
    "load_settings",
]

SYSTEM_CONFIG = Path("/etc/nora/appliance.toml")
ENVIRONMENT_PREFIX = "NORA__"
_SECRETS = ("_password", "_secret")


class _Sections(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All sections, as they stand in a file."""

    data: DataSettings = DataSettings()
    web: WebSettings = WebSettings()
    dicom: DicomSettings = DicomSettings()
    pacs: PacsSettings = PacsSettings()
    watch: WatchSettings = WatchSettings()
    imports: ImportSettings = ImportSettings()
    jobs: JobSettings = JobSettings()
    notebooks: NotebookSettings = NotebookSettings()
    notifications: NotificationSettings = NotificationSettings()
    backup: BackupSettings = BackupSettings()
    trash: TrashSettings = TrashSettings()
    viewing: ViewingSettings = ViewingSettings()
    log: LogSettings = LogSettings()


class Settings(_Sections, frozen=True, kw_only=True):
    """All settings with, for each, the layer it came from.

    Attributes
    ----------
    sources : dict of str to str
        Dotted key to the name of the layer; keys at their default are absent.
    """

    sources: dict[str, str] = msgspec.field(default_factory=dict)

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

    def shown_values(self) -> dict[str, Any]:
        """The same for people: of a secret only whether it is set."""
        return {
            key: "(set)" if value and key.endswith(_SECRETS) else value
            for key, value in self.values().items()
        }

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
