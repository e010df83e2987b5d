"""Tractogram: all streamlines of a file, one array of points and where it is cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from appliance.core import Invalid

__all__ = ["Tractogram"]


@dataclass(frozen=True, eq=False)
class Tractogram:
    """Streamlines in world RAS+ mm.

    Attributes
    ----------
    points : ndarray
        (P, 3) float32, the points of all streamlines one after the other.
    offsets : ndarray
        (S + 1,) int64; streamline s is ``points[offsets[s]:offsets[s + 1]]``.
    point_values : mapping of str to ndarray
        Numbers per point, (P,) or (P, C).
    streamline_values : mapping of str to ndarray
        Numbers per streamline, (S,) or (S, C).
    header : mapping
        What the file told besides.
    """

    points: NDArray[np.float32]
    offsets: NDArray[np.int64]
    point_values: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    streamline_values: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        points = np.ascontiguousarray(self.points, np.float32).reshape(-1, 3)
        offsets = np.ascontiguousarray(self.offsets, np.int64)
        if offsets.ndim != 1 or not len(offsets) or offsets[0] != 0:
            raise Invalid("offsets of streamlines start with 0")
        if offsets[-1] != len(points) or (np.diff(offsets) < 0).any():
            raise Invalid("offsets of streamlines do not fit the points")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "offsets", offsets)

    @classmethod
    def from_streamlines(cls, streamlines: Iterable[ArrayLike]) -> Tractogram:
        """Join single streamlines, each (n, 3)."""
        parts = [np.asarray(line, np.float32).reshape(-1, 3) for line in streamlines]
        offsets = np.cumsum([0, *(len(part) for part in parts)])
        points = np.concatenate(parts) if parts else np.empty((0, 3), np.float32)
        return cls(points, offsets)

    @property
    def n_streamlines(self) -> int:
        """Number of streamlines."""
        return len(self.offsets) - 1

    def __len__(self) -> int:
        return self.n_streamlines

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self.streamline(index) for index in range(self.n_streamlines))

    def streamline(self, index: int) -> NDArray[np.float32]:
        """View the points (n, 3) of one streamline."""
        return self.points[self.offsets[index] : self.offsets[index + 1]]

    def lengths_mm(self) -> NDArray[np.float64]:
        """Length of every streamline, (S,)."""
        steps = np.zeros(len(self.points) + 1)
        inner = np.linalg.norm(np.diff(self.points.astype(np.float64), axis=0), axis=1)
        steps[1 : len(inner) + 1] = inner
        starts = self.offsets[:-1]
        steps[starts[starts < len(self.points)]] = 0
        total = np.concatenate(([0.0], np.cumsum(steps[: len(self.points)])))
        lengths: NDArray[np.float64] = np.diff(total[self.offsets])
        return lengths

    def subset(self, indices: ArrayLike) -> Tractogram:
        """Make a bundle of the streamlines with these indices, in this order."""
        chosen = np.asarray(indices, np.int64)
        counts = np.diff(self.offsets)[chosen]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        rows = np.repeat(self.offsets[chosen] - offsets[:-1], counts) + np.arange(offsets[-1])
        return Tractogram(
            self.points[rows],
            offsets,
            {name: value[rows] for name, value in self.point_values.items()},
            {name: value[chosen] for name, value in self.streamline_values.items()},
            self.header,
        )
