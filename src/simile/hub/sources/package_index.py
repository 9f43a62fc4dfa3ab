"""Ask the machine's own installer where a package's wheel lies, or have it fetch it.

So mirrors, proxies and credentials are those that pip or uv is configured with; no index is named
here. Inside a uv environment pip need not be importable. Output formats: pip's installation report
(version 1) and PEP 751 lock files.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from simile.errors import DownloadError

LOOKUP_TIMEOUT_S = 30
# Where an index has no metadata files (PEP 658) or no checksums, asking is fetching.
FETCH_TIMEOUT_S = 1800
_PIP_OPTIONS = ("--disable-pip-version-check", "--no-input", "--quiet")
# Seconds for a connection and for each read; retries would turn an unreachable index into minutes.
_BRIEFLY = ("--timeout=5", "--retries=0")
# -P: the working folder may hold something named pip.
_PIP_HERE = (sys.executable, "-P", "-m", "pip")
_WHEEL_ONLY = ("--no-deps", "--only-binary=:all:")
_LAST_WORDS = 300
# pip's report (`install --dry-run --report`) takes the whole wheel to be written, before pip 26.
# This asks the same finder, and prints nothing where pip is built unlike 22.3 to 26.0.
_FINDER = """
import sys
try:
    from pip._internal.commands import create_command
    from pip._internal.exceptions import PipError
    from pip._internal.req.constructors import install_req_from_line
    command = create_command("download")
    options, [requirement] = command.parse_args(sys.argv[1:])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session)
        try:
            found = finder.find_requirement(install_req_from_line(requirement), upgrade=False)
        except PipError as exc:
            sys.exit(str(exc))
        print(found.link.url)
except (ImportError, AttributeError, TypeError, ValueError):
    pass
"""


def find_wheel(requirement: str) -> str:
    """Return the URL of the wheel that an installer here would take; DownloadError if none."""
    failures = []
    for ask in _lookups(requirement):
        try:
            return ask()
        except DownloadError as exc:
            failures.append(str(exc))
    raise DownloadError("; ".join(failures) or "neither pip nor uv was found on this machine")


def fetch_wheel(requirement: str, into: Path) -> Path:
    """Have pip download the wheel, with its own credentials. Raises DownloadError."""
    for label, pip in _pips():
        command = [*pip, "download", *_PIP_OPTIONS, *_WHEEL_ONLY, f"--dest={into}", requirement]
        _run(label, command)
        if found := list(into.glob("*.whl")):
            return found[0]
    raise DownloadError("no pip was found on this machine")


def _lookups(requirement: str) -> Iterator[Callable[[], str]]:
    if find_spec("pip"):
        yield partial(_ask_finder, requirement)
    if uv := shutil.which("uv"):
        yield partial(_ask_uv, uv, requirement)
    if not find_spec("pip"):
        yield from (partial(_ask_report, label, pip, requirement) for label, pip in _pips())


def _ask_finder(requirement: str) -> str:
    options = (*_PIP_OPTIONS, *_BRIEFLY, *_WHEEL_ONLY)
    command = [sys.executable, "-P", "-c", _FINDER, *options, requirement]
    url = _run("pip", command, timeout_s=LOOKUP_TIMEOUT_S).strip()
    return url or _ask_report("pip", _PIP_HERE, requirement)


def _ask_report(label: str, pip: Sequence[str], requirement: str) -> str:
    options = (*_PIP_OPTIONS, *_BRIEFLY, *_WHEEL_ONLY)
    command = [*pip, "install", *options, "--dry-run", "--ignore-installed", "--report=-"]
    report = _run(label, [*command, requirement])
    try:
        return str(json.loads(report)["install"][0]["download_info"]["url"])
    except (ValueError, LookupError, TypeError) as exc:
        raise DownloadError(f"{label}: its report names no URL: {report[:_LAST_WORDS]!r}") from exc


def _ask_uv(uv: str, requirement: str) -> str:
    options = ("--quiet", "--no-header", "--format=pylock.toml", f"--python={sys.executable}")
    command = [uv, "pip", "compile", "-", *_WHEEL_ONLY, *options]
    lock = _run("uv", command, stdin=requirement)
    try:
        wheel = tomllib.loads(lock)["packages"][0]["wheels"][0]
        return str(wheel["url"] if "url" in wheel else Path(wheel["path"]).absolute().as_uri())
    except (ValueError, LookupError, TypeError) as exc:
        raise DownloadError(f"uv: its lock file names no wheel: {lock[:_LAST_WORDS]!r}") from exc


def _pips() -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the pip of this environment, or else others of this machine."""
    if find_spec("pip"):
        yield "pip", _PIP_HERE
        return
    if pip := shutil.which("pip"):
        yield "pip on the PATH", (pip,)
    if bundled := _bundled_pip():
        yield "pip of ensurepip", (sys.executable, "-P", str(bundled / "pip"))


def _bundled_pip() -> Path | None:
    """Find the wheel that ensurepip would install; a wheel can be run as it is."""
    ensurepip = find_spec("ensurepip")
    folders = [sysconfig.get_config_var("WHEEL_PKG_DIR")]
    if ensurepip and ensurepip.origin:
        folders.append(Path(ensurepip.origin).parent / "_bundled")
    wheels = [wheel for folder in folders if folder for wheel in Path(folder).glob("pip-*.whl")]
    return wheels[0] if wheels else None


def _run(
    label: str, command: Sequence[str], *, timeout_s: float = FETCH_TIMEOUT_S, stdin: str = ""
) -> str:
    """Run an installer and give what it printed; DownloadError carries its last words."""
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            check=False,
            # Keep the environment: uv reads pip's settings from it and has no options for them.
            env={**os.environ, "UV_HTTP_TIMEOUT": "5", "UV_HTTP_RETRIES": "0"},
        )
    except subprocess.TimeoutExpired as exc:
        raise DownloadError(f"{label}: not done after {timeout_s:g} s") from exc
    except OSError as exc:
        raise DownloadError(f"{label}: cannot be run: {exc.strerror}") from exc
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise DownloadError(f"{label}: {last[0].strip()[-_LAST_WORDS:]}")
    return done.stdout
