"""Fetch a URL: into a file, going on where an earlier try stopped, or into memory if it is small.

Knows HTTP ranges (RFC 9110, section 14) and file URLs; does not know what the file is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from simile.address import is_loopback
from simile.errors import DownloadError
from simile.hub.files import Progress, check_sha256, sha256_of

if TYPE_CHECKING:
    import httpx2

    from simile.hub.sources.connections import Supervision

CONNECT_TIMEOUT_S = 5.0
SMALL_S = 30.0
"""Time for a whole manifest, however it comes."""
MIN_BYTES_PER_S = 1024.0
_MAX_REDIRECTS = 5
_WHOLE, _ABSENT = 200, 404
_SERVED = (_WHOLE, 206)
_NOTHING_LEFT = 416


def local_path(url: str) -> Path | None:
    """Return the path that a file URL means; None for any other URL."""
    from urllib.request import url2pathname

    parts = urlsplit(url)
    if parts.scheme != "file":
        return None
    host = f"//{parts.netloc}" if parts.netloc not in ("", "localhost") else ""
    return Path(url2pathname(host + parts.path))


def fetch_checked(fetch: Callable[[], None], target: Path, name: str, sha256: str) -> None:
    """Fetch until the checksum is right; at most twice, as a partial file may be wrong.

    DownloadError if it is not; nothing is kept then.
    """
    for from_scratch in (not target.exists(), True):
        fetch()
        actual = sha256_of(target)
        if actual == sha256:
            return
        target.unlink()
        if from_scratch:
            check_sha256(name, actual, sha256)


def read_small(
    url: str, *, accept: str, max_bytes: int, wanted: Callable[[], None] = lambda: None
) -> bytes | None:
    """Fetch what is small; None if there is nothing (404).

    DownloadError if the server cannot be reached, refuses, sends more, takes more than SMALL_S, or
    leads to a place that downloads do not follow. What `wanted` raises ends the wait.
    """
    import httpx2

    from simile.hub.sources.connections import Supervision

    headers = {"Accept": accept, "Accept-Encoding": "identity"}
    watch = Supervision(wanted=wanted, total_s=SMALL_S)
    try:
        with _client(url, watch) as client, _following(client, url, headers) as response:
            if response.status_code == _ABSENT:
                return None
            if response.status_code != _WHOLE:
                raise DownloadError(f"{_host(url)} answered {response.status_code} for {url}")
            content = bytearray()
            for chunk in response.iter_raw():
                watch.look()
                content += chunk
                if len(content) > max_bytes:
                    raise DownloadError(f"{url} is longer than {max_bytes:,} bytes")
            return bytes(content)
    except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
        raise DownloadError(f"{_host(url)}: {exc or type(exc).__name__}") from exc


def transfer(
    url: str,
    target: Path,
    progress: Progress,
    *,
    max_bytes: int | None = None,
    headers: Mapping[str, str] | None = None,
    wanted: Callable[[], None] = lambda: None,
) -> None:
    """Fetch the URL into `target`, resuming after the bytes that are there.

    Does not verify the content: check its sha256 afterwards. Stops after max_bytes. Raises
    DownloadError if the server fails, refuses or drips, and OSError if `target` cannot be written.
    A partial file is kept, so that a later call can resume. What `wanted` raises ends the wait.
    """
    import httpx2

    from simile.hub.sources.connections import Supervision

    name = url.rpartition("/")[2].partition("#")[0]
    watch = Supervision(wanted=wanted, min_bytes_per_s=MIN_BYTES_PER_S)
    with _client(url, watch, headers) as client:
        while True:
            before = _size(target)
            try:
                return _request(client, url, name, target, progress, max_bytes)
            except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
                # A broken connection is taken up again for as long as each one brings something.
                if _size(target) <= before:
                    raise DownloadError(f"{_host(url)}: {exc or type(exc).__name__}") from exc


def _client(
    url: str, watch: Supervision, headers: Mapping[str, str] | None = None
) -> httpx2.Client:
    from urllib.request import getproxies

    import httpx2

    from simile.hub.sources.connections import READ_TIMEOUT_S, checked_transport

    timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    try:
        # A proxy cannot lead to this machine. Through one, it is the proxy that finds addresses.
        if not is_loopback(_host(url)) and getproxies().keys() & {"http", "https", "all"}:
            return httpx2.Client(timeout=timeout, headers=headers)
        transport = checked_transport(_host(url), watch)
        return httpx2.Client(timeout=timeout, trust_env=False, headers=headers, transport=transport)
    except (OSError, ValueError, httpx2.InvalidURL) as exc:
        raise DownloadError(f"the proxy or certificate settings cannot be used: {exc}") from exc


@contextmanager
def _following(
    client: httpx2.Client, url: str, headers: Mapping[str, str]
) -> Iterator[httpx2.Response]:
    """Ask, and follow a few redirects: none without encryption, none inside, none with a range."""
    import httpx2

    from simile.hub.sources.connections import is_inner

    asked = dict(headers)
    here = httpx2.URL(url)
    for _ in range(_MAX_REDIRECTS + 1):
        with client.stream("GET", here, headers=asked) as response:
            if not response.has_redirect_location:
                yield response
                return
            there = here.join(response.headers["Location"])
        if there.scheme not in ("http", "https") or (there.scheme, here.scheme) == (
            "http",
            "https",
        ):
            raise DownloadError(f"{_host(url)} leads to {there.host} without encryption")
        if _origin(there) != _origin(here):
            asked.pop("Range", None)
        is_other = _origin(there) != _origin(httpx2.URL(url))
        if is_other and (is_loopback(there.host) or _is_inner_literal(there.host, is_inner)):
            raise DownloadError(f"{_host(url)} leads to an address inside this network")
        here = there
    raise DownloadError(f"{_host(url)} leads from one place to the next")


def _is_inner_literal(host: str, is_inner: Callable[[str], bool]) -> bool:
    try:
        return is_inner(host)
    except ValueError:
        return False  # a name, which is checked as it is connected to


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _request(
    client: httpx2.Client,
    url: str,
    name: str,
    target: Path,
    progress: Progress,
    max_bytes: int | None,
) -> None:
    start = _size(target)
    # Without `identity` the server may compress, and byte positions would mean something else.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with _following(client, url, headers) as response:
        if response.status_code == _NOTHING_LEFT and start:
            return
        if response.status_code not in _SERVED:
            raise DownloadError(f"{_host(url)} answered {response.status_code} for {name}")
        if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            start = 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() and len(length) < 20 else None
        with target.open("ab" if start else "wb") as file:
            progress(name, start, total)
            for chunk in response.iter_raw():
                start += file.write(chunk)
                if max_bytes is not None and start > max_bytes:
                    raise DownloadError(
                        f"{_host(url)} sends more than {max_bytes:,} bytes of {name}"
                    )
                progress(name, start, total)


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
