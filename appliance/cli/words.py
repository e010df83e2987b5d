"""The help texts of the command."""

from __future__ import annotations

__all__ = ["ADMIN", "help_text"]

_VERBS = """\
NORA appliance: medical images from arrival to result, on one workstation

usage: nora VERB [options]          nora VERB --help tells more
       nora [--flag [words]] ...    NORA's own flags, see below

SERVICE
  serve      run the service: web pages, DICOM listener, watched folders, jobs
  demo       run it on demo data and show the main path (--headless: check and end)
  status     is a service running, and is it well?
  login      print a new one-time login link
  settings   every setting, its value and where it comes from
  install    place the systemd unit and the settings file

DATA
  import     bring a folder or zip into a project
  rescan     bring the catalog in line with the projects' folders
  backup     copy the databases and prove the copy
  restore    bring a backup back; stop the service first

All verbs take --data FOLDER; the default is the setting data.path, else ~/nora-data.
"""
_FLAGS = """
NORA'S FLAGS (in any order; --project is needed by most, or $NORA_PROJECT)
  --project, -p NAME              the project
  --select, -s [STUDIES] PATTERN  files that match; --json with details, --byfilename by name
  --addtag T1,T2  --rmtag T1,T2   with --select: tag the files found; with --add: the files added
  --add, -a FILE ...              put files below the project's folder into the catalog
  --del, -d FILE ...              put files into the trash
  --del_pat, -dp PID PID#SID ...  put subjects or studies into the trash
  --out, -o [PID#SID] FILE        absolute path for an output;  --pathout, -pa for a folder
  --sql, -q STATEMENT [--csv]     ask the catalog; JSON, or CSV
  --exportmeta [STUDIES] PATTERN  metadata as CSV; --keys 'file.key.key,*.volume' chooses columns
  --createproject, -c NAME [MODULE]
  --launch, -l JSON               start a batch; --launchfile FILE; --throwerror and
                                  --handle_job_result wait for its end
  --import PATH                   as `nora import`, with --patients_id PID, --studies_id SID,
                                  --pattern REGEX, --extrafiles_filter nii,hdr
  --admin [TOOL ...]              projectlist, tagstats, addtag_study, addtag_patient

STUDIES is PID, PID#SID or '*'. In a PATTERN '*' stands for any characters and '_' for one.

Exit code: 0 done, 1 a fault or nothing found, 2 something in the call to mend.
"""
ADMIN = """\
nora -p PROJECT --admin TOOL
  projectlist                  all projects, with counts
  tagstats                     how often each tag is used
  addtag_study TAG PID#SID     tag a study
  addtag_patient TAG PID       tag a subject
"""


def help_text(verb: str = "") -> str:
    """Give the help of the command, or of one verb."""
    if not verb:
        return _VERBS + _FLAGS
    from appliance.cli.verbs import make_parser

    return make_parser(verb).format_help()
