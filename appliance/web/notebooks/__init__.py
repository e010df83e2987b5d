"""The door to notebooks: a server on a port of its own that passes requests on to JupyterLab.

It is another origin than our pages, so that what a notebook shows cannot call our API. JupyterLab
listens on a Unix socket in the run folder of its job; nobody reaches it but through here.
"""

from __future__ import annotations

from appliance.web.notebooks.server import NotebookServer, notebook_port

__all__ = ["NotebookServer", "notebook_port"]
