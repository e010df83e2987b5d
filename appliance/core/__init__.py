"""The ground all rooms stand on: errors, settings, logging, ids, atomic writes and safe joins.

Knows nothing of images, catalogs or the web, and imports no other room.
"""

from __future__ import annotations

from appliance.core.conf_file import save_setting
from appliance.core.doors import lazy_door
from appliance.core.errors import (
    ApplianceError,
    Conflict,
    DiskFull,
    ExchangeError,
    FormatError,
    Invalid,
    JobError,
    ModelError,
    NotFound,
    PeerError,
    Refused,
    SettingsError,
    StorageError,
    UpkeepError,
)
from appliance.core.extras import install_command
from appliance.core.files import (
    atomic_write,
    fsync_dir,
    fsync_file,
    link_or_copy,
    safe_join,
    safe_name,
)
from appliance.core.folder import MARKER, DataFolder
from appliance.core.ids import iso, new_key, new_keys, now_ms, parse_iso
from appliance.core.lean import without
from appliance.core.logs import configure_logging
from appliance.core.mounts import network_kind
from appliance.core.sections_adapters import AdapterSettings, PathPair
from appliance.core.sections_notifications import NotificationSettings
from appliance.core.sections_pacs import PacsNode, PacsSettings
from appliance.core.settings import (
    BackupSettings,
    DataSettings,
    DicomReader,
    DicomSettings,
    ImportSettings,
    JobSettings,
    LogSettings,
    Settings,
    TrashSettings,
    WatchedFolder,
    WatchSettings,
    WebSettings,
    load_settings,
)
from appliance.core.walking import (
    FileContent,
    content_of,
    file_around,
    is_any_file,
    is_folder_file,
    members,
    old_head,
    sha256_file,
    walk_files,
)

__all__ = [
    "MARKER",
    "AdapterSettings",
    "ApplianceError",
    "BackupSettings",
    "Conflict",
    "DataFolder",
    "DataSettings",
    "DicomReader",
    "DicomSettings",
    "DiskFull",
    "ExchangeError",
    "FileContent",
    "FormatError",
    "ImportSettings",
    "Invalid",
    "JobError",
    "JobSettings",
    "LogSettings",
    "ModelError",
    "NotFound",
    "NotificationSettings",
    "PacsNode",
    "PacsSettings",
    "PathPair",
    "PeerError",
    "Refused",
    "Settings",
    "SettingsError",
    "StorageError",
    "TrashSettings",
    "UpkeepError",
    "WatchSettings",
    "WatchedFolder",
    "WebSettings",
    "atomic_write",
    "configure_logging",
    "content_of",
    "file_around",
    "fsync_dir",
    "fsync_file",
    "install_command",
    "is_any_file",
    "is_folder_file",
    "iso",
    "lazy_door",
    "link_or_copy",
    "load_settings",
    "members",
    "network_kind",
    "new_key",
    "new_keys",
    "now_ms",
    "old_head",
    "parse_iso",
    "safe_join",
    "safe_name",
    "save_setting",
    "sha256_file",
    "walk_files",
    "without",
]
