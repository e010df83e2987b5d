"""A made-up ParaVision study, written as Bruker documents its VISU parameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["MADE_STUDY_UID", "write_scan", "write_study"]

MADE_STUDY_UID = "2.16.756.5.5.100.999.1"
_TYPES = {"int16": "_16BIT_SGN_INT", "int32": "_32BIT_SGN_INT", "float32": "_32BIT_FLOAT"}


def write_scan(
    folder: Path,
    frames: np.ndarray,
    *,
    extent: Sequence[float],
    orientation: Any,
    position: Any,
    groups: Sequence[tuple[int, str]],
    slope: Sequence[float] = (1.0,),
    number: int = 5,
    big_endian: bool = False,
    **more: str,
) -> Path:
    """Write ``2dseq`` and ``visu_pars``; `frames` is (N, [K,] J, I)."""
    folder.mkdir(parents=True)
    order = ">" if big_endian else "<"
    (folder / "2dseq").write_bytes(frames.astype(frames.dtype.newbyteorder(order)).tobytes())
    size = frames.shape[:0:-1]
    orientation = np.asarray(orientation, float).reshape(-1, 9)
    position = np.asarray(position, float).reshape(-1, 3)
    descriptions = ", ".join(f"({n}, <{name}>, <>, 0, 2)" for n, name in groups)
    values = {
        "VisuUid": f"<{MADE_STUDY_UID}.{number}>",
        "VisuCoreFrameCount": str(len(frames)),
        "VisuCoreDim": str(len(size)),
        "VisuCoreSize": _array(size),
        "VisuCoreDimDesc": f"( {len(size)} )\n" + " ".join(["spatial"] * len(size)),
        "VisuCoreExtent": _array(extent),
        "VisuCoreFrameThickness": _array([2.5]),
        "VisuCoreUnits": f"( {len(size)}, 65 )\n" + " ".join(["<mm>"] * len(size)),
        "VisuCoreOrientation": _table(orientation),
        "VisuCorePosition": _table(position),
        "VisuCoreDataSlope": _array(slope)
        if len(set(slope)) > 1
        else f"( {len(frames)} )\n@{len(frames)}*({slope[0]})",
        "VisuCoreWordType": _TYPES[frames.dtype.name],
        "VisuCoreByteOrder": "bigEndian" if big_endian else "littleEndian",
        "VisuFGOrderDesc": f"( {len(groups)} )\n{descriptions}",
        "VisuSubjectId": "( 60 )\n<MOUSE-17>",
        "VisuSubjectName": "( 64 )\n<Mickey^Mouse>",
        "VisuSubjectSex": "MALE",
        "VisuSubjectType": "Quadruped",
        "VisuStudyId": "( 64 )\n<baseline>",
        "VisuStudyUid": f"( 65 )\n<{MADE_STUDY_UID}>",
        "VisuStudyDate": "<2024-05-02T10:11:12,345+0200>",
        "VisuExperimentNumber": str(number),
        "VisuProcessingNumber": "1",
        "VisuAcquisitionProtocol": "( 64 )\n<T2 TurboRARE>",
        "VisuInstanceModality": "( 65 )\n<MR>",
        "VisuAcqRepetitionTime": _array([2500.0]),
        "VisuAcqEchoTime": _array([33.0]),
        **more,
    }
    lines = ["##TITLE=Parameter List, ParaVision 6.0.1", "##JCAMPDX=4.24", "##OWNER=nmr"]
    lines += [f"##${name}={value}" for name, value in values.items()]
    path = folder / "visu_pars"
    path.write_text("\n".join([*lines, "$$ @vis= VisuUid", "##END=", ""]), "latin-1")
    return path


def write_study(folder: Path, *, n_slices: int = 4, n_repetitions: int = 2) -> Path:
    """Write a study of one axial scan with its files beside, as the scanner leaves it."""
    scan = folder / "5"
    n = n_slices * n_repetitions
    frames = np.arange(n * 6 * 5, dtype=np.int16).reshape(n, 6, 5)
    write_scan(
        scan / "pdata" / "1",
        frames,
        extent=(10.0, 18.0),
        orientation=np.eye(3),
        position=[(-4.0, -9.0, 1.5 * k) for k in range(n_slices)],
        groups=[(n_slices, "FG_SLICE"), (n_repetitions, "FG_CYCLE")],
    )
    (folder / "subject").write_text("##TITLE=Parameter List\n##$SUBJECT_id=( 60 )\n<MOUSE-17>\n")
    for name in ("acqp", "method"):
        (scan / name).write_text("##TITLE=Parameter List\n##END=\n")
    (scan / "pdata" / "1" / "reco").write_text("##TITLE=Parameter List\n##END=\n")
    (scan / "fid").write_bytes(bytes(64))
    return folder


def _array(values: Sequence[float]) -> str:
    return f"( {len(values)} )\n" + " ".join(f"{value:g}" for value in values)


def _table(rows: np.ndarray) -> str:
    text = "\n".join(" ".join(f"{value:.12g}" for value in row) for row in rows)
    return f"( {len(rows)}, {rows.shape[1]} )\n{text}"
