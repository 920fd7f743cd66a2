"""Which addresses are anybody's on the internet, and which are of this machine or of the networks behind it. Pure."""

from __future__ import annotations

import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Beside what `ipaddress` knows as not global; some of these it has learned only lately.
CLOSED = [
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # carriers' own; clouds keep services there
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # relays of 6to4
        "198.18.0.0/15",  # benchmarks
        "240.0.0.0/4",
        "2001::/23",  # Teredo and other tunnels
        "2001:db8::/32",
        "3fff::/20",
    )
]
GLOBAL_V6 = ipaddress.ip_network("2000::/3")  # all else is for special uses
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # the last four bytes are the IPv4 address that is reached


def is_public(text: str) -> bool:
    """Say whether an address (as the resolver writes it) is one of the public internet."""
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = inside(address)
        if inner is not None:
            return is_public(str(inner))
        if address not in GLOBAL_V6:
            return False
    closed = any(address in network for network in CLOSED if network.version == address.version)
    return address.is_global and not address.is_multicast and not closed


def inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for (mapped, 6to4, NAT64), if it does."""
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def literal(host: str) -> str | None:
    """Return the address that ``host`` spells out, in any way that a resolver takes, or None for a name.

    Resolvers also take ``127.1``, ``0x7f000001``, ``2130706433`` and ``0177.0.0.1``.
    """
    try:
        return str(ipaddress.ip_address(host.strip("[]").partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    except OSError:
        return None


def is_local_name(host: str) -> bool:
    """Say whether a name means this machine or its network without asking anybody."""
    name = host.lower().rstrip(".")
    return "." not in name or name.endswith((".localhost", ".local", ".internal"))
