"""The network card: what a newcomer needs to take part, passed on in person.

Does        holds the network's secret of the day, where its board lies and its relays.
Does not    name anyone.
Spec        spec/30-meeting.md, 4
Always      1. A card passed on begins yesterday, so it opens nothing older.
Read first  Card.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from tercet.core.chain import DayChain
from tercet.core.fields import Address, Key, Version1
from tercet.sealing import digest

SHARDS_MOST: Final = 48  # intake boxes a day


class Relay(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A relay of the network.

    Attributes:
        address: with the fingerprint of its TLS key, 1 to 160 characters.
        board: 32 bytes, the read secret of the board's box there; it is another one at each relay.
    """

    address: Address
    board: Key


RelayTable = Annotated[tuple[Relay, ...], msgspec.Meta(min_length=1, max_length=8)]
Shards = Annotated[int, msgspec.Meta(ge=1, le=SHARDS_MOST)]


class Card(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A network, as its members know it.

    Attributes:
        version: 1.
        chain: the network's day chain; intake boxes come from it.
        board_secret: 32 bytes, opens what lies on the board.
        board_key: 32 bytes, the Ed25519 key under which the board is signed.
        relays: 1 to 8.
        shards: how many intake boxes a day has at each of their relays, 1 to 48.
    """

    version: Version1
    chain: DayChain
    board_secret: Key
    board_key: Key
    relays: RelayTable
    shards: Shards

    @property
    def network(self) -> bytes:
        """What tells two networks apart: 32 bytes, public among members."""
        return digest(self.board_key)

    def from_day(self, day: int) -> Card:
        """The card to pass on: it knows nothing before `day`."""
        return msgspec.structs.replace(self, chain=self.chain.since(day))
