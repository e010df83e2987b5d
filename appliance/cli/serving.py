"""The verb `serve`: runs the whole process until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import webbrowser
from typing import Any

from appliance.cli.serve import Appliance, Parts
from appliance.core import Settings, configure_logging, load_settings

__all__ = ["overrides_of", "run_service", "serve"]

_LOG = logging.getLogger(__name__)


def serve(options: argparse.Namespace) -> int:
    """Run the service until SIGTERM or Ctrl+C."""
    overrides = overrides_of(options)
    settings = load_settings(options.data, config=options.config, overrides=overrides)
    return run_service(settings, open_browser=options.open)


def overrides_of(options: argparse.Namespace) -> dict[str, Any]:
    """Turn options of the command line into settings."""
    found: dict[str, Any] = {}
    if options.port is not None:
        found["web.port"] = options.port
    if options.dicom_port is not None:
        found["dicom.port"] = options.dicom_port
    if options.no_dicom:
        found["dicom.enabled"] = False
    if options.no_watch:
        found["watch.enabled"] = False
    return found


def run_service(settings: Settings, *, open_browser: bool = False) -> int:
    """Serve a data folder until told to stop.

    Raises
    ------
    SettingsError
        If a port is taken; nothing has been started then.
    Conflict
        If another service holds the data folder.
    """
    from appliance.web import NotebookServer, WebServer, bind_tcp, bind_unix, create_app

    with Appliance(settings) as appliance:
        configure_logging(settings.log.level, file=appliance.folder.logs / "nora.log")
        tcp = bind_tcp(settings.web.bind, settings.web.port)
        unix = bind_unix(appliance.folder.socket_path)
        try:
            appliance.start(Parts.ALL)
            link = appliance.login_link()
            server = WebServer(
                create_app(appliance.services),
                [tcp, unix],
                alive=appliance.alive,
                on_ready=lambda: _announce(settings, link, open_browser=open_browser),
            )
            with NotebookServer(appliance.services):
                server.run()
        finally:
            tcp.close()
            unix.close()
            appliance.folder.socket_path.unlink(missing_ok=True)
    _LOG.info("stopped")
    return 0


def _announce(settings: Settings, link: str, *, open_browser: bool) -> None:
    """Say where the service listens, and give the one link that logs in."""
    dicom = settings.dicom
    print(f"data    {settings.data_path}")
    print(f"web     {link.partition('login#')[0]}")
    if dicom.enabled:
        print(f"dicom   {dicom.ae_title} on {dicom.bind}:{dicom.port}")
    else:
        print("dicom   off")
    print(f"login   {link}", flush=True)
    if open_browser:
        webbrowser.open(link)
