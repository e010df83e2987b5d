"""How two files differ: the first byte, the voxels of an image, the keys of a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from appliance.core import is_folder_file, members, sha256_file

__all__ = ["compare_files"]

_BLOCK = 1 << 20
_MOST_KEYS = 50
_MOST_VOXEL_BYTES = 1 << 30


def compare_files(one: Path, other: Path) -> dict[str, Any]:
    """Tell how `other` differs from `one`.

    Returns
    -------
    dict
        ``is_equal``; else ``first_byte`` (from 0) and ``sizes``; of images ``max_abs_difference``
        of their voxels or ``shapes``; of JSON files ``keys`` that differ; of files that are
        folders only the ``parts`` that differ.
    """
    if is_folder_file(one) or is_folder_file(other):
        return _parts(one, other)
    at = _first_difference(one, other)
    if at is None:
        return {"is_equal": True}
    sizes = [path.stat().st_size for path in (one, other)]
    found: dict[str, Any] = {"is_equal": False, "first_byte": at, "sizes": sizes}
    return found | _of_kind(one, other)


def _of_kind(one: Path, other: Path) -> dict[str, Any]:
    from appliance.formats import kind_of

    kind = str(kind_of(one))
    try:
        if kind == "json":
            pair = [json.loads(path.read_bytes()) for path in (one, other)]
            return {"keys": sorted(_keys("", pair[0], pair[1]))[:_MOST_KEYS]}
        if kind in ("image", "mask", "labels"):
            return _voxels(one, other)
    except Exception as error:  # noqa: BLE001 - whatever a damaged file raises
        return {"problem": f"cannot be read: {type(error).__name__}"}
    return {}


def _parts(one: Path, other: Path) -> dict[str, Any]:
    left, right = ({name: sha256_file(at) for name, at in members(path)} for path in (one, other))
    differ = sorted(name for name in left | right if left.get(name) != right.get(name))
    return {"is_equal": not differ, **({"parts": differ[:_MOST_KEYS]} if differ else {})}


def _first_difference(one: Path, other: Path) -> int | None:
    at = 0
    with one.open("rb") as left, other.open("rb") as right:
        while True:
            a, b = left.read(_BLOCK), right.read(_BLOCK)
            if a != b:
                pairs = enumerate(zip(a, b, strict=False))
                return at + next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))
            if not a:
                return None
            at += len(a)


def _keys(name: str, one: Any, other: Any) -> set[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        found = set[str]()
        for key in one.keys() | other.keys():
            inner = f"{name}.{key}" if name else str(key)
            both = key in one and key in other
            found |= _keys(inner, one[key], other[key]) if both else {inner}
        return found
    return set() if one == other else {name or "(all)"}


def _voxels(one: Path, other: Path) -> dict[str, Any]:
    import numpy as np

    from appliance.formats import read_volume

    if sum(path.stat().st_size for path in (one, other)) > _MOST_VOXEL_BYTES:
        return {}
    left, right = (np.asarray(read_volume(path).data, np.float64) for path in (one, other))
    if left.shape != right.shape:
        return {"shapes": [list(left.shape), list(right.shape)]}
    gap = np.abs(left - right)
    differs = (left != right) & ~(np.isnan(left) & np.isnan(right))
    largest = float(np.nanmax(gap)) if differs.any() and not np.isnan(gap).all() else 0.0
    return {"max_abs_difference": largest, "n_voxels": int(differs.sum())}
