"""A catalog with one study, and images in it, for what is drawn and saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from appliance import catalog
from appliance.catalog import Catalog, FileRow
from appliance.core import DataFolder
from appliance.formats import file_facts
from appliance.viewing import DrawnRoi, Limits, RoiDocument, Wanted, pack_bits, save_rois

OBLIQUE = np.array(
    [[1.5, 0.31, -0.2, -40.25], [-0.3, 1.9, 0.4, 17.5], [0.21, -0.35, 2.45, 3.125], [0, 0, 0, 1]]
)


@dataclass
class Desk:
    """Where a test draws."""

    catalog: Catalog
    folder: DataFolder
    study_id: int
    limits: Limits

    @classmethod
    def make(cls, root: Path) -> Desk:
        folder = DataFolder(root / "data")
        folder.prepare()
        opened = Catalog.open(folder.catalog_path)

        def fill(tx: catalog.Tx) -> int:
            project = catalog.ensure_project(tx, "default")
            return catalog.ensure_study(tx, catalog.ensure_subject(tx, project.id, "S-1"), "v1")

        return cls(opened, folder, opened.write(fill), Limits())

    @property
    def study(self) -> Path:
        return catalog.study_dir(self.folder, "default", "S-1", "v1")

    def row(self, file_id: int) -> FileRow:
        with self.catalog.read() as con:
            return catalog.get_file(con, file_id)

    def register(self, path: str, origin: str | None = None) -> FileRow:
        facts = file_facts(self.study / path)
        return self.row(
            self.catalog.write(
                lambda tx: catalog.add_file(tx, self.study_id, path, origin=origin, **facts)
            )
        )

    def image(self, path: str, data: np.ndarray, affine: np.ndarray = OBLIQUE, **more) -> FileRow:
        """Put a NIfTI image into the study; `codes` are those of sform and qform."""
        codes = more.get("codes", (1, 1))
        image = nibabel.Nifti1Image(data, affine)
        image.set_sform(affine, codes[0])
        image.set_qform(more.get("qform", affine), codes[1])
        if "edit" in more:
            more["edit"](image.header)
            image = nibabel.Nifti1Image(data, None, image.header)
        target = self.study / path
        target.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(image, target)
        return self.register(path, more.get("origin"))

    def reference(self, row: FileRow):
        from appliance.formats import read_reference

        return read_reference(self.study / row.path)

    def save(self, path: str, mask: np.ndarray, row: FileRow, **more):
        """Save a mask as somebody; gives what was saved."""
        return self.save_all(path, {path: mask}, row, kind="mask", **more)[0]

    def save_all(self, path: str, masks: dict[str, np.ndarray], row: FileRow, **more):
        shape = next(iter(masks.values())).shape
        values = more.pop("values", [0] * len(masks))
        document = RoiDocument(
            reference=self.reference(row),
            rois=[
                DrawnRoi(name=name, data=pack_bits(mask), value=value, color=more.get("color", ""))
                for (name, mask), value in zip(masks.items(), values, strict=True)
            ],
            kind=more.pop("kind", "labels"),
            n_frames=shape[3] if len(shape) == 4 else 1,
            overlap=more.pop("overlap", "refuse"),
        )
        more.pop("color", None)
        actor = more.pop("actor", "anna")
        wanted = Wanted(
            study_id=self.study_id, path=path, actor=actor, origin=f"drawn:{actor}", **more
        )
        return save_rois(self.catalog, self.folder, self.limits, wanted, document)
