"""The cell rule: two partners who share one link, and one pair below each of them.

Does        decides which neighbour a device may take, and with what reason it may not.
Does not    know who anybody is, or hold a relation.
Spec        spec/21-cell.md
Always      1. Never a fifth neighbour.  2. Two partners have one link, and whoever differs learns no more than that.
Read first  PLACES, PAIRS, Cell.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from tercet.core.errors import Refusal
from tercet.sealing import derive

PAIR_SECRET: Final = 32  # bytes; a link's, for the pair below it
MANY: Final = 1_000_000  # a desk's founders are bounded by its state, not by the rule


class Role(StrEnum):
    """What a neighbour is to the owner of a device."""

    PARTNER = "partner"
    LINK = "link"
    BELOW = "below"
    DESK = "desk"
    FOUNDER = "founder"


COMPLEMENT: Final = MappingProxyType(
    {
        Role.PARTNER: Role.PARTNER,
        Role.LINK: Role.BELOW,
        Role.BELOW: Role.LINK,
        Role.DESK: Role.FOUNDER,
        Role.FOUNDER: Role.DESK,
    }
)
ABOVE: Final = (Role.LINK, Role.DESK)
UNDER: Final = (Role.BELOW, Role.FOUNDER)
# Whether we are a desk, what the neighbour would be -> how many there may be, and why there may not be another.
# A link and a desk share one place.
PLACES: Final = MappingProxyType(
    {
        (False, Role.PARTNER): (1, "partner_taken"),
        (False, Role.LINK): (1, "link_taken"),
        (False, Role.DESK): (1, "link_taken"),
        (False, Role.BELOW): (2, "pair_below_full"),
        (False, Role.FOUNDER): (0, "not_the_desk"),
        (True, Role.PARTNER): (0, "desk_takes_founders"),
        (True, Role.LINK): (0, "desk_takes_founders"),
        (True, Role.DESK): (0, "desk_takes_founders"),
        (True, Role.BELOW): (0, "desk_takes_founders"),
        (True, Role.FOUNDER): (MANY, ""),
    }
)


class Bond(StrEnum):
    """What two who meet would be to each other."""

    PARTNERS = "partners"
    LINKED = "link and below"


class Secrets(StrEnum):
    """How the pair secrets of two who meet stand to each other."""

    NEITHER = "neither"
    UPPER = "only the link's"
    LOWER = "only the one below's"
    ONE = "only one partner's"
    SAME = "the same"
    OTHER = "different"


# The bond, and the pair secrets of the two -> why it may not be; nothing if it may.
PAIRS: Final = MappingProxyType(
    {
        (Bond.PARTNERS, Secrets.NEITHER): "link_first",
        (Bond.PARTNERS, Secrets.ONE): "",
        (Bond.PARTNERS, Secrets.SAME): "",
        (Bond.PARTNERS, Secrets.OTHER): "partner_of_another_pair",
        (Bond.LINKED, Secrets.NEITHER): "",
        (Bond.LINKED, Secrets.UPPER): "",
        (Bond.LINKED, Secrets.LOWER): "link_of_another_pair",
        (Bond.LINKED, Secrets.SAME): "",
        (Bond.LINKED, Secrets.OTHER): "link_of_another_pair",
    }
)


class Cell(msgspec.Struct, frozen=True):
    """What the rule needs to know of a device.

    Attributes:
        desk: whether it is a desk.
        held: what the neighbours are to it; one who is being introduced and was accepted counts.
        above: the pair secret of the link, ours or (while we have none) our partner's, 32 bytes; or empty.
        below: the pair secret of the pair below, 32 bytes; or empty.
        young: whether a desk adopted us from afar, less than eight weeks ago.
    """

    desk: bool = False
    held: tuple[Role, ...] = ()
    above: bytes = b""
    below: bytes = b""
    young: bool = False

    def admit(self, role: Role) -> None:
        """Ask for the place of a neighbour.

        Args:
            role: what the neighbour would be to us.

        Raises:
            Refusal: `partner_taken`, `link_taken`, `pair_below_full`, `not_the_desk`, `desk_takes_founders`,
                or `link_first`: who has no link yet takes nobody below; `adopted_lately`: nor who was just adopted.

        Source: spec/21-cell.md, 1.
        """
        most, reason = PLACES[self.desk, role]
        places = ABOVE if role in ABOVE else (role,)
        if sum(held in places for held in self.held) >= most:
            raise Refusal(reason)
        if role is Role.BELOW and not any(held in ABOVE for held in self.held):
            raise Refusal("link_first")
        if role is Role.BELOW and self.young:
            raise Refusal("adopted_lately")

    def secret(self, role: Role) -> bytes:
        """The pair secret that counts between us and a neighbour of a role, 32 bytes; or empty."""
        return self.below if role in UNDER else self.above

    def tag(self, role: Role, shared: bytes, side: int) -> bytes:
        """What our hello says of it; arguments as for `tag_of`."""
        return tag_of(self.secret(role), shared, side)

    def objection(self, role: Role, theirs: bytes, shared: bytes, side: int) -> str:
        """Why somebody may not become our neighbour.

        Args:
            role: what the neighbour would be to us.
            theirs: the tag in their hello, 32 bytes or empty.
            shared: r of the meeting, 32 bytes.
            side: ours, 0 or 1.

        Returns:
            A code of `Refusal`, or nothing.

        Source: spec/21-cell.md, 1 and 3.
        """
        try:
            self.admit(role)
        except Refusal as refusal:
            return refusal.code
        secret = self.secret(role)
        if secret and theirs:
            how = Secrets.SAME if theirs == tag_of(secret, shared, 1 - side) else Secrets.OTHER
        elif not secret and not theirs:
            how = Secrets.NEITHER
        elif role is Role.PARTNER:
            how = Secrets.ONE
        else:
            how = Secrets.UPPER if bool(secret) == (role in UNDER) else Secrets.LOWER
        return PAIRS[Bond.PARTNERS if role is Role.PARTNER else Bond.LINKED, how]


def tag_of(secret: bytes, shared: bytes, side: int) -> bytes:
    """What shows that two know the same pair secret, and nothing else; empty if there is none.

    Args:
        secret: of the pair, 32 bytes, or empty.
        shared: r of the meeting, 32 bytes: no two meetings have the same tag.
        side: who says it, 0 or 1: one side's tag is not the other's.

    Source: spec/21-cell.md, 3.
    """
    return derive(secret, "pair tag", shared, bytes([side])) if secret else b""


def gives(role: Role, ours: bytes, theirs: bytes) -> bool:
    """Whether, at the end of a meeting, we give the pair secret to a neighbour.

    Args:
        role: what the neighbour is to us.
        ours: the tag in our hello.
        theirs: the tag in theirs.

    Source: spec/21-cell.md, 3.
    """
    return role in UNDER or (role is Role.PARTNER and bool(ours) and not theirs)
