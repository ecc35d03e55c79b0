"""The TLS identity of a relay."""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from tercet import sealing


def test_a_fingerprint_is_the_hash_of_the_certificate() -> None:
    made = sealing.relay_identity()
    der = ssl.PEM_cert_to_DER_cert(made.cert_pem.decode())
    assert made.fingerprint == hashlib.sha256(der).digest()


def test_a_certificate_tells_neither_when_nor_where_nor_by_whom() -> None:
    one, two = sealing.relay_identity(), sealing.relay_identity()
    assert one.fingerprint != two.fingerprint
    for made in (one, two):
        certificate = x509.load_pem_x509_certificate(made.cert_pem)
        assert certificate.subject.rfc4514_string() == "CN=localhost"
        assert certificate.issuer == certificate.subject
        assert certificate.not_valid_before_utc == datetime(2020, 1, 1, tzinfo=UTC)
        assert certificate.not_valid_after_utc == datetime(2120, 1, 1, tzinfo=UTC)
        assert list(certificate.extensions) == []


def test_a_client_that_pins_it_speaks_tls_1_3_with_it(tmp_path: Path) -> None:
    made = sealing.relay_identity()
    (tmp_path / "cert").write_bytes(made.cert_pem)
    (tmp_path / "key").write_bytes(made.key_pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    server.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours, theirs, ours):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert ours.version() == "TLSv1.3"
    shown = ours.getpeercert(binary_form=True)
    assert shown is not None
    assert hashlib.sha256(shown).digest() == made.fingerprint
