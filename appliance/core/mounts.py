"""What kind of file system a path lies on, as the kernel's table of mounts tells it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["file_system", "network_kind"]

_TABLE = Path("/proc/self/mounts")
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs"})


def file_system(path: Path, table: Path = _TABLE) -> str:
    """Name the file system of a path, such as ``"ext4"``; '' when the table cannot be read."""
    best, kind = -1, ""
    try:
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    target = path.absolute()
    for line in lines:
        fields = line.split(" ")
        mount = fields[1].replace("\\040", " ")
        if target.is_relative_to(mount) and len(mount) >= best:
            best, kind = len(mount), fields[2]
    return kind


def network_kind(path: Path, table: Path = _TABLE) -> str:
    """Name the network (or FUSE) file system of a path, or give '' for a local disk."""
    kind = file_system(path, table)
    return kind if kind in _NETWORK or kind.startswith("fuse.") else ""
