"""The root: five keys, three of which say under which key the board is signed.

Does        parses root documents, counts signatures, and walks from one that is believed to the next.
Does not    hold a key, read a clock, or fetch a document.
Spec        spec/61-root.md
Always      1. What is believed changes one document at a time, by old keys and new ones.
            2. A signature counts once, and for a key that is named.  3. A mark is over the bytes received.
Read first  Root, check_first(), check_next().
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

from tercet.core.errors import Refusal
from tercet.core.fields import Day, Key, Malformed, Version1, decode, encode
from tercet.sealing import CannotOpen, digest, sign, sign_public, verify

KEYS: Final = 5  # keys; who holds them: ROLES
ROLES: Final = ("founder", "founder", "desk", "guardian", "guardian")
SIGNATURES_MOST: Final = 10  # five old keys and five new ones
DELEGATED_MOST: Final = 400  # days that a board key may count; a year and a month to sign the next
ROOT_MOST: Final = 2_048  # bytes of a signed root; half a frame
LABEL: Final = b"tercet/1 root"  # what every signed payload begins with; not sent
NOTHING: Final = bytes(32)  # the mark before the first
_COUNT: Final = 2**32


class RootKey(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One of the five.

    Attributes:
        role: of `ROLES`, in their order.
        public: 32 bytes, Ed25519.
    """

    role: str
    public: Key


class BoardKey(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The key under which the board is signed.

    Attributes:
        public: 32 bytes, Ed25519.
        first: the first day on which it counts.
        last: the last one, at most 400 days later.
        number: of the last entry signed by an earlier key that counts; 0 for none.
        mark: 32 bytes, that entry's; zeros for none.
    """

    public: Key
    first: Day
    last: Day
    number: Annotated[int, msgspec.Meta(ge=0, le=_COUNT)]
    mark: Key

    def on(self, day: Day) -> bytes:
        """The key, if it counts on a day.

        Raises:
            Refusal: `root_lapsed`.
        """
        if not self.first <= day <= self.last:
            raise Refusal("root_lapsed")
        return self.public


class Other(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a later version delegates.

    Attributes:
        name: 1 to 16 characters.
        public: 32 bytes.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=16)]
    public: Key


class Root(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A root document.

    Attributes:
        version: 1.
        number: 1, 2, 3…
        before: 32 bytes, the mark of the one before; zeros in the first alone.
        threshold: 3 or 4 of the five must sign.
        keys: five, in the order of `ROLES`, no two alike.
        board: the key of the board.
        others: up to four; passed over by this version.
    """

    version: Version1
    number: Annotated[int, msgspec.Meta(ge=1, le=_COUNT)]
    before: Key
    threshold: Annotated[int, msgspec.Meta(ge=3, le=4)]
    keys: Annotated[tuple[RootKey, ...], msgspec.Meta(min_length=KEYS, max_length=KEYS)]
    board: BoardKey
    others: Annotated[tuple[Other, ...], msgspec.Meta(max_length=4)] = ()

    @property
    def publics(self) -> frozenset[bytes]:
        """The five public keys."""
        return frozenset(key.public for key in self.keys)


class Signature(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, order=True):
    """One signature.

    Attributes:
        public: 32 bytes, whose.
        signature: 64 bytes.
    """

    public: Key
    signature: Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]


class Signed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A root document with signatures beneath it.

    Attributes:
        payload: the bytes that are signed and hashed, as they came.
        signatures: in the order of their keys, each key once; up to ten.
    """

    payload: Annotated[bytes, msgspec.Meta(max_length=ROOT_MOST)]
    signatures: Annotated[tuple[Signature, ...], msgspec.Meta(max_length=SIGNATURES_MOST)]

    @property
    def mark(self) -> bytes:
        """What the next document names, 32 bytes."""
        return digest(self.payload)

    @property
    def root(self) -> Root:
        """The document.

        Raises:
            Malformed: it is none.
        """
        return parse_root(self.payload)


def parse_root(payload: bytes) -> Root:
    """The document in signed bytes.

    Raises:
        Malformed: it is none.

    Source: spec/61-root.md, 2.
    """
    root = decode(payload, Root)
    board = root.board
    if (
        tuple(key.role for key in root.keys) != ROLES
        or len(root.publics) != KEYS
        or board.public in root.publics
        or (root.number == 1) != (root.before == NOTHING)
        or (board.number == 0) != (board.mark == NOTHING)
        or not board.first <= board.last <= board.first + DELEGATED_MOST
    ):
        raise Malformed
    return root


def parse_signed(data: bytes) -> Signed:
    """A document with its signatures; none of them is checked here.

    Raises:
        Malformed: it is none.

    Source: spec/61-root.md, 2.
    """
    signed = decode(data, Signed)
    publics = [each.public for each in signed.signatures]
    if publics != sorted(set(publics)):
        raise Malformed
    parse_root(signed.payload)
    return signed


def sign_root(payload: bytes, seed: bytes) -> Signature:
    """One person's signature beneath a document; `seed` is 32 bytes."""
    return Signature(sign_public(seed), sign(seed, LABEL + payload))


def with_signatures(signed: Signed, more: Iterable[Signature]) -> Signed:
    """The document with more signatures beneath it; where one key has two, one that verifies is kept.

    Raises:
        Malformed: they are more than ten.
    """
    return parse_signed(encode(Signed(signed.payload, joined(LABEL, signed.payload, signed.signatures, more))))


def joined(
    label: bytes, payload: bytes, signatures: tuple[Signature, ...], more: Iterable[Signature]
) -> tuple[Signature, ...]:
    """Signatures over a payload, behind its label, and more of them, each key once; one that verifies is kept."""
    kept = {each.public: each for each in signatures}
    for each in more:
        if each.public not in kept or not _verifies(label + payload, kept[each.public]):
            kept[each.public] = each
    return tuple(sorted(kept.values()))


def counted(signed: Signed, publics: frozenset[bytes]) -> frozenset[bytes]:
    """The keys of a set whose signatures count."""
    return signers(LABEL, signed.payload, signed.signatures, publics)


def signers(
    label: bytes, payload: bytes, signatures: tuple[Signature, ...], publics: frozenset[bytes]
) -> frozenset[bytes]:
    """The keys of a set whose signatures over a payload, behind its label, count; each once."""
    return frozenset(each.public for each in signatures if each.public in publics and _verifies(label + payload, each))


def _verifies(message: bytes, each: Signature) -> bool:
    try:
        verify(each.public, message, each.signature)
    except CannotOpen:
        return False
    return True


def check_first(mark: bytes, signed: Signed) -> Root:
    """The first document, if it is the one that was given in person.

    Args:
        mark: 32 bytes, as given in person.
        signed: the document, from anywhere.

    Raises:
        Malformed: it is none.
        Refusal: `root_other`, `root_new_few`.

    Source: spec/61-root.md, 3.
    """
    root = signed.root
    if signed.mark != mark or root.number != 1:
        raise Refusal("root_other")
    _check_own(signed, root)
    return root


def check_next(held: bytes, signed: Signed) -> Root:
    """The document that follows the held one, if it is signed by the old keys and the new.

    Args:
        held: payload of the newest document that is believed.
        signed: the document, from anywhere.

    Raises:
        Malformed: it is none.
        Refusal: `root_not_next`, `root_old_few`, `root_new_few`, `root_place`.

    Source: spec/61-root.md, 3.
    """
    old, new = parse_root(held), signed.root
    if new.number != old.number + 1 or new.before != digest(held):
        raise Refusal("root_not_next")
    if len(counted(signed, old.publics)) < old.threshold:
        raise Refusal("root_old_few")
    _check_own(signed, new)
    was, now = old.board, new.board
    place_moved = (now.number, now.mark) != (was.number, was.mark)
    if now.number < was.number or (now.public == was.public and place_moved):
        raise Refusal("root_place")
    return new


def _check_own(signed: Signed, root: Root) -> None:
    if len(counted(signed, root.publics)) < root.threshold:
        raise Refusal("root_new_few")


def walk(mark: bytes, documents: Iterable[bytes]) -> bytes:
    """From the first document to the last, each checked; returns the payload of the last.

    Args:
        mark: of the first, 32 bytes, as given in person.
        documents: signed, the first one first, without a gap.

    Raises:
        Malformed: one is none, or there are none.
        Refusal: what `check_first` and `check_next` refuse.
    """
    held = b""
    for data in documents:
        signed = parse_signed(data)
        if held:
            check_next(held, signed)
        else:
            check_first(mark, signed)
        held = signed.payload
    if not held:
        raise Malformed
    return held


def forward(held: bytes, documents: Iterable[bytes]) -> bytes:
    """What a reader holds after documents came in any order; what is bad is passed over.

    Args:
        held: payload of the newest document that is believed.
        documents: signed, from anywhere.

    Source: spec/61-root.md, 4.
    """
    waiting: list[Signed] = []
    for data in documents:
        try:
            waiting.append(parse_signed(data))
        except Malformed:
            continue
    for signed in sorted(waiting, key=lambda each: each.root.number):
        try:
            check_next(held, signed)
        except Refusal:
            continue
        held = signed.payload
    return held
