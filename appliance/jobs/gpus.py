"""Which GPUs there are and which are free, by UUID, through NVML where it is installed."""

from __future__ import annotations

import logging
from typing import Any, Protocol

__all__ = ["FakeGpus", "GpuSource", "NvmlGpus", "gpus_for"]

_LOG = logging.getLogger(__name__)


class GpuSource(Protocol):
    """Plug point: something that knows GPUs."""

    def uuids(self) -> list[str]:
        """List the GPUs that jobs may use."""

    def busy_outside(self, ours: frozenset[str]) -> frozenset[str]:
        """Tell which GPUs other programs use; `ours` are allotted by us and not asked about."""


class FakeGpus:
    """GPUs by name only, for tests and for machines without NVML."""

    def __init__(self, names: list[str]) -> None:
        self._names = list(names)

    def uuids(self) -> list[str]:
        """List the names."""
        return list(self._names)

    def busy_outside(self, ours: frozenset[str]) -> frozenset[str]:  # noqa: ARG002
        """Nobody else uses them."""
        return frozenset()


class NvmlGpus:
    """The GPUs of this machine; none, without an error, where there is no driver.

    Parameters
    ----------
    only : list of str
        UUIDs to use; empty for all.
    nvml : module, optional
        ``pynvml`` or a stand-in.
    """

    def __init__(self, only: list[str] | None = None, nvml: Any = None) -> None:
        self._only = only or []
        self._nvml = nvml if nvml is not None else _load_nvml()
        self._handles = self._find()

    def uuids(self) -> list[str]:
        """List GPUs, or their MIG instances where the driver splits them."""
        return [u for u in self._handles if not self._only or u in self._only]

    def busy_outside(self, ours: frozenset[str]) -> frozenset[str]:
        """Tell which GPUs run processes that are not our jobs."""
        return frozenset(u for u in self.uuids() if u not in ours and self._in_use(u))

    def _find(self) -> dict[str, Any]:
        if self._nvml is None:
            return {}
        found: dict[str, Any] = {}
        for index in range(self._nvml.nvmlDeviceGetCount()):
            handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
            for one in self._instances(handle) or [handle]:
                found[_text(self._nvml.nvmlDeviceGetUUID(one))] = one
        return found

    def _instances(self, handle: Any) -> list[Any]:
        """MIG instances of a GPU; empty when it is not split or cannot be."""
        try:
            if not self._nvml.nvmlDeviceGetMigMode(handle)[0]:
                return []
            most = self._nvml.nvmlDeviceGetMaxMigDeviceCount(handle)
        except self._nvml.NVMLError:
            return []
        return [one for i in range(most) if (one := self._instance(handle, i)) is not None]

    def _instance(self, handle: Any, index: int) -> Any:
        try:
            return self._nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
        except self._nvml.NVMLError:
            return None

    def _in_use(self, uuid: str) -> bool:
        try:
            return bool(self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handles[uuid]))
        except self._nvml.NVMLError:
            return False


def gpus_for(setting: list[str]) -> GpuSource:
    """Choose by the setting ``jobs.gpus``: ``["auto"]``, UUIDs, or ``["fake0", ...]``."""
    if setting and all(name.startswith("fake") for name in setting):
        return FakeGpus(setting)
    return NvmlGpus([] if setting == ["auto"] else setting) if setting else FakeGpus([])


def _load_nvml() -> Any:
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception as error:  # noqa: BLE001 - no driver, no library: zero GPUs
        _LOG.info("no GPUs: %s", error)
        return None
    return pynvml


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
