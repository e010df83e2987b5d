"""Files as electron microscopes write them, made up: DigitalMicrograph images and serial sections.

`write_dm` is written after descriptions of the format and shares nothing with the reader; the
reader was also held against real DM3 and DM4 files of many pixel types, which are not kept here.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

__all__ = ["DM_TYPES", "sections", "write_dm"]

DM_TYPES = {
    "int16": (1, 2),
    "float32": (2, 6),
    "uint8": (6, 10),
    "int32": (7, 3),
    "int8": (9, 9),
    "uint16": (10, 4),
    "uint32": (11, 5),
    "float64": (12, 7),
}
"""By type of the pixels: what DM calls the image, and the elements of its array."""


class _Dm:
    def __init__(self, version: int, order: str) -> None:
        self.version, self.order = version, order

    def word(self, value: int) -> bytes:
        return struct.pack(">q" if self.version == 4 else ">i", value)

    def value(self, types: list[int], raw: bytes) -> bytes:
        return b"%%%%" + self.word(len(types)) + b"".join(map(self.word, types)) + raw

    def number(self, value: int) -> bytes:
        return self.value([5], struct.pack(self.order + "I", value))

    def real(self, value: float) -> bytes:
        return self.value([6], struct.pack(self.order + "f", value))

    def text(self, text: str) -> bytes:
        raw = text.encode("utf-16-le" if self.order == "<" else "utf-16-be")
        return self.value([20, 4, len(raw) // 2], raw)

    def group(self, *entries: tuple[str, int, bytes]) -> bytes:
        told = b"".join(self.entry(*one) for one in entries)
        return b"\1\0" + self.word(len(entries)) + told

    def entry(self, name: str, kind: int, body: bytes) -> bytes:
        label = name.encode("latin-1")
        length = self.word(len(body)) if self.version == 4 else b""
        return struct.pack(">BH", kind, len(label)) + label + length + body


def write_dm(
    path: Path,
    values: np.ndarray,  # type: ignore[type-arg]
    *,
    version: int = 3,
    order: str = "<",
    scale: float = 0.5,
    unit: str = "nm",
    data_type: int | None = None,
    thumbnail: bool = True,
) -> Path:
    """Write values (ny, nx), (n, ny, nx), or (ny, nx, 3) of uint8 with `data_type` 23 for colours.

    A small picture that stands for the image comes first, as the program writes it; there is a
    record among the tags, too.
    """
    dm = _Dm(version, order)
    if data_type == 23:
        kind, element = 23, 5
        bgra = np.zeros((*values.shape[:2], 4), np.uint32)
        bgra[..., :3] = values[..., ::-1]
        packed = bgra @ np.array([1, 1 << 8, 1 << 16, 1 << 24], np.uint32)
        raw, sizes, n = packed.astype(order + "u4").tobytes(), values.shape[:2], packed.size
    else:
        kind, element = DM_TYPES[str(values.dtype)]
        kind = data_type or kind
        raw = values.astype(values.dtype.newbyteorder(order)).tobytes()
        sizes, n = values.shape, values.size
    axes = [
        ("", 20, dm.group(("Scale", 21, dm.real(scale)), ("Units", 21, dm.text(unit))))
        for _ in sizes
    ]
    image = _image(dm, kind, dm.value([20, element, n], raw), sizes, axes)
    small = _image(dm, 23, dm.value([20, 5, 4], bytes(16)), (2, 2), [])
    record = dm.value([15, 0, 2, 0, 6, 0, 3], struct.pack(order + "fi", 1.5, 7))
    points = dm.value([20, 15, 0, 2, 0, 2, 0, 2, 3], struct.pack(order + "6h", *range(6)))
    index = dm.group(("", 20, dm.group(("ImageIndex", 21, dm.number(0)))))
    parts: list[tuple[str, int, bytes]] = [
        ("ApplicationBounds", 21, record),
        ("Corners", 21, points),
        ("ImageList", 20, dm.group(*[("", 20, small)] * thumbnail, ("", 20, image))),
        *[("Thumbnails", 20, index)] * thumbnail,
    ]
    body = dm.group(*parts)
    little = struct.pack(">i", int(order == "<"))
    path.write_bytes(struct.pack(">i", version) + dm.word(len(body)) + little + body + bytes(8))
    return path


def _image(
    dm: _Dm, kind: int, data: bytes, sizes: Any, axes: list[tuple[str, int, bytes]]
) -> bytes:
    dimensions = dm.group(*[("", 21, dm.number(int(size))) for size in reversed(sizes)])
    parts = dm.group(
        ("Calibrations", 20, dm.group(("Dimension", 20, dm.group(*axes)))),
        ("Data", 21, data),
        ("DataType", 21, dm.number(kind)),
        ("Dimensions", 20, dimensions),
    )
    return dm.group(("ImageData", 20, parts))


def sections(
    n: int,
    *,
    shape: tuple[int, int] = (192, 256),
    jitter: float = 3.0,
    drift: tuple[float, float] = (0.0, 0.0),
    seed: int = 1,
) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Make sections (n, ny, nx) of uint16 of a smooth specimen, and where each was displaced.

    Returns
    -------
    array, array (n, 2)
        Displacement (x, y) in pixels, rows from the upper one on: jitter, and a drift per section.
    """
    rng = np.random.default_rng(seed)
    margin = 40
    whole = ndimage.gaussian_filter(
        rng.normal(size=(n, shape[0] + 2 * margin, shape[1] + 2 * margin)).astype(np.float32),
        (5, 3, 3),
        mode="wrap",
    )
    whole /= whole.std()
    moved = rng.normal(0, jitter, (n, 2)) + np.arange(n)[:, None] * np.array(drift)
    moved -= moved.mean(axis=0)
    made = np.empty((n, *shape), np.uint16)
    for i, (x, y) in enumerate(moved):
        seen = ndimage.shift(whole[i], (y, x), order=3, mode="grid-wrap")
        cut = seen[margin : margin + shape[0], margin : margin + shape[1]]
        noisy = 8000 + 1500 * cut + rng.normal(0, 150, shape)
        made[i] = np.rint(noisy).clip(0, 65535)
    return made, moved
