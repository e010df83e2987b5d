"""A real server on a free port and a Unix socket, over a real catalog with a few files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from appliance import catalog
from appliance.catalog import Catalog, MetaStore
from appliance.cli.arriving import ArrivalFeed
from appliance.core import DataFolder, Settings, load_settings
from appliance.exchange import Importer, Pacs, ReleaseChecks
from appliance.jobs import (
    AutoRuns,
    Notebooks,
    Queue,
    Scheduler,
    ToolBox,
    ToolFolder,
    basic_tools,
)
from appliance.privacy import IdentityStore
from appliance.tomography import SlicePool
from appliance.upkeep import CheckContext, Notifications, Upkeep, catalog_extensions
from appliance.web import Services, WebServer, bind_tcp, bind_unix, create_app
from tests.support.service import PLAIN

IMAGE = bytes(range(256)) * 16


@dataclass
class Site:
    """One running server and what a test needs to speak to it."""

    services: Services
    port: int
    socket: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def code(self) -> str:
        """A fresh one-time login code."""
        return self.services.catalog.write(catalog.issue_login_code)

    def anonymous(self) -> httpx.Client:
        """A caller over TCP that has not logged in."""
        return httpx.Client(base_url=self.url, timeout=20, verify=PLAIN)

    def browser(self) -> httpx.Client:
        """A logged-in browser: cookie, and the CSRF header on every request."""
        with self.anonymous() as http:
            answer = http.post("/api/v1/session", json={"code": self.code()}).raise_for_status()
            headers = {"X-CSRF-Token": answer.json()["csrf"]}
            cookies = {"nora_session": http.cookies["nora_session"]}
        return httpx.Client(
            base_url=self.url, headers=headers, cookies=cookies, timeout=20, verify=PLAIN
        )

    def local(self) -> httpx.Client:
        """A program of this user, over the Unix socket."""
        transport = httpx.HTTPTransport(uds=str(self.socket), verify=PLAIN)
        return httpx.Client(transport=transport, base_url="http://nora/api/v1", timeout=20)

    def bearer(self, scope: str = "", job_key: str | None = None) -> httpx.Client:
        """A caller with a token."""
        token = self.services.catalog.write(
            lambda tx: catalog.issue_token(tx, "test", scope=scope, job_key=job_key)
        )
        return httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
            verify=PLAIN,
        )


def add_file(services: Services, path: str, content: bytes, kind: str, sid: str = "2024") -> int:
    """Put a file on disk and into the catalog, below subject S-0001 of project default."""
    target = catalog.study_dir(services.folder, "default", "S-0001", sid) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    facts = target.stat()

    def write(tx: catalog.Tx) -> int:
        project = catalog.ensure_project(tx, "default")
        study = catalog.ensure_study(tx, catalog.ensure_subject(tx, project.id, "S-0001"), sid)
        return catalog.add_file(
            tx, study, path, size_bytes=facts.st_size, mtime_ns=facts.st_mtime_ns, kind=kind
        )

    return services.catalog.write(write)


def _nobody_known(opened: Catalog) -> ReleaseChecks:
    """The last look at what leaves, where no identity is known."""
    nobody = SimpleNamespace(people=lambda *_: [])
    return ReleaseChecks(cast("Any", SimpleNamespace(catalog=opened, identities=nobody)))


def make_services(root: Path) -> Services:
    """Services without the parts that do work: no arrivals, no jobs, no upkeep."""
    folder = DataFolder(root)
    folder.prepare()
    absent = cast("Any", None)
    opened = Catalog.open(folder.catalog_path, migrations=catalog_extensions())
    return Services(
        settings=Settings(),
        folder=folder,
        catalog=opened,
        identities=absent,
        queue=absent,
        scheduler=absent,
        notebooks=absent,
        autoruns=absent,
        importer=cast("Any", SimpleNamespace(releases=_nobody_known(opened))),
        pacs=absent,
        upkeep=absent,
        notifications=absent,
        tools=ToolBox(),
        meta=MetaStore(opened, folder.cache / "meta"),
        slices=SlicePool(),
    )


@contextmanager
def working_services(root: Path, overrides: Mapping[str, Any] | None = None) -> Iterator[Services]:
    """Services with everything that works, started."""
    folder = DataFolder(root)
    settings = load_settings(root, overrides=overrides) if overrides else Settings()
    folder.prepare()
    opened = Catalog.open(folder.catalog_path, migrations=catalog_extensions())
    identities = IdentityStore.open(folder.identity_path)
    queue, tools = Queue(folder.queue_path), ToolBox(basic_tools(), ToolFolder(root / "tools"))
    scheduler = Scheduler(opened, folder, settings, queue, tools)
    importer = Importer(opened, identities, queue, folder, settings)
    upkeep = Upkeep(CheckContext(settings=settings, folder=folder, catalog=opened))
    feed = ArrivalFeed(opened)
    notifications = Notifications(opened, queue, settings, titles={}, url="http://nora")
    autoruns = AutoRuns(opened, queue, scheduler.submit_batch, feed)
    feed.listen(autoruns.look)
    opened.write(lambda tx: catalog.ensure_project(tx, "default"))
    queue.start()
    importer.start()
    scheduler.start()
    try:
        yield Services(
            settings=settings,
            folder=folder,
            catalog=opened,
            identities=identities,
            queue=queue,
            scheduler=scheduler,
            notebooks=Notebooks(opened, folder, settings, scheduler.capacity),
            autoruns=autoruns,
            importer=importer,
            pacs=Pacs(importer, settings),
            upkeep=upkeep,
            notifications=notifications,
            tools=tools,
            meta=MetaStore(opened, folder.cache / "meta"),
            slices=SlicePool(),
        )
    finally:
        scheduler.stop()
        importer.stop()
        queue.stop()
        identities.close()
        opened.close()


@contextmanager
def served(services: Services) -> Iterator[Site]:
    """Serve on a free port and on the data folder's socket."""
    tcp, unix = bind_tcp("127.0.0.1", 0), bind_unix(services.folder.socket_path)
    port = int(tcp.getsockname()[1])
    if services.scheduler is not None:
        services.scheduler.url = f"http://127.0.0.1:{port}"
    with WebServer(create_app(services), [tcp, unix]):
        yield Site(services, port, services.folder.socket_path)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A server over a catalog; nothing else works."""
    root = Path(tempfile.mkdtemp(prefix="nora-web-"))
    services = make_services(root / "data")
    try:
        with served(services) as running:
            yield running
    finally:
        services.catalog.close()
        shutil.rmtree(root)


@pytest.fixture(scope="module")
def works() -> Iterator[Site]:
    """A server behind which everything works."""
    root = Path(tempfile.mkdtemp(prefix="nora-web-"))
    try:
        with working_services(root / "data") as services, served(services) as running:
            yield running
    finally:
        shutil.rmtree(root)


@pytest.fixture
def image(site: Site) -> int:
    """Id of an image file of 4096 known bytes."""
    return add_file(site.services, "t1_3/s001.nii", IMAGE, "image")
