"""The verbs of the command: their options, and the functions that carry them out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from appliance.core import Invalid

__all__ = ["VERBS", "make_parser", "run_verb"]

Options = argparse.Namespace
_Arguments = Callable[[argparse.ArgumentParser], None]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Invalid(message, hint=f"See '{self.prog} --help'.")


def run_verb(words: Sequence[str]) -> int:
    """Carry out a verb.

    Raises
    ------
    Invalid
        If the verb or one of its options is unknown.
    """
    parser = make_parser(words[0])
    try:
        options = parser.parse_args(words[1:])
    except SystemExit as done:  # --help
        return int(done.code or 0)
    module, name = VERBS[words[0]][1].split(":")
    function: Callable[[Options], int] = getattr(import_module(f"appliance.cli.{module}"), name)
    return function(options)


def make_parser(verb: str) -> argparse.ArgumentParser:
    """Make the parser of one verb."""
    if verb not in VERBS:
        raise Invalid(f"no verb {verb!r}", hint=_resembling(verb))
    about, _, add_arguments = VERBS[verb]
    parser = _Parser(prog=f"nora {verb}", description=about, allow_abbrev=False)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="data folder")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file")
    add_arguments(parser)
    return parser


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help="port of the web pages (web.port)")
    parser.add_argument("--dicom-port", type=int, help="port of the DICOM listener (dicom.port)")
    parser.add_argument("--no-dicom", action="store_true", help="without the DICOM listener")
    parser.add_argument("--no-watch", action="store_true", help="without the watched folders")
    parser.add_argument("--open", action="store_true", help="open a browser that is logged in")


def _demo(parser: argparse.ArgumentParser) -> None:
    _serve(parser)
    parser.add_argument("what", nargs="?", choices=("images", "tomography"), default="images")
    parser.add_argument("--headless", action="store_true", help="check the main path and end")
    parser.add_argument(
        "--packages", type=Path, metavar="FOLDER", help="packages that hold real demo data"
    )


def _login(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--open", action="store_true", help="open it in a browser")


def _with_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def _nothing(parser: argparse.ArgumentParser) -> None:
    """Take no options of its own."""


def _install(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--system", action="store_true", help="for this machine (as root)")
    which.add_argument("--user", action="store_true", help="for the user who calls")
    parser.add_argument("--account", default="nora", help="account of a system service")
    parser.add_argument("--prefix", type=Path, default=Path("/"), help="in place of / (packagers)")
    parser.add_argument("--dry-run", action="store_true", help="print what would be placed")


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, help="folder, zip or file")
    parser.add_argument("--project", "-p", help="project that receives it")
    parser.add_argument("--no-wait", action="store_true", help="do not wait until it is done")
    parser.add_argument("--json", action="store_true", help="print the receipt as JSON")


def _rescan(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--prune", action="store_true", help="files that are gone from disk go to the trash"
    )
    which.add_argument(
        "--anew", action="store_true", help="set a damaged catalog aside and build it from the disk"
    )


def _backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--list", action="store_true", help="list the backups there are")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="make it in another folder")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")


def _restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("backup", help="name of a backup ('nora backup --list'), or its folder")


def _history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", "-p", help="only what was done there")
    parser.add_argument("--verb", default="", help="only such operations, such as trash or tag")
    parser.add_argument("--actor", default="", help="only what this user or job did")
    parser.add_argument("--since", metavar="TIME", help="from a time on, such as 2026-05-01T00:00Z")
    parser.add_argument("--trash", action="store_true", help="only what lies in the trash")
    parser.add_argument("-n", type=int, default=20, help="how many at most (20)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--csv", action="store_true", help="as CSV")


def _undo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("operation", type=int, nargs="+", help="number of an operation")


def _project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", default="", help="name of the project")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting"
    )
    which.add_argument(
        "--state", choices=("active", "archived", "trashed"), help="put it to use, or away"
    )
    which.add_argument("--module", action="store_true", help="print what it holds as a module file")
    parser.add_argument("--json", action="store_true", help="as JSON")


def _existing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="folder of existing data")
    parser.add_argument("--project", "-p", help="project; made when it is new")
    parser.add_argument("--layout", choices=("pattern", "bids"), default="pattern")
    parser.add_argument("--pattern", help="such as '{subject}/{study}/{file}'")
    parser.add_argument(
        "--mode",
        choices=("stay", "link", "copy"),
        default="stay",
        help="files stay where they are, or are linked or copied into the project",
    )
    parser.add_argument(
        "--subjects", choices=("keep", "codes"), help="keep names of subjects, or make codes"
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would come")
    parser.add_argument("--json", action="store_true", help="as JSON")


def _bids(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "studies", nargs="*", help="PID#SID or selectors of studies; all by default"
    )
    parser.add_argument("--project", "-p", help="project to be exported")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--to", type=Path, metavar="PATH", help="a new folder, or a .zip")
    which.add_argument("--plan", action="store_true", help="tell what it would hold")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")


def _dicom(parser: argparse.ArgumentParser) -> None:
    from appliance.cli.releasing import add_arguments

    add_arguments(parser)


def _release(parser: argparse.ArgumentParser) -> None:
    from appliance.cli.lastlook import add_arguments

    add_arguments(parser)


def _erase(parser: argparse.ArgumentParser) -> None:
    from appliance.cli.erasing import add_arguments

    add_arguments(parser)


def _tools(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--add", type=Path, metavar="FILE", help="bring a Boutiques descriptor")
    which.add_argument("--remove", metavar="ID", help="take a brought one off the menu")
    which.add_argument("--show", metavar="ID", help="print a descriptor as it was brought")
    which.add_argument("--json", action="store_true", help="as JSON")


def _jobs(parser: argparse.ArgumentParser) -> None:
    from appliance.cli.jobs import add_arguments

    add_arguments(parser)


def _batches(parser: argparse.ArgumentParser) -> None:
    from appliance.cli.saved import add_batch_arguments

    add_batch_arguments(parser)


def _rules(parser: argparse.ArgumentParser) -> None:
    from appliance.cli.saved import add_rule_arguments

    add_rule_arguments(parser)


def _checkout(parser: argparse.ArgumentParser) -> None:
    from appliance.cli.elsewhere import add_checkout_arguments

    add_checkout_arguments(parser)


def _checkin(parser: argparse.ArgumentParser) -> None:
    from appliance.cli.elsewhere import add_checkin_arguments

    add_checkin_arguments(parser)


def _pacs(parser: argparse.ArgumentParser) -> None:
    from appliance.cli.pacs import add_arguments

    add_arguments(parser)


def _routes(parser: argparse.ArgumentParser) -> None:
    from appliance.cli.routing import add_arguments

    add_arguments(parser)


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh"), help="which shell")
    parser.add_argument("--at", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--line", default="", help=argparse.SUPPRESS)


VERBS: dict[str, tuple[str, str, _Arguments]] = {
    "backup": ("Copy the databases and prove the copy.", "care:backup", _backup),
    "batches": ("List, print, keep or forget saved batches.", "saved:batches", _batches),
    "bids": ("Export studies as a BIDS dataset.", "projects:bids", _bids),
    "checkin": ("Save what another program edited as new versions.", "elsewhere:checkin", _checkin),
    "checkout": ("Take a file to be edited by another program.", "elsewhere:checkout", _checkout),
    "completion": ("Print completion of words for a shell.", "completion:completion", _completion),
    "demo": ("Run the appliance on demo data.", "demo:demo", _demo),
    "dicom": ("Export studies as pseudonymised DICOM.", "releasing:dicom", _dicom),
    "erase": ("Erase a subject for good.", "erasing:erase", _erase),
    "existing": ("Read a folder of existing data.", "projects:existing", _existing),
    "history": ("Show what was done by whom.", "keeping:history", _history),
    "import": ("Bring a folder or zip into a project.", "bring:import_verb", _import),
    "install": ("Place the systemd unit and the settings.", "care:install", _install),
    "jobs": ("List jobs, or hold, release, stop or reorder some.", "jobs:jobs", _jobs),
    "login": ("Print a new one-time login link.", "care:login", _login),
    "matlab": ("Print the folder of the functions for MATLAB.", "care:matlab", _nothing),
    "pacs": ("Search an archive, and pull from it.", "pacs:pacs", _pacs),
    "project": ("Show a project, or change its settings.", "projects:project", _project),
    "rescan": ("Bring the catalog in line with the disk.", "care:rescan", _rescan),
    "restore": ("Bring a backup back; stop the service first.", "care:restore", _restore),
    "routes": ("Rules that lead arrivals to projects.", "routing:routes", _routes),
    "rules": ("List, print, try, keep or forget rules.", "saved:rules", _rules),
    "serve": ("Run the service.", "serving:serve", _serve),
    "settings": ("Show every setting and its source.", "care:settings", _with_json),
    "status": ("Tell whether a service runs and is well.", "care:status", _with_json),
    "release": ("Look at what would leave, and let it go.", "lastlook:release", _release),
    "tools": ("List the predefined jobs, or bring one.", "tools:tools", _tools),
    "undo": ("Take operations back.", "keeping:undo", _undo),
}


def _resembling(verb: str) -> str:
    from difflib import get_close_matches

    found = get_close_matches(verb, VERBS, n=1)
    return f"Did you mean 'nora {found[0]}'?" if found else "See 'nora --help'."
