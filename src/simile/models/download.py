"""Fetch one URL into one file, going on where an earlier try stopped.

Knows HTTP ranges (RFC 9110, section 14) and file URLs; does not know what the file is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from simile.errors import DownloadError
from simile.models.model_files import Progress

if TYPE_CHECKING:
    import httpx2

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
_SERVED = (200, 206)
_NOTHING_LEFT = 416


def local_path(url: str) -> Path | None:
    """Give the path that a file URL means; None for any other URL."""
    from urllib.request import url2pathname

    parts = urlsplit(url)
    if parts.scheme != "file":
        return None
    host = f"//{parts.netloc}" if parts.netloc not in ("", "localhost") else ""
    return Path(url2pathname(host + parts.path))


def transfer(url: str, target: Path, progress: Progress) -> None:
    """Fetch the URL into `target`, going on behind what is there already.

    Whether it is the right file, a checksum must tell. DownloadError if the server cannot be
    reached or refuses; what came before that stays, to be gone on with. OSError if `target` cannot
    be written.
    """
    import httpx2

    name = url.rpartition("/")[2].partition("#")[0]
    with _client() as client:
        while True:
            before = _size(target)
            try:
                return _request(client, url, name, target, progress)
            except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
                # A broken connection is taken up again for as long as each one brings something.
                if _size(target) <= before:
                    raise DownloadError(f"{_host(url)}: {exc or type(exc).__name__}") from exc


def _client() -> httpx2.Client:
    import httpx2

    timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    try:
        return httpx2.Client(timeout=timeout, follow_redirects=True)
    except (OSError, ValueError, httpx2.InvalidURL) as exc:
        raise DownloadError(f"the proxy or certificate settings cannot be used: {exc}") from exc


def _request(client: httpx2.Client, url: str, name: str, target: Path, progress: Progress) -> None:
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
                progress(name, start, total)


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
