"""Words that people say, compare and type.

Does        turns bits into words and what people type back into words.
Does not    use the words as a wallet does: no checksum, no seed.
Spec        spec/20-sealing.md, 9
Always      1. Eleven bits a word.  2. Four letters name a word.  3. An error names a place, never a word.
Read first  normal_words().
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

from mnemonic import Mnemonic

from .failure import UnknownWord
from .keys import derive

_BITS = 11  # a word; the list has 2,048
_PREFIX = 4  # letters that name a word of the list
_GAPS = re.compile(r"[\s\-\u2010-\u2015]+")


@cache
def _list() -> tuple[str, ...]:
    return tuple(Mnemonic("english").wordlist)


@cache
def _by_prefix() -> dict[str, str]:
    return {word[:_PREFIX]: word for word in _list()}


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
