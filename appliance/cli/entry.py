"""Entry of the command: chooses the grammar, and turns errors into words and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]

OK, FAULT, USER, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after ``nora``; those of the process by default.

    Returns
    -------
    int
        0 done, 1 a fault (or nothing was found), 2 something for the user to mend,
        130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:  # noqa: BLE001 - the outermost loop: told to the user
        return _report(error)


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        from appliance.cli.words import help_text

        print(help_text(words[1] if len(words) > 1 else ""), end="")
        return OK
    if words[0] in ("-V", "--version"):
        from appliance import __version__

        print(f"nora {__version__}")
        return OK
    words = _verb_first(words)
    if words[0].startswith("-"):
        from appliance.cli.lines import run_line

        return run_line(words)
    from appliance.cli.verbs import run_verb

    return run_verb(words)


def _verb_first(words: list[str]) -> list[str]:
    """Let ``nora --data FOLDER status`` mean ``nora status --data FOLDER``."""
    at = 0
    while at < len(words) and words[at].partition("=")[0] in ("--data", "--config"):
        at += 1 if "=" in words[at] else 2
    if at and at < len(words) and not words[at].startswith("-"):
        return [words[at], *words[:at], *words[at + 1 :]]
    return words


def _report(error: Exception) -> int:
    from appliance.core import ApplianceError

    if not isinstance(error, ApplianceError):
        if os.environ.get("NORA_TRACEBACK"):
            raise error
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        print("hint: NORA_TRACEBACK=1 shows where; please report it", file=sys.stderr)
        return FAULT
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    return _code(error)


def _code(error: Exception) -> int:
    """Tell a fault from what the user can mend: by HTTP status, but settings are the user's."""
    from appliance.core import SettingsError

    status = getattr(error, "status", 500)
    return USER if status < 500 or isinstance(error, SettingsError) else FAULT
