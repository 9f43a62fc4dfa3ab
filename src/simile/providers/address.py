"""The address of a provider, taken apart and checked.

Knows URLs (RFC 3986) and what a header can carry; does not know HTTP libraries. No message repeats
an address or a key: either may hold a secret.
"""

from urllib.parse import SplitResult, urlsplit, urlunsplit

from simile.errors import ConfigError


def split_address(base_url: str, engine: str) -> SplitResult:
    """Take a URL apart; ConfigError, which does not repeat it: it may hold a password."""
    try:
        parts = urlsplit(base_url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass  # A port or a bracket that is none.
    raise ConfigError(f"the address of {engine} cannot be used; expected http://HOST:PORT/PATH")


def without_credentials(parts: SplitResult) -> str:
    """Write the base URL that may be shown, and that paths are put behind."""
    host = parts.hostname or ""
    netloc = f"[{host}]" if ":" in host else host
    netloc += f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))


def check_key(api_key: str | None, engine: str) -> None:
    """Raise ConfigError for a key that no header can carry."""
    if api_key is not None and not _is_header(api_key):
        raise ConfigError(f"the API key for {engine} has characters that no header can carry")


def _is_header(value: str) -> bool:
    return value.isascii() and value.isprintable() and value == value.strip()
