"""The part of the client that reads files as arrays, tables and JSON, and stores new ones."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

from appliance.client.base import Base
from appliance.client.rows import FileRow, Selected
from appliance.client.tables import Table
from appliance.core import Invalid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from appliance.client.volumes import Volume

__all__ = ["ContentCalls"]

_File: TypeAlias = int | FileRow | Selected
_IMAGES = (".nii", ".nii.gz")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_KINDS = {"image": "get_volume", "mask": "get_volume", "labels": "get_volume", "json": "get_json"}


class ContentCalls(Base):
    """Contents of files."""

    def file(self, file_id: int) -> FileRow:
        """Give the row of one file."""
        return self._get(f"/files/{file_id}", FileRow)

    def get(self, file: _File) -> Any:
        """Read a file as what it is.

        Returns
        -------
        Volume, Table, JSON value, str or bytes
            By the file's kind and name.
        """
        row = file if isinstance(file, FileRow) else self.file(_id(file))
        if row.kind in _KINDS:
            return getattr(self, _KINDS[row.kind])(row)
        if _delimiter(row.path):
            return self.get_table(row)
        return self.get_text(row) if row.kind == "text" else self.get_bytes(row)

    def get_volume(self, file: _File) -> Volume:
        """Read an image, of whatever format, as ``(data, affine)``."""
        from appliance.client.volumes import decode_volume

        return decode_volume(self._read(f"/volumes/{_id(file)}/image.nii"))

    def get_array(self, file: _File) -> NDArray[np.generic]:
        """Read the numbers of an image."""
        return self.get_volume(file).data

    def get_table(self, file: _File) -> Table:
        """Read a table: CSV, or TSV by its name."""
        row = file if isinstance(file, FileRow | Selected) else self.file(file)
        text = self.get_text(row).removeprefix("\ufeff")
        return Table.from_csv(text, delimiter=_delimiter(row.path) or ",")

    def get_json(self, file: _File) -> Any:
        """Read a JSON file."""
        try:
            return json.loads(self.get_bytes(file))
        except ValueError as error:
            raise Invalid(f"file {_id(file)} is no JSON: {error}") from error

    def get_text(self, file: _File) -> str:
        """Read a text; what is no UTF-8 is replaced."""
        return self.get_bytes(file).decode("utf-8", "replace")

    def get_bytes(self, file: _File) -> bytes:
        """Read the bytes of a file."""
        return self._read(f"/files/{_id(file)}/content")

    def download(self, file: _File, target: Path) -> None:
        """Write a file's bytes to `target`."""
        with target.open("wb") as out:
            self._transport.fetch(f"/files/{_id(file)}/content", out)

    def put(
        self,
        project: str,
        study: str,
        path: str,
        value: Any,
        *,
        tags: Sequence[str] = (),
        overwrite: bool = False,
    ) -> FileRow:
        """Store something as a file of a study.

        Parameters
        ----------
        study : str
            ``PID#SID`` of a study that exists.
        path : str
            Path in the study's folder, such as ``"results/mask.nii"``.
        value : Volume, (array, affine), Table, list of mappings, mapping, str, bytes or Path
            What fits the name: an image for ``.nii`` and ``.nii.gz``, rows for ``.csv`` and
            ``.tsv``, any JSON value for ``.json``. Text, bytes and the file behind a `Path` go
            as they are.
        overwrite : bool
            Whether a file of that path is replaced; what was imported never is.

        Raises
        ------
        Conflict
            If there is such a file already.
        Invalid
            If `value` cannot be written under such a name.
        """
        params = {"study": study, "path": path, "tags": list(tags), "overwrite": overwrite}
        address = f"/projects/{quote(project, safe='')}/content"
        content = value if isinstance(value, Path) else _encoded(path, value)
        return self._transport.put_content(address, content, FileRow, params)

    def _read(self, address: str) -> bytes:
        out = io.BytesIO()
        self._transport.fetch(address, out)
        return out.getvalue()


def _id(file: _File) -> int:
    if isinstance(file, int):
        return file
    return file.file_id if isinstance(file, Selected) else file.id


def _delimiter(path: str) -> str:
    return _DELIMITERS.get(Path(path).suffix.lower(), "")


def _encoded(path: str, value: Any) -> bytes:
    """Write a value as the bytes of a file of that name."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    name = path.lower()
    if name.endswith(_IMAGES):
        return _image(path, value)
    if isinstance(value, str):
        return value.encode()
    if _delimiter(path):
        table = value if isinstance(value, Table) else Table.from_records(_records(path, value))
        return table.to_csv(delimiter=_delimiter(path)).encode()
    if name.endswith(".json"):
        return _json(path, value)
    raise Invalid(
        f"{type(value).__name__} cannot be written as {path!r}",
        hint="Use .nii for images, .csv for tables, .json for values; or give bytes.",
    )


def _image(path: str, value: Any) -> bytes:
    from appliance.client.volumes import Volume, encode_volume

    if not isinstance(value, tuple) or len(value) != 2:
        raise Invalid(
            f"{path!r} needs an array and an affine",
            hint="Give (array, affine); the affine of get_volume(file) is often the right one.",
        )
    return encode_volume(Volume(*value), compressed=path.lower().endswith(".gz"))


def _records(path: str, value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, Sequence) and all(isinstance(row, Mapping) for row in value):
        return list(value)
    raise Invalid(f"{path!r} needs a table, or a list of mappings")


def _json(path: str, value: Any) -> bytes:
    try:
        return json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise Invalid(f"{path!r}: {error}") from error
