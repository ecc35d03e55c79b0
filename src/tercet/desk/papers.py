"""The ceremony's files: small texts that travel between the five.

Does        writes and reads public keys, the board's key, and root documents as text; reads keys from words on paper.
Does not    write a secret anywhere.
Spec        spec/61-root.md, 6 and 8; spec/62-voice.md, 4
Always      1. A file that is there is never written over.  2. A key that does not prove itself is no key.
Read first  KeyFile, read_file(), write_file().
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec

from tercet.core import root as roots
from tercet.core.fields import Malformed, Version1, decode, encode
from tercet.core.root import ROLES, BoardKey, Other, RootKey, Signed
from tercet.core.statement import NAME, Publication, parse_publication
from tercet.evidence import EvidenceError
from tercet.sealing import CannotOpen, derive, normal_words, read_paper, sign, sign_public, verify, words_of
from tercet.shell.failures import ShellError

KEY_TITLE: Final = "tercet root key, version 1"
BOARD_TITLE: Final = "tercet board key, version 1"
ROOT_TITLE: Final = "tercet root, version 1"
STATEMENT_TITLE: Final = "tercet statement, version 1"
FILE_MOST: Final = 8_192  # characters
STATEMENT_FILE_MOST: Final = 300_000  # characters of a statement file, which holds up to 64 roots
LINE: Final = 64  # hexadecimal digits in a line
COMPARED: Final = 8  # words by which a key or a document is compared
MARK: Final = 32  # bytes
_KEY_LABEL: Final = b"tercet/1 root key"
_BOARD_LABEL: Final = b"tercet/1 board key"
Proof = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
T = TypeVar("T")


class KeyFile(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The public half of one of the five.

    Attributes:
        version: 1.
        key: whose seat, and the key.
        proof: 64 bytes, the key's own signature over its seat.
    """

    version: Version1
    key: RootKey
    proof: Proof


class BoardFile(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The key that the desk wants to have delegated.

    Attributes:
        version: 1.
        board: the key, its days and its place.
        proof: 64 bytes, the key's own signature over these.
    """

    version: Version1
    board: BoardKey
    proof: Proof


def seed_of(secret: bytes) -> bytes:
    """The Ed25519 seed, 32 bytes, of a key on paper, 16 bytes."""
    return derive(secret, "root key")


def key_file(seat: str, secret: bytes) -> KeyFile:
    """The public half of a key on paper."""
    seed = seed_of(secret)
    key = RootKey(seat, sign_public(seed))
    return KeyFile(1, key, sign(seed, _KEY_LABEL + encode(key)))


def board_file(board: BoardKey, seed: bytes) -> BoardFile:
    """What the desk hands out of its own key."""
    return BoardFile(1, board, sign(seed, _BOARD_LABEL + encode(board)))


def compared(public: bytes) -> str:
    """Eight words by which two people compare a key."""
    return " ".join(words_of(public, "root key", COMPARED))


def compared_root(signed: Signed) -> str:
    """Eight words by which two people compare a root document."""
    return compared_mark(signed.mark)


def compared_mark(mark: bytes) -> str:
    """The same, by its mark, 32 bytes."""
    return " ".join(words_of(mark, "root", COMPARED))


def seed_from(typed: str) -> bytes:
    """The seed of the key whose words were typed.

    Raises:
        ShellError: `paper_wrong`.
        UnknownWord: a word is not on the list.
    """
    try:
        return seed_of(read_paper(typed))
    except CannotOpen:
        raise ShellError("paper_wrong") from None


def to_text(title: str, data: bytes) -> str:
    """A file's text: its title, then bytes in hexadecimal."""
    digits = data.hex()
    return "\n".join([title, *(digits[i : i + LINE] for i in range(0, len(digits), LINE)), ""])


def parse_text(title: str, text: str, most: int = FILE_MOST) -> bytes:
    """The bytes in a file's text.

    Raises:
        ShellError: `root_file`, it is too long, has another title, or holds no bytes.
    """
    first, _, rest = text.strip().partition("\n")
    if len(text) > most or first.strip() != title:
        raise ShellError("root_file")
    try:
        return bytes.fromhex(rest)
    except ValueError:
        raise ShellError("root_file") from None


def parse_key(text: str) -> KeyFile:
    """One of the five, by its own proof.

    Raises:
        ShellError: `root_file`.
    """
    found = _decoded(KEY_TITLE, text, KeyFile)
    _prove(found.key.public, _KEY_LABEL + encode(found.key), found.proof)
    if found.key.role not in ROLES:
        raise ShellError("root_file")
    return found


def parse_board(text: str) -> BoardKey:
    """The board's key, by its own proof.

    Raises:
        ShellError: `root_file`.
    """
    found = _decoded(BOARD_TITLE, text, BoardFile)
    _prove(found.board.public, _BOARD_LABEL + encode(found.board), found.proof)
    return found.board


def parse_root_text(text: str) -> Signed:
    """A root document, signed or not.

    Raises:
        ShellError: `root_file`.
    """
    try:
        return roots.parse_signed(parse_text(ROOT_TITLE, text))
    except Malformed:
        raise ShellError("root_file") from None


def read_root(path: Path) -> Signed:
    """A root document at a path, signed or not.

    Raises:
        EvidenceError: `file_missing`.
        ShellError: `root_file`, it cannot be read, or is none.
    """
    return parse_root_text(read_file(path))


def parse_statement_text(text: str) -> Publication:
    """A statement file, signed or not.

    Raises:
        ShellError: `voice_file`.
    """
    try:
        return parse_publication(parse_text(STATEMENT_TITLE, text, STATEMENT_FILE_MOST))
    except (Malformed, ShellError):
        raise ShellError("voice_file") from None


def read_statement(path: Path) -> Publication:
    """A statement file at a path.

    Raises:
        EvidenceError: `file_missing`.
        ShellError: `voice_file`, it cannot be read, or is none.
    """
    try:
        text = read_file(path, STATEMENT_FILE_MOST)
    except ShellError:
        raise ShellError("voice_file") from None
    return parse_statement_text(text)


def compared_statement(mark: bytes) -> str:
    """Eight words by which two people compare a statement."""
    return " ".join(words_of(mark, "statement", COMPARED))


def root_given(typed: str) -> Callable[[bytes], bool]:
    """What tells the first root by what was typed: its eight words, or its mark in hexadecimal.

    Raises:
        ShellError: `root_words`.
        UnknownWord: a word is not on the list.
    """
    plain = "".join(typed.split()).lower()
    if len(plain) == 2 * MARK and set(plain) <= set("0123456789abcdef"):
        return lambda mark: mark.hex() == plain
    words = normal_words(typed)
    if len(words) != COMPARED:
        raise ShellError("root_words")
    return lambda mark: words_of(mark, "root", COMPARED) == words


def _decoded(title: str, text: str, kind: type[T]) -> T:
    try:
        return decode(parse_text(title, text), kind)
    except Malformed:
        raise ShellError("root_file") from None


def _prove(public: bytes, message: bytes, proof: bytes) -> None:
    try:
        verify(public, message, proof)
    except CannotOpen:
        raise ShellError("root_file") from None


def read_file(path: Path, most: int = FILE_MOST) -> str:
    """A file's text.

    Raises:
        EvidenceError: `file_missing`.
        ShellError: `root_file`, it cannot be read.
    """
    return _text_in(path, most, "root_file", "ascii")


def read_words(path: Path) -> str:
    """The text of a file that a person wrote, without the line breaks at its end.

    Raises:
        EvidenceError: `file_missing`.
        ShellError: `text_file`, it cannot be read, is no UTF-8, or is too long for anything.
    """
    text = _text_in(path, FILE_MOST, "text_file", "utf-8", newline="")
    if len(text) > FILE_MOST:
        raise ShellError("text_file")
    return text.replace("\r\n", "\n").rstrip("\n")


def _text_in(path: Path, most: int, bad: str, encoding: str, newline: str | None = None) -> str:
    """Up to one character more of a file than `most`; `bad` is the code of one that cannot be read."""
    try:
        with path.expanduser().open(encoding=encoding, newline=newline) as file:
            return file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise EvidenceError("file_missing") from None
    except (OSError, ValueError):
        raise ShellError(bad) from None


def write_file(path: Path, title: str, data: bytes) -> None:
    """Write bytes under a title, as a file that is not there yet.

    Raises:
        ShellError: `file_there`, `bad_folder`.
    """
    write_new(path, to_text(title, data))


def write_new(path: Path, text: str) -> None:
    """Write a text as a file that is not there yet.

    Raises:
        ShellError: `file_there`, `bad_folder`.
    """
    try:
        with path.expanduser().open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ShellError("file_there") from None
    except OSError:
        raise ShellError("bad_folder") from None


def draft(
    keys: Iterable[KeyFile], board: BoardKey, before: Signed | None = None, listed: bytes | None = None
) -> Signed:
    """A root document that nobody has signed yet.

    Args:
        keys: five, two of them founders, one a desk, two guardians, in any order.
        board: the key to be delegated.
        before: the root that it follows; none for the first.
        listed: 32 bytes, the hash of the statements that go on counting; none for what the root before names.

    Raises:
        ShellError: `root_five`, or `root_file` where what the board's file says cannot be.
    """
    found = [each.key for each in keys]
    five = sorted(found, key=lambda key: ROLES.index(key.role))  # stable: founders stay in the order given
    if tuple(key.role for key in five) != ROLES or len({key.public for key in five}) != len(ROLES):
        raise ShellError("root_five")
    number, mark = (before.root.number + 1, before.mark) if before else (1, roots.NOTHING)
    others = () if before is None else before.root.others
    if listed is not None:
        others = (*(other for other in others if other.name != NAME), Other(NAME, listed))
    payload = encode(roots.Root(1, number, mark, 3, tuple(five), board, others))
    try:
        return roots.parse_signed(encode(Signed(payload, ())))
    except Malformed:
        raise ShellError("root_file") from None


def gathered(documents: list[Signed]) -> Signed:
    """One document with the signatures of all.

    Raises:
        ShellError: `root_unlike`, they are not of one document, or have more signatures than fit.
    """
    first, *others = documents
    if any(each.payload != first.payload for each in others):
        raise ShellError("root_unlike")
    try:
        return roots.with_signatures(first, (s for each in others for s in each.signatures))
    except Malformed:
        raise ShellError("root_unlike") from None
