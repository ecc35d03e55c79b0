"""Fuzz targets of the root: documents from anywhere, and words typed from paper.

Does        hands bytes to the parsers and walks on from a held document; swallows the documented failures only.
Does not    run anything: the runner and the replay test do.
Spec        spec/61-root.md
Always      1. Anything but the documented failure is a find.  2. A document that nobody signed is believed by nobody.
Read first  TARGETS.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tercet.core import root as roots
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.sealing import CannotOpen, UnknownWord, digest, paper_words, read_paper

_VECTORS = Path(__file__).parents[2] / "vectors" / "root"


def _chain(path: Path) -> list[bytes]:
    documents = json.loads(path.read_text())["input"]["documents"]
    return [roots.parse_signed(bytes.fromhex(each)).payload for each in documents]


_PAYLOADS = _chain(_VECTORS / "chain-5.json")
_GENUINE = {payload for path in _VECTORS.glob("chain-[0-9]*.json") for payload in _chain(path)}


def document(data: bytes) -> None:
    """A signed document, as the first and as the next of each that is held."""
    try:
        signed = roots.parse_signed(data)
    except Malformed:
        signed = None
    for held in _PAYLOADS:
        after = roots.forward(held, [data])
        if after != held and after not in _GENUINE:
            raise AssertionError("a document was believed that the five did not sign")
    if signed is None:
        return
    if roots.parse_signed(encode(signed)) != signed:
        raise AssertionError("a document was read as another one")
    try:
        roots.check_first(digest(_PAYLOADS[0]), signed)
    except Refusal:
        return
    if signed.payload != _PAYLOADS[0]:
        raise AssertionError("another first root was believed")


def paper(data: bytes) -> None:
    """Words typed from paper."""
    try:
        secret = read_paper(data.decode(errors="replace"))
    except (CannotOpen, UnknownWord):
        return
    if read_paper(" ".join(paper_words(secret))) != secret:
        raise AssertionError("words were read as another key")


TARGETS: dict[str, Callable[[bytes], None]] = {"core-root": document, "sealing-paper": paper}
