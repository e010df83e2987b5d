"""Tissue classes of a brain by intensity and neighbourhood: the hidden Markov field of dipy."""

from __future__ import annotations

import numpy as np

from appliance.core import Invalid, ModelError
from appliance.geometry import Volume
from appliance.imaging.itk import INSTALL

__all__ = ["tissue_classes"]


def tissue_classes(
    volume: Volume, mask: Volume, *, n_classes: int = 3, smoothness: float = 0.1
) -> tuple[Volume, Volume]:
    """Split a brain into classes, the darkest first.

    Parameters
    ----------
    volume : Volume
        Image; with T1 weighting the three classes are fluid, grey and white matter.
    mask : Volume
        The brain, on the same grid.
    n_classes : int
        2 to 6.
    smoothness : float
        How much neighbours count; 0 to 0.5.

    Returns
    -------
    tuple of Volume
        Labels from 1 on, uint8, and the probability of each class, (I, J, K, classes).

    Raises
    ------
    Invalid
        If the mask has another grid or is empty, or the image is flat inside it.
    ModelError
        If dipy is not installed.
    """
    if not mask.grid.matches(volume.grid):
        raise Invalid("the mask lies on another grid", hint="Resample it to the image first.")
    inside = mask.frame() > 0
    image = np.nan_to_num(volume.frame().astype(np.float64))
    if not inside.any() or np.ptp(image[inside]) == 0:
        raise Invalid("there is nothing to tell apart inside the mask")
    if not 2 <= n_classes <= 6:
        raise Invalid(f"{n_classes} classes are not between 2 and 6")
    try:
        from dipy.segment.tissue import TissueClassifierHMRF
    except ImportError as error:
        raise ModelError("dipy is not installed", hint=INSTALL) from error
    brain = np.where(inside, image - image[inside].min() + 1.0, 0.0)
    classifier = TissueClassifierHMRF(verbose=False)
    _, labels, shares = classifier.classify(brain, n_classes, smoothness, max_iter=20)
    labels, shares = _ordered(np.asarray(labels), np.asarray(shares), brain, inside)
    kept = np.where(inside, labels, 0).astype(np.uint8)
    chances = np.where(inside[..., None], shares, 0).astype(np.float32)
    return (
        Volume(kept, volume.affine, volume.header),
        Volume(chances, volume.affine, volume.header),
    )


def _ordered(
    labels: np.ndarray, shares: np.ndarray, image: np.ndarray, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Number the classes by their mean value; a class without voxels comes last."""
    count = shares.shape[-1]
    means = [
        image[inside & (labels == k)].mean() if (inside & (labels == k)).any() else np.inf
        for k in range(1, count + 1)
    ]
    order = np.argsort(means)
    rank = np.zeros(count + 1, np.int64)
    rank[order + 1] = np.arange(1, count + 1)
    return rank[labels.astype(np.int64)], shares[..., order]
