"""Words that people say, compare and type.

Does        turns bits into words and what people type back into words.
Does not    use the words as a wallet does: a key on paper has thirteen of them.
Spec        spec/20-sealing.md, 9; spec/61-root.md, 6
Always      1. Eleven bits a word.  2. Four letters name a word.  3. An error names a place, never a word.
Read first  normal_words().
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

from mnemonic import Mnemonic

from .failure import CannotOpen, UnknownWord
from .keys import derive

_BITS = 11  # a word; the list has 2,048
PAPER_SECRET = 16  # bytes of a key on paper
PAPER_WORDS = 13  # 128 bits and 15 that tell a slip of the pen
_PREFIX = 4  # letters that name a word of the list
_GAPS = re.compile(r"[\s\-\u2010-\u2015]+")


@cache
def _list() -> tuple[str, ...]:
    return tuple(Mnemonic("english").wordlist)


@cache
def _by_prefix() -> dict[str, str]:
    return {word[:_PREFIX]: word for word in _list()}


def all_words() -> tuple[str, ...]:
    """The list that words come from: 2,048, of BIP-39."""
    return _list()


def _to_words(drawn: bytes, count: int) -> tuple[str, ...]:
    number = int.from_bytes(drawn, "big") >> (8 * len(drawn) - _BITS * count)
    places = (number >> (_BITS * (count - 1 - i)) & (1 << _BITS) - 1 for i in range(count))
    return tuple(_list()[place] for place in places)


def _bytes_for(count: int) -> int:
    if count < 1:
        raise ValueError("at least one word")
    return -(-_BITS * count // 8)


def words_of(secret: bytes, label: str, count: int = 4) -> tuple[str, ...]:
    """Return the words that stand for a secret on two screens.

    Args:
        secret: what both sides hold.
        label: what is compared, as in derive().
        count: how many words, 11 bits each.

    Source: spec/20-sealing.md, 9.
    """
    return _to_words(derive(secret, label, length=_bytes_for(count)), count)


def spoken_words(entropy: Callable[[int], bytes], count: int = 4) -> tuple[str, ...]:
    """Draw words for a spoken code.

    Args:
        entropy: gives that many random bytes.
        count: how many words, 11 bits each.

    Source: spec/20-sealing.md, 9.
    """
    return _to_words(entropy(_bytes_for(count)), count)


def normal_words(text: str) -> tuple[str, ...]:
    """Read words as people type them: any case, gaps or hyphens, four letters or more of each.

    Args:
        text: what was typed.

    Returns:
        The words of the list, in full; none for an empty text.

    Raises:
        UnknownWord: one is not on the list; it names the place.

    Source: spec/20-sealing.md, 9.
    """
    typed = unicodedata.normalize("NFKC", text).casefold()
    return tuple(_known(i, part) for i, part in enumerate(filter(None, _GAPS.split(typed)), 1))


def _known(position: int, typed: str) -> str:
    word = _by_prefix().get(typed[:_PREFIX], "")
    if not word.startswith(typed):
        raise UnknownWord(position)
    return word


def paper_words(secret: bytes) -> tuple[str, ...]:
    """Return the thirteen words that hold a key on paper.

    Args:
        secret: 16 bytes drawn by chance.

    Raises:
        ValueError: it has another length.

    Source: spec/61-root.md, 6.
    """
    if len(secret) != PAPER_SECRET:
        raise ValueError("a key on paper has 16 bytes")
    return _to_words(secret + derive(secret, "root words", length=2), PAPER_WORDS)


def read_paper(text: str) -> bytes:
    """Return the 16 bytes that words on paper hold.

    Args:
        text: what was typed, as for normal_words().

    Raises:
        UnknownWord: one is not on the list; it names the place.
        CannotOpen: they are not thirteen, or one of them is another.

    Source: spec/61-root.md, 6.
    """
    words = normal_words(text)
    number = 0
    for word in words[: PAPER_WORDS + 1]:
        number = number << _BITS | _list().index(word)
    secret = (number >> _BITS * PAPER_WORDS - 8 * PAPER_SECRET & (1 << 8 * PAPER_SECRET) - 1).to_bytes(PAPER_SECRET)
    if paper_words(secret) != words:
        raise CannotOpen
    return secret
