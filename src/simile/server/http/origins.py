"""Decide which web pages may send requests (`Origin`), and which names this machine has (`Host`).

Pure but for this machine's own name and addresses. A browser sends along where a page comes from,
so that pages of strangers can be refused; against a stranger's name that was made to point to
127.0.0.1 (DNS rebinding) only the `Host` helps.
Source: Ollama 0.33's API, its rules for origins and hosts; gin-contrib/cors, config.go (the
wildcard), read 2026-11.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from functools import lru_cache

DEFAULT_ORIGINS = (
    *(
        f"{scheme}://{host}{port}"
        for scheme in ("http", "https")
        for host in ("localhost", "127.0.0.1", "0.0.0.0")  # noqa: S104
        for port in ("", ":*")
    ),
    *(f"{scheme}://*" for scheme in ("app", "file", "tauri", "vscode-webview", "vscode-file")),
)
"""As Ollama's; `*` stands for any characters, as a port for digits alone."""

MAX_HOST_LENGTH = 300
"""Longer than any name with a port."""

_LOCAL_ENDINGS = (".localhost", ".local", ".internal")
_HOST = re.compile(r"\[([^\[\]]*)\](?::[^:]*)?|([^:]*):[^:]*")


class Origins:
    """Which origins may ask: the built-in ones and those that were added."""

    def __init__(self, added: Iterable[str] = ()) -> None:
        patterns = [*DEFAULT_ORIGINS, *(origin.lower() for origin in added)]
        self.all = "*" in patterns
        """Whether every origin may."""
        self._pattern = re.compile("|".join(map(_as_regex, patterns)))

    def allow(self, origin: str) -> bool:
        """Whether a page of this origin may ask."""
        return self._pattern.fullmatch(origin.lower()) is not None


def _as_regex(pattern: str) -> str:
    if pattern.endswith(":*"):
        return re.escape(pattern[:-1]) + "[0-9]{1,5}"
    # No origin has a comma: where there is one, two headers came.
    return "[^,]*".join(map(re.escape, pattern.split("*")))


def is_same(origin: str, host: str) -> bool:
    """Whether a page comes from the server that it asks."""
    return origin in (f"http://{host}", f"https://{host}")


def is_local_host(host: str) -> bool:
    """Whether a Host header names this machine or its network, and not a name of a stranger."""
    return len(host) <= MAX_HOST_LENGTH and _is_local(host)


@lru_cache(maxsize=1024)
def _is_local(host: str) -> bool:
    parts = _HOST.fullmatch(host)
    name = ("".join(parts.groups("")) if parts else host).lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        names = ("", "localhost", socket.gethostname().lower())
        return name in names or name.endswith(_LOCAL_ENDINGS)
    return address.is_private or address.is_unspecified or _is_own(address)


def _is_own(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an interface of this machine has the address: only then can it be bound."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((str(address), 0))
    except OSError:
        return False
    return True
