"""Bring a checkpoint's files from Hugging Face, or from its cache on this machine.

huggingface_hub reads HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and HF_HOME, resumes, and shares its
cache with every other program; this file knows what to ask it for, and how not to wait when the hub
is out of reach.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from simile.checkpoints.files import CONFIGS, choose, listing
from simile.checkpoints.gguf.header import EarlyLook
from simile.errors import DownloadError
from simile.hub.files import FileRecord, check_sha256, take_file
from simile.hub.sources.download import transfer
from simile.hub.sources.source import Delivery, PullProgress, PullSource, Report

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

PROBE_TIMEOUT_S = 3.0
ASK_TIMEOUT_S = 10.0
_LONGEST_REASON = 300
_T = TypeVar("_T")

Choice = Callable[[Iterable[str]], list[str]]
"""Which of the files offered are taken."""


def hub_source(
    repo: str, revision: str, pins: Mapping[str, str], *, quantization: str | None = None
) -> PullSource:
    """Take the files that an encoder needs from ORG/REPO at a branch, tag or commit.

    With a quantization, the GGUF file that has it.
    """

    def chosen(offered: Iterable[str]) -> list[str]:
        return choose(offered, pins, quantization=quantization)

    def fetch(into: Path, report: Report) -> Delivery:
        report(PullProgress("asking Hugging Face"))
        if reason := _why_unreachable():
            return _from_cache(repo, revision, pins, chosen, into, reason)
        return _from_hub(repo, revision, pins, chosen, into, report)

    return PullSource(f"Hugging Face ({repo})", fetch)


def _from_hub(
    repo: str, revision: str, pins: Mapping[str, str], chosen: Choice, into: Path, report: Report
) -> Delivery:
    hub = _library()
    ask = partial(hub.HfApi().model_info, repo, revision=revision, files_metadata=True)
    info: ModelInfo = _asked(partial(ask, timeout=ASK_TIMEOUT_S))
    names = chosen(file.rfilename for file in info.siblings or ())
    expected = {file.rfilename: file.lfs.sha256 for file in info.siblings or () if file.lfs} | dict(
        pins
    )
    for file in info.siblings or ():
        if file.lfs:
            # Before anything is downloaded, Hugging Face lists the files.
            check_sha256(file.rfilename, file.lfs.sha256, pins.get(file.rfilename))
    if names[0].lower().endswith(".gguf"):
        _refuse_chat(repo, revision, names[0], into)
    files = []
    for name in names:
        bar = _bar(name, expected.get(name), report)
        get = partial(hub.hf_hub_download, repo, name, revision=revision, tqdm_class=bar)
        files.append(_bring(get, name, into, expected.get(name)))
    license = info.card_data.get("license") if info.card_data else None
    return Delivery(files, f"{repo} at {info.sha} on Hugging Face", license)


def _refuse_chat(repo: str, revision: str, name: str, into: Path) -> None:
    """Look at the head of a GGUF file before all of it is fetched; UnsupportedModelError if chat.

    What cannot be looked at now is judged when it is here.
    """
    hub, head = _library(), into / f"{Path(name).name}.head"
    if isinstance(hub.try_to_load_from_cache(repo, name, revision=revision), str):
        return
    look = EarlyLook(head, f"hf.co/{repo}")

    def told(_: str, completed: int, total: int | None) -> None:
        if look(completed):
            raise _SeenError

    url = hub.hf_hub_url(repo, name, revision=revision)
    with suppress(_SeenError, DownloadError):
        transfer(url, head, told, headers=hub.utils.build_hf_headers())
    head.unlink(missing_ok=True)


class _SeenError(Exception):
    """Enough of the file is known."""


def _bring(get: Callable[..., str], name: str, into: Path, expected: str | None) -> FileRecord:
    try:
        return take_file(Path(_asked(get)), name, into, expected)
    except DownloadError:
        # The cache may hold a damaged copy, which it would give again and again.
        return take_file(Path(_asked(partial(get, force_download=True))), name, into, expected)


def _from_cache(
    repo: str, revision: str, pins: Mapping[str, str], chosen: Choice, into: Path, reason: str
) -> Delivery:
    """Use files that another program, or an earlier pull, left in Hugging Face's cache."""
    cached = partial(_library().try_to_load_from_cache, repo, revision=revision)
    config = next((path for path in map(cached, CONFIGS) if isinstance(path, str)), None)
    if config is None:
        raise DownloadError(f"{reason}; its cache on this machine does not have {repo}")
    if cached("modules.json") is None:
        # Without it the pooling would be a guess, and the vectors perhaps silently wrong.
        raise DownloadError(
            f"{reason}; its cache on this machine has {repo} in part: modules.json is unknown"
        )
    folder = Path(config).parent
    names = chosen(listing(folder))
    files = [take_file(folder / name, name, into, pins.get(name)) for name in names]
    return Delivery(files, f"{repo} at {folder.name} in the Hugging Face cache")


def _why_unreachable() -> str | None:
    """Ask once and briefly: huggingface_hub's own retries take 23 s where there is no network."""
    import httpx2

    constants = _library().constants
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    try:
        httpx2.head(constants.ENDPOINT, timeout=PROBE_TIMEOUT_S)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as exc:
        return f"{constants.ENDPOINT} cannot be reached: {exc or type(exc).__name__}"
    return None


def _library() -> ModuleType:
    import huggingface_hub
    import huggingface_hub.constants

    # Else every first request of a day is preceded by one that reports which program is asking.
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    return huggingface_hub


def _asked(call: Callable[[], _T]) -> _T:
    """Turn the library's errors, and those of the HTTP library below it, into DownloadError."""
    from huggingface_hub.errors import HfHubHTTPError

    # httpx or httpx2, as the library's version has it; and OSError.
    library_errors = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)
    foreign: tuple[type[Exception], ...] = (*library_errors, ValueError, RuntimeError)
    try:
        return call()
    except foreign as exc:
        raise DownloadError(
            " ".join(str(exc).split())[:_LONGEST_REASON] or type(exc).__name__
        ) from exc


def _bar(name: str, sha256: str | None, report: Report) -> type[Any]:
    """Make the progress bar that huggingface_hub asks for; it shows nothing and reports to us."""
    from tqdm.std import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0

        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*args, **{**options, "file": StringIO(), "disable": False})

        def update(self, n: float | None = 1) -> bool | None:
            shown: bool | None = super().update(n)
            total = int(self.total) if self.total else None
            report(PullProgress("downloading", name, int(self.n), total, sha256))
            return shown

    return Bar
