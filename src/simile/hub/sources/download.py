"""Fetch a URL: into a file, going on where an earlier try stopped, or into memory if it is small.

Knows HTTP ranges (RFC 9110, section 14) and file URLs; does not know what the file is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from simile.address import is_loopback
from simile.errors import DownloadError
from simile.hub.files import Progress, check_sha256, sha256_of

if TYPE_CHECKING:
    import httpx2

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
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


def read_small(url: str, *, accept: str, max_bytes: int) -> bytes | None:
    """Fetch what is small; None if there is nothing (404).

    DownloadError if the server cannot be reached, refuses, sends more, or leads from https to http.
    """
    import httpx2

    headers = {"Accept": accept, "Accept-Encoding": "identity"}
    try:
        with _client(url) as client, client.stream("GET", url, headers=headers) as response:
            if response.status_code == _ABSENT:
                return None
            if response.status_code != _WHOLE:
                raise DownloadError(f"{_host(url)} answered {response.status_code} for {url}")
            if url.startswith("https:") and response.url.scheme != "https":
                raise DownloadError(f"{_host(url)} leads to {response.url.host} without encryption")
            content = bytearray()
            for chunk in response.iter_raw():
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
) -> None:
    """Fetch the URL into `target`, resuming after the bytes that are there.

    Does not verify the content: check its sha256 afterwards. Stops after max_bytes. Raises
    DownloadError if the server fails or refuses, and OSError if `target` cannot be written. A
    partial file is kept, so that a later call can resume.
    """
    import httpx2

    name = url.rpartition("/")[2].partition("#")[0]
    with _client(url, headers) as client:
        while True:
            before = _size(target)
            try:
                return _request(client, url, name, target, progress, max_bytes)
            except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
                # A broken connection is taken up again for as long as each one brings something.
                if _size(target) <= before:
                    raise DownloadError(f"{_host(url)}: {exc or type(exc).__name__}") from exc


def _client(url: str, headers: Mapping[str, str] | None = None) -> httpx2.Client:
    import httpx2

    timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    try:
        # A proxy cannot lead to this machine.
        nearby = is_loopback(_host(url))
        return httpx2.Client(
            timeout=timeout, follow_redirects=True, trust_env=not nearby, headers=headers
        )
    except (OSError, ValueError, httpx2.InvalidURL) as exc:
        raise DownloadError(f"the proxy or certificate settings cannot be used: {exc}") from exc


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
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == _NOTHING_LEFT and start:
            return
        if response.status_code not in _SERVED:
            raise DownloadError(f"{_host(url)} answered {response.status_code} for {name}")
        if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            start = 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
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
