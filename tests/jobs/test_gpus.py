"""GPUs by a stand-in of NVML: whole ones, instances, and those that other programs use."""

from __future__ import annotations

from appliance.jobs.gpus import NvmlGpus, gpus_for


class FakeNvml:
    """Two GPUs: one in use by others, one split into two instances."""

    class NVMLError(Exception):
        pass

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return f"GPU-{index}"

    def nvmlDeviceGetUUID(self, handle: str) -> bytes:
        return handle.encode()

    def nvmlDeviceGetMigMode(self, handle: str) -> list[int]:
        if handle == "GPU-0":
            raise self.NVMLError("not supported")
        return [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: str) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: str, index: int) -> str:
        if index > 1:
            raise self.NVMLError("not found")
        return f"MIG-{index}"

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[int]:
        return [1] if handle == "GPU-0" else []


def test_gpus_by_uuid_with_instances_and_those_others_use() -> None:
    gpus = NvmlGpus(nvml=FakeNvml())
    assert gpus.uuids() == ["GPU-0", "MIG-0", "MIG-1"]
    assert gpus.busy_outside(frozenset()) == {"GPU-0"}
    assert gpus.busy_outside(frozenset({"GPU-0"})) == frozenset()
    assert NvmlGpus(["MIG-1"], nvml=FakeNvml()).uuids() == ["MIG-1"]
    assert gpus_for([]).uuids() == []
    assert gpus_for(["fake0"]).uuids() == ["fake0"]
