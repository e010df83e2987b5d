"""The help texts of the command."""

from __future__ import annotations

__all__ = ["TOPICS", "admin_text", "help_text"]

_VERBS = """\
NORA appliance: medical images from arrival to result, on one workstation

usage: nora VERB [options]          nora VERB --help tells more
       nora [--flag [words]] ...    NORA's own flags, see below
       nora help patterns           how files and studies are named

SERVICE
  serve      run the service: web pages, DICOM listener, watched folders, jobs
  demo       run it on demo data and show the main path (--headless: check and end)
  status     is a service running, and is it well?
  login      print a new one-time login link
  settings   every setting, its value and where it comes from
  install    place the systemd unit and the settings file
  completion print completion of words for bash or zsh

DATA
  import     bring a folder or zip into a project
  erase      erase a subject for good: tells what would go, then asks for its code
  existing   read a folder of existing data, or a BIDS dataset, into a project
  bids       export studies as a BIDS dataset
  dicom      export studies as pseudonymised DICOM, with a report of what was changed
  release    look at what would leave for what tells whom it shows; confirm, report, verify
  project    show a project, or change its settings or state
  checkout   take an image or mask to be edited by 3D Slicer, ITK-SNAP or FSLeyes
  checkin    save what was edited there as new versions
  history    what was done by whom, and what can be undone
  undo       take operations back
  jobs       list jobs; hold, release, stop, retry or reorder some
  batches    saved batches: list, print, keep from a file, forget
  pacs       archives: search them, and pull from them
  routes     rules that lead arrivals to projects: list, try, keep; what they send on
  rules      rules of autoexecution: the same, try them, switch them on and off
  tools      the predefined jobs and what they lack; bring new ones
  matlab     the folder of NORA's functions for MATLAB and Octave
  rescan     bring the catalog in line with the projects' folders
  backup     copy the databases and prove the copy
  restore    bring a backup back; stop the service first

All verbs take --data FOLDER; the default is the setting data.path, else ~/nora-data.
"""
_FLAGS = """
NORA'S FLAGS (in any order; most need a project: -p, $NORA_PROJECT or a file .dpx)
  --project, -p NAME              the project
  --select, -s [STUDIES] PATTERN  files that match; --json with details, --csv as a table,
                                  --byfilename grouped by name
  --addtag T1,T2  --rmtag T1,T2   with --select: tag the files found; with --add: the files added
  --add, -a FILE ...              put files below the project's folder into the catalog
  --del, -d FILE ...              put files into the trash
  --del_pat, -dp PID PID#SID ...  put subjects or studies into the trash
  --out, -o [STUDIES] FILE        absolute path for an output;  --pathout, -pa for a folder
  --sql, -q STATEMENT [--csv]     ask the catalog; JSON, or CSV
  --exportmeta [STUDIES] PATTERN  metadata as CSV (or --json); --keys 'file.key.key,*.volume'
                                  chooses columns; --shape wide|tree|sparse|long; --german:
                                  semicolons and decimal commas; --byfilename: a row per file
  --createproject, -c NAME [MODULE]
  --launch, -l JSON               start a batch; --launchfile FILE; --throwerror and
                                  --handle_job_result wait for its end. JSON: jobs or saved,
                                  targets or studies; "dry_run": true only tells
  --launch_autoexec PSID          run the project's autoexecution rules on a study now;
                                  --autoexec_queue QUEUE (DEFAULT: that of each rule)
  --import PATH                   as `nora import`, with --patients_id PID, --studies_id SID,
                                  --pattern REGEX, --extrafiles_filter nii,hdr,
                                  --autoexec_queue QUEUE (rules run on it; DEFAULT: on their
                                  own), --handle_job_result waits for their jobs, too
  --admin TOOL ...                an admin tool; `nora --admin` lists them. Each is a flag, too:
                                  --projectlist, --tagstats, --addtag_study TAG PID#SID, ...

With --json (-j) an action prints JSON. STUDIES and PATTERN: see `nora help patterns`.

Exit code: 0 done, 1 a fault or nothing found, 2 something in the call to mend.
"""
_ADMIN = """\
nora -p PROJECT --admin TOOL [words]    or    nora -p PROJECT --TOOL [words]
{tools}
With --json or --csv lists come as such. LIST has a path a line, or is CSV with the columns path,
patients_id and studies_id. IDCOL is the column with PID or PID#SID. RIGHTS are some of read, write,
batchtool, download, deanonym, admin with commas, or none.
"""
_PATTERNS = """\
HOW FILES AND STUDIES ARE NAMED

  nora -p PROJECT --select [STUDIES] PATTERN ...

One word is a pattern over all studies; of several words the first names the studies.

PATTERN   is compared with folder/name below the study's folder; upper and lower case are one
  t1*               * stands for any characters, / too;  _ for exactly one
  META/*.json       with a folder;  without one, in any folder
  't1* t2*'         blank = or
  't1* & FTAG:good' & = and, binds tighter;  ! before a term = not;  "..." keeps blanks
  FTAG:x  STAG:x  PTAG:x  SDESC:x  JOB:q|r|e    tag of file, study, subject; description; job
  /data/.../f.nii   an absolute path means that file
  SORT  SORTDESC  NTH(1)  NTH(-1)    order in each study; its first, its last file only

STUDIES
  *                 all
  S-0001  S-00*     subjects with all their studies
  S-0001#2024-05    one study
  S-0001#LATEST  S-0001#OLDEST  S-0001#LATEST[1]     the newest, the oldest, the last but one
  stag:x  ptag:x  notstag:x  notptag:x               by tag of study or subject
  '(stag:x & !ptag:y)'  PIDLIST:a,b  PSIDLIST:a#1,b#2  "SQL:STAG LIKE '%x%'"
  file:LIST         one PID or PID#SID a line, from a file on this machine

Put them between quotes, so that the shell leaves * # & ! alone.
"""
TOPICS = {"patterns": _PATTERNS}


def help_text(word: str = "") -> str:
    """Give the help of the command, of a verb, or on a topic."""
    if not word:
        return _VERBS + _FLAGS
    if word in TOPICS:
        return TOPICS[word]
    if word == "admin":
        return admin_text()
    from appliance.cli.verbs import make_parser

    return make_parser(word).format_help()


def admin_text() -> str:
    """Give the list of the admin tools."""
    from appliance.cli.admintools import TOOLS

    uses = [(f"{name} {tool.usage}", tool.about) for name, tool in TOOLS.items()]
    width = max(len(use) for use, _ in uses)
    return _ADMIN.format(tools="".join(f"  {use:{width}}  {about}\n" for use, about in uses))
