"""The TLS identity of a relay.

Does        makes a key and a self-signed certificate that says nothing.
Does not    open sockets, or check certificates: a client pins the fingerprint.
Spec        spec/20-sealing.md, 12
Always      1. No date and no name in it tells when, where or by whom it was made.
Read first  relay_identity().
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_UNTIL = datetime(2120, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RelayIdentity:
    """What a relay shows and holds.

    Attributes:
        cert_pem: the certificate, PEM.
        key_pem: the private key, PKCS #8 PEM, not encrypted.
        fingerprint: SHA-256 of the certificate's DER, 32 bytes.
    """

    cert_pem: bytes
    key_pem: bytes
    fingerprint: bytes


def relay_identity() -> RelayIdentity:
    """Make a relay's identity. The randomness is the library's own.

    Source: spec/20-sealing.md, 12.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_NAME)
        .issuer_name(_NAME)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .sign(key, SHA256())
    )
    return RelayIdentity(
        cert_pem=certificate.public_bytes(Encoding.PEM),
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        fingerprint=certificate.fingerprint(SHA256()),
    )
