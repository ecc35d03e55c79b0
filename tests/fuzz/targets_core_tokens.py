"""Fuzz targets of permits and tokens, beneath every seal.

Does        hands bytes to each reader of their letters, keys and tokens; swallows the documented failures only.
Does not    run anything: the runner and the replay test do.
Spec        spec/51-tokens.md
Always      1. Anything but the documented failures is a find.
Read first  TARGETS.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tercet.core import passes, permits, tokens
from tercet.core.entry import body_of, parse_entry
from tercet.core.fields import Malformed, encode
from tercet.sealing import CannotOpen
from tests.fuzz import or_malformed

_WEEK = json.loads((Path(__file__).parents[2] / "vectors" / "tokens" / "week-1.json").read_text())["input"]
_KEYS = tokens.TokenKeys(_WEEK["week"], bytes.fromhex(_WEEK["report"]), bytes.fromhex(_WEEK["witness"]))


def token(data: bytes) -> None:
    """A token, as a report brings it: of either kind, and never of both."""
    good = 0
    for kind in tokens.TokenKind:
        try:
            tokens.check(_KEYS, kind, data)
        except CannotOpen:
            continue
        good += 1
    if good > 1:
        raise AssertionError("one token of two kinds")


def signed(data: bytes) -> None:
    """The desk's answer to a request: all tokens or none."""
    try:
        said = tokens.parse_signed(data)
        made = tokens.finished(bytes.fromhex(_WEEK["seed"]), _KEYS, said.signed)
    except (Malformed, CannotOpen):
        return
    for place, one in enumerate(made):
        tokens.check(_KEYS, tokens.kind_at(place), one)


def relay_tag(data: bytes) -> None:
    """What stands for the relay at an address: eight bytes or none; a pass changes nothing of which relay it is."""
    address = data.decode("utf-8", "replace")
    tag = passes.tag_of(address)
    if len(tag) not in (0, passes.TAG):
        raise AssertionError("a tag of another length")
    if len(passes.shown_in(address)) not in (0, passes.PASS):
        raise AssertionError("a pass of another length")
    worn = passes.dressed(address, (passes.WeekPass(tag or bytes(8), 0, bytes(16)),), 0)
    if passes.tag_of(worn) != tag or worn.split("/")[: passes.BARE] != address.split("/")[: passes.BARE]:
        raise AssertionError("another relay")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "core-grant": or_malformed(permits.parse_grant),
    "core-need": or_malformed(permits.parse_need),
    "core-pass-marks": or_malformed(passes.parse_marks),
    "core-passes": or_malformed(passes.parse_passes),
    "core-relay-tag": relay_tag,
    "core-signed": signed,
    "core-token": token,
    "core-token-keys": or_malformed(lambda data: body_of(parse_entry(encode((1, 1, bytes(32), 0, 5, data))))),
    "core-token-request": or_malformed(tokens.parse_request),
}
