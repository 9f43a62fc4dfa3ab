"""Describe the machine and the package versions of a benchmark."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    *("openvino", "numpy", "tokenizers", "uvicorn", "uvloop", "httptools", "starlette", "orjson"),
    *("torch", "transformers", "sentence-transformers", "optimum-intel"),
    *("llama-cpp-python", "onnxruntime"),
)
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def cores() -> int:
    """Return the number of cores available to this process."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1


def describe(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return facts by name, with the versions of those packages that are installed."""
    from openvino import Core

    core = Core()
    found = [f"{name} {found}" for name in packages if (found := _version(name))]
    return {
        "CPU": f"{core.get_property('CPU', 'FULL_DEVICE_NAME')}, {cores()} cores",
        "flags": " ".join(flag for flag in _FLAGS if flag in _cpu_flags()) or "unknown",
        "OpenVINO says": " ".join(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
        "system": f"{platform.platform()}, Python {platform.python_version()}",
        "load before": " ".join(f"{load:.2f}" for load in _load()) or "unknown",
        "packages": ", ".join(found),
    }


def peak_memory_bytes(pid: int) -> int | None:
    """Return a process's peak resident memory; None if the platform does not report it."""
    if (size := _proc_status_bytes(pid, "VmHWM:")) is not None:
        return size
    try:
        import psutil  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ModuleNotFoundError:
        return None
    memory = psutil.Process(pid).memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))


def memory_bytes(pid: int) -> int | None:
    """Return a process's resident memory; None if the platform does not report it."""
    return _proc_status_bytes(pid, "VmRSS:")


def _proc_status_bytes(pid: int, name: str) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return set()
    lines = [line for line in text.splitlines() if line.startswith(("flags", "Features"))]
    return set(lines[0].split()) if lines else set()


def _load() -> tuple[float, ...]:
    return os.getloadavg() if hasattr(os, "getloadavg") else ()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
