"""Questions that the postings and SQL must answer alike."""

from __future__ import annotations

from appliance.catalog import (
    FileQuery,
    StudyQuery,
    SubjectQuery,
    list_files,
    list_projects,
    list_studies,
    list_subjects,
    project_tags,
    select,
)

PIDS = ("S-1", "S-2", "Ärz", "sub-01", "sub-02")
SIDS = ("2024-01-01", "2023", "b", "ses-1")
PATHS = ("t1_a/s001.nii", "t1_b/s002.nii.gz", "META/x.json", "t1_a/mask.nii", "Über/straße.nii")
BIDS_PATHS = (
    "anat/{pid}_{sid}_T1w.nii.gz",
    "func/{pid}_{sid}_task-rest_bold.nii.gz",
    "func/{pid}_bold.json",
    "{sid}/{pid}x_T1w.nii",
    "anat/sub-01_ses-1_T1w.nii.gz",
    "anat/Ärz_b_T1w.nii.gz",
)
TAGS = ("control", "Pilot", "mask", "a_b")
KINDS = ("image", "mask", "json", "odd")
FILTERS = (
    "t1*",
    "*mask*",
    "t1_a/s0*.nii META/*",
    "t1 & META",
    "t1 & !META",
    "!t1",
    "*",
    "!*",
    "STAG:contr",
    "t1 & !STAG:control",
    "PTAG:pil FTAG:mask",
    "!FTAG:mask",
    "FTAG:=a_b",
    "SDESC:he META",
    "über/STRASSE",
    "PID:S & SID:2024",
    "absent",
    "*sub-01*",
    "sub-0_*T1w",
    "anat/sub-0_*T1w*",
    "anat/*",
    "!*sub-01_ses-1*",
    "*ses-1_task*",
    "*ses-1_task* & !func/sub-02*",
    '"anat/sub-01_ses-1_T1w.nii.gz"',
    "ANAT/ÄRZ_* func/s-1",
    "*S-_\\_*bold*",
    "*_\\_t1w*.nii",
)


FILE_SORTS = ("path", "-path", "-size", "kind")
LISTINGS = {
    "studies": (list_studies, StudyQuery, ("date", "pid", "sid", "created", "description", "age")),
    "subjects": (list_subjects, SubjectQuery, ("pid", "created")),
    "files": (list_files, FileQuery, ("path", "size", "mtime", "kind")),
}
BARS = {
    "studies": (
        {"name": "S-1 ärz"},
        {"tags": "pilot control"},
        {"description": "he"},
        {"date_from": "2023-05-01"},
        {"date_to": "2023-12-31", "files": "t1"},
        {"subject_id": 2},
    ),
    "subjects": (
        {"name": "S-1"},
        {"name": "!S-1", "files": "!t1"},
        {"name": "SID:b"},
        {"name": "ä & PTAG:pilot", "tags": "!control"},
        {"date_from": "2023-05-01"},
        {"date_to": "2023-12-31", "files": "t1"},
    ),
    "files": (
        *({"kind": kind, "files": "!absent"} for kind in KINDS),
        {"date_from": "2023-05-01"},
        {"date_from": "2023-01-01", "date_to": "2023-12-31", "files": "t1"},
    ),
}
SELECTORS = (
    "anat/*_T1w.nii",
    "*SUB-01_* & !ftag:mask",
    "S-* t1*/s0*.nii *ses-1_T1w* [NTH1]",
    "/data/one/sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz",
)


def ids_by_pages(ask, query, **more):
    """Every row of a listing, two at a time, with the total each page tells."""
    found, after = [], None
    while True:
        page = ask(query(after=after, limit=2, **more))
        found += [row.id for row in page.items]
        assert len(set(found)) == len(found), f"a page comes twice: {found[-20:]}"
        after = page.next
        if after is None:
            return found, page.total


def answers(con, project_id):
    """What a catalog says to many questions."""
    found = {"projects": list_projects(con), "tags": project_tags(con, project_id)}
    for name, (listing, query, sorts) in LISTINGS.items():

        def ask(asked, listing=listing):
            return listing(con, project_id, asked)

        for text in FILTERS:
            found[name, text] = ask(query(files=text))
        for sort in (*sorts, *(f"-{sort}" for sort in sorts)):
            found[name, sort] = ids_by_pages(ask, query, sort=sort)
        for bars in BARS[name]:
            found[name, str(bars)] = ask(query(**bars))
    for text in SELECTORS:
        found["select", text] = select(con, project_id, text)
    found["select in"] = select(con, project_id, "*sub-01*", studies=[1, 2, 3])
    return found


def check_alike(catalog, project_id):
    with catalog.read() as con:
        assert con.keeper.state() is not None
        fast = answers(con, project_id)
        con.keeper = None
        slow = answers(con, project_id)
    for question, answer in slow.items():
        assert fast[question] == answer, question
