"""The network card: what a newcomer needs to take part, passed on in person.

Does        holds the network's secret of the day, where its board lies and its relays.
Does not    name anyone.
Spec        spec/30-meeting.md, 4
Always      1. A card passed on begins yesterday, so it opens nothing older.
Read first  Card.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from tercet.core.chain import DayChain
from tercet.core.fields import Address, Key, Version1
from tercet.sealing import digest


class Card(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A network, as its members know it.

    Attributes:
        version: 1.
        chain: the network's day chain; intake boxes come from it.
        board_read: 32 bytes, opens the board for reading.
        board_key: 32 bytes, the Ed25519 key under which the board is signed.
        relays: addresses, at most 8, each with the fingerprint of its TLS key.
        shards: how many intake boxes a day has, 1 to 64.
    """

    version: Version1
    chain: DayChain
    board_read: Key
    board_key: Key
    relays: Annotated[tuple[Address, ...], msgspec.Meta(min_length=1, max_length=8)]
    shards: Annotated[int, msgspec.Meta(ge=1, le=64)]

    @property
    def network(self) -> bytes:
        """What tells two networks apart: 32 bytes, public among members."""
        return digest(self.board_key)

    def from_day(self, day: int) -> Card:
        """The card to pass on: it knows nothing before `day`."""
        return msgspec.structs.replace(self, chain=self.chain.since(day))
