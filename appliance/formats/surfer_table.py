"""Names and colours of FreeSurfer's labels, for volumes that come without a table (aseg, aparc)."""

from __future__ import annotations

from functools import cache

from appliance.formats.roi_files import Label

__all__ = ["freesurfer_labels"]

# Number of the left side, number of the right side or -, name, colour.
_PAIRS = """
2 41 Cerebral-White-Matter f5f5f5
3 42 Cerebral-Cortex cd3e4e
4 43 Lateral-Ventricle 781286
5 44 Inf-Lat-Vent c43afa
7 46 Cerebellum-White-Matter dcf8a4
8 47 Cerebellum-Cortex e69422
10 49 Thalamus 00760e
11 50 Caudate 7abadc
12 51 Putamen ec0db0
13 52 Pallidum 0c30ff
17 53 Hippocampus dcd814
18 54 Amygdala 67ffff
26 58 Accumbens-area ffa500
28 60 VentralDC a52a2a
30 62 vessel a020f0
31 63 choroid-plexus 00c8c8
"""
_SINGLE = """
14 3rd-Ventricle ccb68e
15 4th-Ventricle 2acca4
16 Brain-Stem 779fb0
24 CSF 3c3c3c
72 5th-Ventricle 789cf0
77 WM-hypointensities c846ff
80 non-WM-hypointensities a46ce2
85 Optic-Chiasm eaa91e
251 CC_Posterior 000040
252 CC_Mid_Posterior 000070
253 CC_Central 0000a0
254 CC_Mid_Anterior 0000d0
255 CC_Anterior 0000ff
"""
_CORTEX = """
1 bankssts 196428
2 caudalanteriorcingulate 7d64a0
3 caudalmiddlefrontal 641900
5 cuneus dc1464
6 entorhinal dc140a
7 fusiform b4dc8c
8 inferiorparietal dc3cdc
9 inferiortemporal b42878
10 isthmuscingulate 8c148c
11 lateraloccipital 141e8c
12 lateralorbitofrontal 234b32
13 lingual e18c8c
14 medialorbitofrontal c8234b
15 middletemporal a06432
16 parahippocampal 14dc3c
17 paracentral 3cdc3c
18 parsopercularis dcb48c
19 parsorbitalis 146432
20 parstriangularis dc3c14
21 pericalcarine 78643c
22 postcentral dc1414
23 posteriorcingulate dcb4dc
24 precentral 3c14dc
25 precuneus a08cb4
26 rostralanteriorcingulate 50148c
27 rostralmiddlefrontal 4b327d
28 superiorfrontal 14dca0
29 superiorparietal 14b48c
30 superiortemporal 8cdcdc
31 supramarginal 50a014
32 frontalpole 640064
33 temporalpole 464646
34 transversetemporal 9696c8
35 insula ffc020
"""


@cache
def freesurfer_labels() -> dict[int, Label]:
    """Give the labels of aseg and of the Desikan-Killiany parcellation (1000 left, 2000 right)."""
    found: dict[int, Label] = {}

    def put(value: int, name: str, color: str) -> None:
        found[value] = Label(value, name, f"#{color.lower()}")

    for line in _PAIRS.split("\n")[1:-1]:
        left, right, name, color = line.split()
        put(int(left), f"Left-{name}", color)
        put(int(right), f"Right-{name}", color)
    for line in _SINGLE.split("\n")[1:-1]:
        value, name, color = line.split()
        put(int(value), name, color)
    for line in _CORTEX.split("\n")[1:-1]:
        value, name, color = line.split()
        for side, base in (("lh", 1000), ("rh", 2000)):
            put(base + int(value), f"ctx-{side}-{name}", color)
    return found
