"""Folder trees of existing data for tests: small images, sidecars, a BIDS dataset."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

__all__ = ["bids_dataset", "write_image", "write_json"]


def write_image(path: Path, shape=(4, 5, 6), value: int = 0) -> Path:
    """Write a small NIfTI image."""
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.arange(np.prod(shape), dtype=np.int16).reshape(shape) + value
    image = nibabel.Nifti1Image(data, np.diag([1.0, 1.5, 2.0, 1.0]))
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, path)
    return path


def write_json(path: Path, doc) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(doc), encoding="utf-8")
    return path


def bids_dataset(root: Path, subjects=("01", "02"), sessions=("a", "b")) -> Path:
    """Write a dataset with metadata that is inherited from three levels."""
    write_json(
        root / "dataset_description.json",
        {"Name": "trial", "BIDSVersion": "1.9.0", "DatasetType": "raw"},
    )
    (root / "README.md").write_text("A trial.\n", encoding="utf-8")
    rows = ["participant_id\tage\tsex\tgroup\tscore"]
    rows += [f"sub-{s}\t3{n}\t{'FM'[n % 2]}\tcontrol\t{n + 0.5}" for n, s in enumerate(subjects)]
    (root / "participants.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    write_json(root / "task-rest_bold.json", {"TaskName": "rest", "RepetitionTime": 2.0})
    write_json(root / "T1w.json", {"MagneticFieldStrength": 3})
    for subject in subjects:
        write_json(
            root / f"sub-{subject}" / f"sub-{subject}_task-rest_bold.json", {"RepetitionTime": 1.5}
        )
        for session in sessions:
            base = root / f"sub-{subject}" / f"ses-{session}"
            name = f"sub-{subject}_ses-{session}"
            write_image(base / "anat" / f"{name}_T1w.nii.gz")
            write_json(base / "anat" / f"{name}_T1w.json", {"EchoTime": 0.004})
            write_image(base / "func" / f"{name}_task-rest_bold.nii.gz", (4, 5, 6, 3))
            write_image(base / "anat" / f"{name}_FLAIR.nii.gz")
    write_image(
        root / "derivatives" / "seg" / "sub-01" / "ses-a" / "anat" / "sub-01_ses-a_dseg.nii.gz"
    )
    return root
