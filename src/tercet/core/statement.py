"""Statements: what the group says in public, so that anybody can check it and no impostor can forge it.

Does        parses statements, counts who signed them, and says whether one holds under the newest root that is known.
Does not    hold a key, read a clock, or fetch a newer root.
Spec        spec/62-voice.md
Always      1. Nothing is believed without the first root's mark or words.  2. Two roots for one place: neither counts.
            3. What keys of an earlier root said counts only if the newest root's own keys signed it too, or list it.
Read first  Statement, check().
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Final

import msgspec

from tercet.core import root as roots
from tercet.core.errors import Refusal
from tercet.core.fields import Day, Key, Malformed, Version1, decode, encode
from tercet.core.root import ROOT_MOST, Root, Signature
from tercet.core.wording import fit_for_all, size_of
from tercet.sealing import digest, sign, sign_public

TEXT_MOST: Final = 2_800  # bytes of a statement's text; with its signatures it fits an entry of the board
SIGNERS_MOST: Final = 5  # signatures beneath a statement
ROOTS_MOST: Final = 64  # root documents in a file
LISTED_MOST: Final = 256  # statements in a list
LABEL: Final = b"tercet/1 statement"  # what every signed payload begins with; not sent
LIST_LABEL: Final = b"tercet/1 voice"  # what a list is hashed behind; not sent
NAME: Final = "voice"  # of the list, among a root's `others`
Known = tuple[tuple[bytes, ...], tuple[bytes, ...]]  # signed roots from the first one on; marks that are listed


class Statement(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is said.

    Attributes:
        version: 1.
        number: 1, 2, 3…, by which people speak of it.
        issued: the day, as its signers say.
        root: 32 bytes, mark of the root document whose keys sign.
        text: 1 to 2,800 bytes.
    """

    version: Version1
    number: Annotated[int, msgspec.Meta(ge=1, le=2**32)]
    issued: Day
    root: Key
    text: Annotated[str, msgspec.Meta(max_length=TEXT_MOST)]


class Said(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A statement with signatures beneath it.

    Attributes:
        payload: the bytes that are signed and hashed, as they came.
        signatures: in the order of their keys, each key once; up to five.
    """

    payload: Annotated[bytes, msgspec.Meta(max_length=TEXT_MOST + 64)]
    signatures: Annotated[tuple[Signature, ...], msgspec.Meta(max_length=SIGNERS_MOST)]

    @property
    def mark(self) -> bytes:
        """Its name, 32 bytes."""
        return digest(self.payload)

    @property
    def statement(self) -> Statement:
        """What is said.

        Raises:
            Malformed: it is none.
        """
        return parse_statement(self.payload)


class Publication(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """All that a stranger needs to check a statement, but for the words of the first root.

    Attributes:
        version: 1.
        roots: signed root documents, the first one first, without a gap; 1 to 64.
        said: the statement.
        listed: marks of statements that a root lists, in order; up to 256.
    """

    version: Version1
    roots: Annotated[
        tuple[Annotated[bytes, msgspec.Meta(max_length=ROOT_MOST)], ...],
        msgspec.Meta(min_length=1, max_length=ROOTS_MOST),
    ]
    said: Said
    listed: Annotated[tuple[Key, ...], msgspec.Meta(max_length=LISTED_MOST)] = ()


class Verdict(msgspec.Struct, frozen=True):
    """A statement that holds.

    Attributes:
        statement: what is said.
        mark: its mark, 32 bytes.
        under: number of the root whose keys signed it.
        newest: the newest root that is known.
        newest_mark: 32 bytes, its mark.
        listed: whether it holds by the newest root's list, and not by its keys.
        signers: how many of the keys of the root that it names have signed.
    """

    statement: Statement
    mark: bytes
    under: int
    newest: Root
    newest_mark: bytes
    listed: bool
    signers: int


def parse_statement(payload: bytes) -> Statement:
    """The statement in signed bytes.

    Raises:
        Malformed: it is none, or its text is not fit for all.

    Source: spec/62-voice.md, 2.
    """
    statement = decode(payload, Statement)
    if size_of(statement.text) > TEXT_MOST or not fit_for_all(statement.text):
        raise Malformed
    return statement


def parse_said(data: bytes) -> Said:
    """A statement with its signatures; none of them is checked here.

    Raises:
        Malformed: it is none.

    Source: spec/62-voice.md, 2.
    """
    return _checked(decode(data, Said))


def _checked(said: Said) -> Said:
    publics = [each.public for each in said.signatures]
    if publics != sorted(set(publics)):
        raise Malformed
    parse_statement(said.payload)
    return said


def parse_publication(data: bytes) -> Publication:
    """A statement file's bytes; nothing is checked but their form.

    Raises:
        Malformed: it is none.

    Source: spec/62-voice.md, 4.
    """
    found = decode(data, Publication)
    _checked(found.said)
    if list(found.listed) != sorted(set(found.listed)):
        raise Malformed
    for each in found.roots:
        roots.parse_signed(each)
    return found


def draft(number: int, issued: Day, root: bytes, text: str) -> Said:
    """A statement that nobody has signed yet.

    Args:
        number: 1, 2, 3…
        issued: the day.
        root: 32 bytes, mark of the root whose keys are to sign.
        text: what is to be said.

    Raises:
        Refusal: `voice_long`, `voice_odd`.
    """
    if size_of(text) > TEXT_MOST:
        raise Refusal("voice_long")
    try:
        return parse_said(encode(Said(encode(Statement(1, number, issued, root, text)), ())))
    except (Malformed, UnicodeEncodeError):
        raise Refusal("voice_odd") from None


def sign_statement(payload: bytes, seed: bytes) -> Signature:
    """One person's signature beneath a statement; `seed` is 32 bytes, a key of the root."""
    return Signature(sign_public(seed), sign(seed, LABEL + payload))


def with_signatures(said: Said, more: Iterable[Signature]) -> Said:
    """The statement with more signatures beneath it; where one key has two, one that verifies is kept.

    Raises:
        Malformed: they are more than five.
    """
    return parse_said(encode(Said(said.payload, roots.joined(LABEL, said.payload, said.signatures, more))))


def counted(said: Said, publics: frozenset[bytes]) -> frozenset[bytes]:
    """The keys of a set whose signatures beneath a statement count."""
    return roots.signers(LABEL, said.payload, said.signatures, publics)


def signed_by(said: Said, held: bytes) -> bool:
    """Whether enough of the own five of a root, given by its payload, have signed a statement."""
    root = roots.parse_root(held)
    return len(counted(said, root.publics)) >= root.threshold


def list_mark(marks: Iterable[bytes]) -> bytes:
    """The hash of a list of statements, 32 bytes, as a root names it; their order does not matter.

    Source: spec/62-voice.md, 3.
    """
    return digest(LIST_LABEL + b"".join(sorted(set(marks))))


def list_of(root: Root) -> bytes | None:
    """The hash of the list that a root names; none if it names none, or more than one."""
    named = [other.public for other in root.others if other.name == NAME]
    return named[0] if len(named) == 1 else None


def check(found: Publication, is_first: Callable[[bytes], bool], known: Iterable[Known] = ()) -> Verdict:
    """Whether a statement holds, under the newest root that is known.

    Args:
        found: the statement file.
        is_first: whether a mark is that of the first root, as the checker was given it.
        known: what the checker has from elsewhere: rows of roots, and lists.

    Raises:
        Malformed: a document is none.
        Refusal: what a row of roots is refused for; `voice_fork`, `voice_root`, `voice_few`, `voice_old`.

    Source: spec/62-voice.md, 5.
    """
    chain, lists = _chain(found.roots, is_first), [found.listed]
    for row, listed in known:
        other = _chain(row, is_first)
        lists.append(listed)
        if any(ours != theirs for ours, theirs in zip(chain, other, strict=False)):
            raise Refusal("voice_fork")
        chain = max(chain, other, key=len)
    statement = found.said.statement
    under = next((payload for payload in chain if digest(payload) == statement.root), None)
    if under is None:
        raise Refusal("voice_root")
    signed, newest = roots.parse_root(under), roots.parse_root(chain[-1])
    signers = counted(found.said, signed.publics)
    if len(signers) < signed.threshold:
        raise Refusal("voice_few")
    own = len(counted(found.said, newest.publics)) >= newest.threshold
    mark = found.said.mark
    if not own and not any(mark in each and list_mark(each) == list_of(newest) for each in lists):
        raise Refusal("voice_old")
    return Verdict(statement, mark, signed.number, newest, digest(chain[-1]), not own, len(signers))


def _chain(documents: tuple[bytes, ...], is_first: Callable[[bytes], bool]) -> list[bytes]:
    """The payloads of a row of documents, each checked.

    Raises:
        Malformed: one is none, or there are none.
        Refusal: what `walk` refuses.
    """
    if not documents:
        raise Malformed
    first = roots.parse_signed(documents[0]).mark
    if not is_first(first):
        raise Refusal("root_other")
    roots.walk(first, documents)
    return [roots.parse_signed(each).payload for each in documents]
