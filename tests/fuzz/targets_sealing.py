"""Fuzz targets of the sealing room: each parser of outside bytes, beneath any seal.

Does        hands bytes to one parser and swallows its documented failure only.
Does not    run anything: the runner and the replay test do.
Spec        spec/20-sealing.md
Always      1. Anything but the documented failure is a find.
Read first  TARGETS.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tercet import sealing
from tercet.sealing.frames import pad, unpad

_OLM = {
    name: bytes.fromhex(value)
    for name, value in json.loads((Path(__file__).parents[2] / "vectors" / "sealing" / "olm-1.json").read_text())[
        "input"
    ].items()
}
_SEED = bytes(range(32))
_STATE, _ = sealing.spake_start("a", "sand captain hammer", lambda count: bytes(range(count)))


_BLIND = {
    name: bytes.fromhex(value)
    for name, value in json.loads((Path(__file__).parents[2] / "vectors" / "tokens" / "blind-2.json").read_text())[
        "input"
    ].items()
}
_BLIND_PUBLIC = sealing.blind_public(_BLIND["private"])


def _cannot_open(parser: Callable[[bytes], object]) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        try:
            parser(data)
        except sealing.CannotOpen:
            return

    return target


def words(data: bytes) -> None:
    """Typed words: what comes out is on the list and reads back as itself."""
    try:
        found = sealing.normal_words(data.decode("utf-8", "replace"))
    except sealing.UnknownWord:
        return
    if sealing.normal_words(" ".join(found)) != found:
        raise AssertionError("words do not read back")


def padding(data: bytes) -> None:
    """Padding beneath the AEAD: only what pad() makes comes off."""
    try:
        content = unpad(data)
    except sealing.CannotOpen:
        return
    if pad(content, len(data)) != data:
        raise AssertionError("two paddings for one content")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "sealing-words": words,
    "sealing-padding": padding,
    "sealing-sealed": _cannot_open(lambda data: sealing.open_sealed(_SEED, data)),
    "sealing-kem-public": _cannot_open(lambda data: sealing.seal_to(data, b"content", b"info")),
    "sealing-envelope": _cannot_open(lambda data: sealing.open_envelope(_SEED, data, b"info")),
    "sealing-envelope-public": _cannot_open(lambda data: sealing.put_in_envelope(data, b"content", b"info")),
    "sealing-hpke": _cannot_open(lambda data: sealing.open_with(_SEED, data, b"info")),
    "sealing-verify": _cannot_open(lambda data: sealing.verify(data[:32], data[96:], data[32:96])),
    "sealing-blind-public": _cannot_open(
        lambda data: sealing.blind(data, _BLIND["message"], _BLIND["salt"], _BLIND["entropy"])
    ),
    "sealing-blinded": _cannot_open(lambda data: sealing.blind_sign(_BLIND["private"], data, _BLIND["cover"])),
    "sealing-signed-blind": _cannot_open(
        lambda data: sealing.unblind(_BLIND_PUBLIC, _BLIND["message"], data, _BLIND["entropy"])
    ),
    "sealing-blind-signature": _cannot_open(
        lambda data: sealing.verify_blind(data[:256], data[512:], data[256:512]),
    ),
    "sealing-spake": _cannot_open(lambda data: sealing.spake_finish(_STATE, data)),
    "sealing-olm-keys": _cannot_open(lambda data: sealing.olm_outbound(_OLM["account_b"], data[:32], data[32:])),
    "sealing-olm-first": _cannot_open(lambda data: sealing.olm_inbound(_OLM["account_b"], _OLM["identity_a"], data)),
    "sealing-olm-letter": _cannot_open(lambda data: sealing.olm_decrypt(_OLM["session_b"], data)),
    "sealing-olm-state": _cannot_open(lambda data: sealing.olm_encrypt(data, b"content")),
}
