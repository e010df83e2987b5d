"""The part of the client that saves, loads and compares ROIs, and knows the versions of a file."""

from __future__ import annotations

import base64
import gzip
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from appliance.client.base import Base
from appliance.client.rows import FileRow
from appliance.core import Invalid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["RoiCalls"]

_Json = dict[str, Any]


class RoiCalls(Base):
    """ROIs, which are masks and label maps on the grid of an image."""

    def save_roi(
        self,
        study_id: int,
        path: str,
        mask: NDArray[Any] | Mapping[str, NDArray[Any]],
        *,
        reference: int | FileRow,
        version: str | None = None,
        if_changed: str = "refuse",
        tags: Sequence[str] = (),
        note: str = "",
    ) -> _Json:
        """Save a mask, or several by name as one label map, on exactly the grid of an image.

        Parameters
        ----------
        mask : ndarray or mapping of str to ndarray
            (I, J, K) or (I, J, K, T); above 0 is on.
        version : str, optional
            Of the file that was loaded; without it there must be no such file.
        if_changed : {"refuse", "replace", "new_name"}
            What to do when it is no longer that version.

        Returns
        -------
        dict
            ``file``, ``version_n``, ``operation_id``, ``segments`` and more.

        Raises
        ------
        Conflict
            If somebody changed the file meanwhile; its facts say who and when.
        """
        named = mask if isinstance(mask, Mapping) else {path.rpartition("/")[2]: mask}
        shapes = {one.shape for one in named.values()}
        if len(shapes) != 1:
            raise Invalid("the ROIs of one file have one shape", hint="Save them one by one.")
        (shape,) = shapes
        body = {
            "path": path,
            "reference_id": reference if isinstance(reference, int) else reference.id,
            "kind": "labels" if isinstance(mask, Mapping) else "mask",
            "n_frames": shape[3] if len(shape) == 4 else 1,
            "rois": [{"name": name, "data": _packed(one)} for name, one in named.items()],
            "version": version,
            "if_changed": if_changed,
            "tags": list(tags),
            "note": note,
        }
        return self._post(f"/studies/{study_id}/rois", _Json, body)

    def rois(self, file_id: int, *, kept: int | None = None) -> _Json:
        """Tell the grid and the segments of a mask or label map, or of an earlier version."""
        return self._get(f"/files/{file_id}/rois", _Json, {"kept": kept})

    def roi(self, file_id: int, value: int = 0, *, kept: int | None = None) -> NDArray[np.bool_]:
        """Read one segment, or all that is above 0, as truth values."""
        import numpy as np

        about = self.rois(file_id, kept=kept)
        out, tail = io.BytesIO(), "" if kept is None else f"?kept={kept}"
        self._transport.fetch(f"/files/{file_id}/rois/{value}/bits{tail}", out)
        i, j, k = about["shape"]
        frames = np.frombuffer(out.getvalue(), np.uint8).reshape(about["n_frames"], -1)
        bits = np.unpackbits(frames, axis=1, count=i * j * k, bitorder="little")
        mask: NDArray[np.bool_] = bits.astype(bool).T.reshape(i, j, k, -1, order="F")
        return mask[..., 0] if about["n_frames"] == 1 else mask

    def voxel_source(self, file_id: int, ijk: Sequence[int], t: int = 0) -> _Json:
        """Tell which DICOM object, frame, row and column a voxel came from, and what is there."""
        where = dict(zip("ijk", map(int, ijk), strict=True))
        return self._get(f"/files/{file_id}/source", _Json, {**where, "t": t})

    def export_segmentation(self, file_id: int, reference: int, **more: Any) -> _Json:
        """Save a ROI as a DICOM segmentation that refers to the objects of an image.

        With ``form="rtstruct"`` it becomes an RT structure set.
        """
        return self._post(f"/files/{file_id}/dicom", _Json, {"reference_id": reference, **more})

    def import_segmentation(self, file_id: int, **more: Any) -> _Json:
        """Make a label map of a DICOM segmentation or structure set.

        `reference_id` names the image; by default it is the one the document refers to.
        """
        return self._post(f"/files/{file_id}/segments", _Json, more)

    def check_out(self, file_id: int, program: str = "other", **more: Any) -> _Json:
        """Copy an image or mask into a work folder, where another program edits it."""
        return self._post(f"/files/{file_id}/checkout", _Json, {"program": program, **more})

    def checkouts(self, project: str) -> list[_Json]:
        """List what is edited elsewhere."""
        found: list[_Json] = self._get("/checkouts", _Json, {"project": project})["items"]
        return found

    def check_in(self, project: str, key: str, **more: Any) -> _Json:
        """Save an edited copy as a new version now; ``changed`` is false when there is none.

        Raises
        ------
        Conflict
            If somebody changed the file meanwhile, or the copy has another grid.
        """
        path, params = f"/checkouts/{key}/checkin", {"project": project}
        return self._transport.ask("POST", path, _Json, params=params, body=more)

    def release(self, project: str, key: str, *, discard: bool = False) -> None:
        """Remove the work folder of a file; with `discard` also when it holds changes."""
        params = {"project": project, "discard": discard or None}
        self._transport.ask("DELETE", f"/checkouts/{key}", type(None), params=params)

    def versions(self, file_id: int) -> list[_Json]:
        """List the versions of a file, the present one first."""
        found: list[_Json] = self._get(f"/files/{file_id}/versions", _Json)["items"]
        return found

    def restore_version(self, file_id: int, n: int, *, version: str) -> _Json:
        """Bring an earlier version back; `version` is the present one that was looked at."""
        return self._post(f"/files/{file_id}/versions/{n}/restore", _Json, {"version": version})

    def compare_rois(self, a: int | Mapping[str, Any], b: int | Mapping[str, Any]) -> _Json:
        """Compare two ROIs: by the id of a file, or ``{"file_id", "value", "kept"}``."""
        return self._post("/rois/compare", _Json, {"a": _chosen(a), "b": _chosen(b)})

    def roi_statistics(
        self, images: Sequence[int], rois: Sequence[int | Mapping[str, Any]], **rules: Any
    ) -> list[_Json]:
        """Measure all ROIs in all images: one row per image, ROI and time point.

        Parameters
        ----------
        images : sequence of int
            Ids of files.
        rois : sequence of int or mapping
            Ids of files, or ``{"file_id", "value", "kept"}``.
        **rules
            ``exclude_zeros``, ``nora``, ``percentiles``, ``histogram_bins``, ``frames`` and more.
        """
        body = {"images": list(images), "rois": [_chosen(one) for one in rois], **rules}
        rows: list[_Json] = self._post("/rois/statistics", _Json, body)["rows"]
        return rows

    def save_roi_statistics(
        self,
        study_id: int,
        images: Sequence[int],
        rois: Sequence[int | Mapping[str, Any]],
        **rules: Any,
    ) -> _Json:
        """Measure, and save as ``META/roi_statistics.json`` (`path`), which queries find."""
        body = {"images": list(images), "rois": [_chosen(one) for one in rois], **rules}
        return self._post(f"/studies/{study_id}/rois/statistics", _Json, body)


def _chosen(roi: int | Mapping[str, Any]) -> _Json:
    return {"file_id": roi} if isinstance(roi, int) else dict(roi)


def _packed(mask: NDArray[Any]) -> str:
    import numpy as np

    frames = mask[..., np.newaxis] if mask.ndim == 3 else mask
    bits = [
        np.packbits(frames[..., t].ravel(order="F") > 0, bitorder="little").tobytes()
        for t in range(frames.shape[3])
    ]
    return base64.b64encode(gzip.compress(b"".join(bits), 1)).decode()
