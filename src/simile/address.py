"""Whether a host is this machine: what decides about keys, certificates and plain HTTP."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
