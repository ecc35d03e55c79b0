"""Where a relay is, and by which key it is known.

Does        read and write `tercet://HOST:PORT/FINGERPRINT`, with `/PASS` behind it where posting needs one.
Does not    look a host up, or connect.
Spec        spec/10-drop.md, 6
Always      1. One relay and pass, one text: what is read is what would be written.
Read first  `RelayAddress.parse`.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field

from tercet.drop.ops import DropFailure

SCHEME = "tercet://"
FINGERPRINT = 32  # bytes: SHA-256 of the certificate's DER
PASS = 16  # bytes; spec/10-drop.md, 6
LONGEST = 160  # characters of an address; spec/00-overview.md

_SHAPE = re.compile(
    r"tercet://(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253}):([1-9][0-9]{0,4})/([a-z2-7]{52})(?:/([a-z2-7]{26}))?", re.ASCII
)
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


def base32(data: bytes) -> str:
    """Return bytes in base32 (RFC 4648), small letters, no padding."""
    return base64.b32encode(data).decode().rstrip("=").lower()


def from_base32(text: str) -> bytes:
    """Return what `base32` wrote; its letters and length have been checked. Unused last bits are not."""
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


@dataclass(frozen=True, slots=True)
class RelayAddress:
    """A relay's address.

    Attributes:
        host: a name in small letters, an IPv4 or an IPv6 address (without brackets).
        port: 1 to 65,535.
        fingerprint: 32 bytes, SHA-256 of the DER of the relay's certificate.
        pass_: 16 bytes that let their holder post there, or none.
    """

    host: str
    port: int
    fingerprint: bytes
    pass_: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        """Raise DropFailure (bad_address) if a field is not as described."""
        if not self.host or len(self.host) > LONGEST:
            raise _bad("The relay's host is empty or too long.")
        _check_host(self.host)
        if not 1 <= self.port <= 65_535:
            raise _bad("The relay's port is a number from 1 to 65535.")
        if len(self.fingerprint) != FINGERPRINT:
            raise _bad("The relay's fingerprint is damaged: copy the whole address again.")
        if len(self.pass_) not in (0, PASS):
            raise _bad("The relay's pass is damaged: copy the whole address again.")
        if len(str(self)) > LONGEST:
            raise _bad(f"The relay's address is longer than {LONGEST} characters: give the relay a shorter name.")

    @classmethod
    def parse(cls, text: str) -> RelayAddress:
        """Read an address; DropFailure (bad_address) for anything `str()` would not have written."""
        shape = _SHAPE.fullmatch(text)
        if shape is None:
            raise _bad(
                "A relay's address looks like tercet://HOST:PORT/FINGERPRINT/PASS, with 52 characters in the "
                "fingerprint and 26 in the pass, if it has one: copy the whole address again."
            )
        host, port, fingerprint, pass_ = shape.groups()
        found = cls(host.strip("[]"), int(port), from_base32(fingerprint), from_base32(pass_ or ""))
        if str(found) != text:
            raise _bad("The relay's address is damaged: copy the whole address again.")
        return found

    @property
    def place(self) -> str:
        """HOST:PORT."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def identity(self) -> str:
        """HOST:PORT/FINGERPRINT: which relay it is, whatever the pass."""
        return f"{self.place}/{base32(self.fingerprint)}"

    def __str__(self) -> str:
        """Return the text form."""
        return SCHEME + self.identity + (f"/{base32(self.pass_)}" if self.pass_ else "")
