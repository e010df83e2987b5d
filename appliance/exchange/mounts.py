"""Which folders lie on a network file system, where no events come from other machines."""

from __future__ import annotations

from pathlib import Path

__all__ = ["network_kind"]

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs"})


def network_kind(path: Path, table: Path = Path("/proc/self/mounts")) -> str:
    """Name the network (or FUSE) file system of a path, or give '' for a local disk."""
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
    return kind if kind in _NETWORK or kind.startswith("fuse") else ""
