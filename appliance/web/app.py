"""Builds the Litestar application out of the live objects that it is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

from appliance import __version__
from appliance.catalog import Caller
from appliance.core import without
from appliance.exchange import OwnArchive
from appliance.viewing import ContactSheet
from appliance.web.access import CallerCache, Identify, LoginLimiter, authorize
from appliance.web.calls import post_call
from appliance.web.dicomweb import DICOMWEB
from appliance.web.downloads import Downloads
from appliance.web.gate import Gate
from appliance.web.hub import EventHub
from appliance.web.openapi import SchemaDocument
from appliance.web.problems import EXCEPTION_HANDLERS
from appliance.web.routes import ROUTES
from appliance.web.routes.about import HEALTHZ
from appliance.web.services import Rooms, Services
from appliance.web.ui import ui
from appliance.web.views import API

__all__ = ["create_app"]

_THREADS = 24  # waiting for disks and for the writer, hardly ever computing
_MAX_BODY_BYTES = 32 << 20


@without("pydantic")  # Litestar loads it, for models of a kind that we do not use
def create_app(services: Services) -> Litestar:
    """Build the application: the API, the web UI and the schema.

    Parameters
    ----------
    services : Services
        Live objects; the application neither makes nor closes them.

    Returns
    -------
    Litestar
        An ASGI application; `WebServer` runs it.
    """
    cache, hub = CallerCache(), EventHub(services.catalog)
    state = State(
        {
            "services": services,
            "caller_cache": cache,
            "limiter": LoginLimiter(),
            "hub": hub,
            "dicomweb": OwnArchive(services.importer),
            "downloads": Downloads(),
            "sheet": ContactSheet(services.folder),
        }
    )
    app = Litestar(
        [Router(API, route_handlers=ROUTES), DICOMWEB, HEALTHZ, post_call, ui],
        middleware=[Identify(services.catalog, cache)],
        guards=[authorize],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "who": Provide(_who, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=[_lifespan],
        logging_config=None,
        openapi_config=_openapi(),
        request_max_body_size=_MAX_BODY_BYTES,
        state=state,
        debug=False,
    )
    web = services.settings.web
    app.asgi_handler = Gate(app.asgi_handler, web.allowed_hosts, web.dicomweb_origins)
    return app


def _who(request: Request[Caller, str, State], services: Rooms) -> Caller:  # noqa: ARG001
    """Give the caller. Taking `services` makes the two a chain, which spares a task group."""
    return request.user


def _operation_id(
    handler: HTTPRouteHandler, _method: Method, path: list[str | PathParameterDefinition]
) -> str:
    """Name an operation after its handler; those of the schema itself share one."""
    return handler.handler_name.strip("_") + ("" if path[:1] == ["api"] else str(path))


def _openapi() -> OpenAPIConfig:
    """Describe the API as plain JSON; no viewer, because those load scripts of other hosts."""
    return OpenAPIConfig(
        title="NORA appliance",
        version=__version__,
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        openapi_router=Router("/schema", route_handlers=[], opt={"public": True}),
        render_plugins=[SchemaDocument(path=["/", "/openapi.json"])],
    )


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="web")
    asyncio.get_running_loop().set_default_executor(threads)
    hub: EventHub = app.state.hub
    hub.start()
    try:
        yield
    finally:
        hub.close()
