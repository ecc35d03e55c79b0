"""Where a relay is, and by which key it is known.

Does        read and write `tercet://HOST:PORT/FINGERPRINT`.
Does not    look a host up, or connect.
Spec        spec/10-drop.md, 6
Always      1. One relay, one text: what is read is what would be written.
Read first  `RelayAddress.parse`.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass

from tercet.drop.ops import DropFailure

SCHEME = "tercet://"
FINGERPRINT = 32  # bytes: SHA-256 of the certificate's DER
LONGEST_HOST = 253  # characters; RFC 1035, 2.3.4

_SHAPE = re.compile(r"tercet://(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253}):([1-9][0-9]{0,4})/([a-z2-7]{52})", re.ASCII)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def _bad(hint: str) -> DropFailure:
    return DropFailure("bad_address", hint)


def _check_host(host: str) -> None:
    try:
        canonical = ipaddress.ip_address(host).compressed
    except ValueError:
        labels = host.split(".")
        if ":" in host or labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
            raise _bad("The relay's host is neither a name in small letters nor an IP address.") from None
    else:
        if canonical != host:
            raise _bad(f"Write the relay's IP address in its short form: {canonical}.")


@dataclass(frozen=True, slots=True)
class RelayAddress:
    """A relay's address.

    Attributes:
        host: a name in small letters, an IPv4 or an IPv6 address (without brackets).
        port: 1 to 65,535.
        fingerprint: 32 bytes, SHA-256 of the DER of the relay's certificate.
    """

    host: str
    port: int
    fingerprint: bytes

    def __post_init__(self) -> None:
        """Raise DropFailure (bad_address) if a field is not as described."""
        if not 1 <= len(self.host) <= LONGEST_HOST:
            raise _bad("The relay's host is empty or too long.")
        _check_host(self.host)
        if not 1 <= self.port <= 65_535:
            raise _bad("The relay's port is a number from 1 to 65535.")
        if len(self.fingerprint) != FINGERPRINT:
            raise _bad("The relay's fingerprint is damaged: copy the whole address again.")

    @classmethod
    def parse(cls, text: str) -> RelayAddress:
        """Read an address; DropFailure (bad_address) for anything `str()` would not have written."""
        shape = _SHAPE.fullmatch(text)
        if shape is None:
            raise _bad("A relay's address looks like tercet://HOST:PORT/FINGERPRINT, with 52 characters at the end.")
        host, port, fingerprint = shape.groups()
        found = cls(host.strip("[]"), int(port), base64.b32decode(fingerprint.upper() + "===="))
        if str(found) != text:
            raise _bad("The relay's address is damaged: copy the whole address again.")
        return found

    def __str__(self) -> str:
        """Return the text form."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        fingerprint = base64.b32encode(self.fingerprint).decode().rstrip("=").lower()
        return f"{SCHEME}{host}:{self.port}/{fingerprint}"
