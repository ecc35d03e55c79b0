"""Passphrases: drawn, weighed, and what guessing them costs.

Does        draws words for a passphrase; says which passphrases are too easy; computes what trying them costs.
Does not    ask for a passphrase, show one, keep one or put one into an error.
Spec        spec/72-dialogue.md, 1a; docs/passphrases.md
Always      1. There is no way round the floor.  2. Chance is an argument.
Read first  suggest(), guesses(), seconds_to_try().
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from tercet.sealing import Cost

LIST: Final = 7_776  # words; five throws of a die
WORDS: Final = 5  # words suggested, 64.6 bits
FLOOR: Final = 10**12  # guesses; spec/72-dialogue.md, 1a
LOOKED_AT: Final = 72  # characters of a passphrase that are weighed; the estimate takes cubic time
ATTACKER_MEMORY: Final = 1_000 * 2**40  # bytes; docs/passphrases.md
FILLED: Final = 75 * 2**30  # bytes a second that the attacker fills for one guess: 256 MiB three times in 10 ms
YEAR: Final = 365 * 86_400  # seconds
UNITS: Final = (
    ("billion years", YEAR * 10**9),
    ("million years", YEAR * 10**6),
    ("years", YEAR),
    ("days", 86_400),
    ("hours", 3_600),
    ("minutes", 60),
    ("seconds", 1),
)
SHOWN: Final = range(3, 8)  # words; the rows of the table

SENTENCES = {
    "guess_cost": "{words} words drawn by chance: {bits} bits, all tried in {time} by whoever has 1,000 TiB of memory.",
    "suggested": "A passphrase drawn by chance, kept nowhere: {words}\nType it twice, or another one as hard to guess.",
    "duress_explained": "The second passphrase is for captors only: for whoever forces you to open this file.\n"
    "It opens a notebook and nothing else.\n"
    "It destroys everything else in the file, at once and for good. Nobody gets it back, not even you.\n"
    "It raises the alarm: your neighbours learn that you are in danger.\n"
    "Never type it to try it out.",
}
_BETWEEN: Final = re.compile(r"[\s\-_.,]+")


class Row(NamedTuple):
    """What one number of words is worth: bits, to one tenth, and how long trying all of them takes, in words."""

    words: int
    bits: str
    time: str


@cache
def words() -> tuple[str, ...]:
    """The EFF's long list: 7,776 English words of 3 to 9 letters.

    Source: src/tercet/shell/eff-long.md.
    """
    return tuple(Path(__file__).with_name("eff-long.txt").read_text(encoding="ascii").split())


def suggest(chance: Callable[[int], bytes], count: int = WORDS) -> str:
    """Draw a passphrase, each word as likely as any other.

    Args:
        chance: gives that many random bytes.
        count: how many words, 12.9 bits each.
    """
    return " ".join(words()[_below_list(chance)] for _ in range(count))


def _below_list(chance: Callable[[int], bytes]) -> int:
    while (number := int.from_bytes(chance(2), "big") & 0x1FFF) >= LIST:
        pass
    return number


def guesses(passphrase: str, known: str = "") -> int:
    """Estimate how many guesses a passphrase takes, by whoever knows words, names, dates, keyboards and habits.

    Args:
        passphrase: as typed; its first 72 characters are weighed, with and without what stands between its words.
        known: another passphrase, which whoever guesses has.

    Source: spec/72-dialogue.md, 1a; zxcvbn, USENIX Security 2016.
    """
    from zxcvbn import matching, zxcvbn  # its dictionaries take time, and only set-up needs them

    typed, other = normal(passphrase)[:LOOKED_AT], normal(known)
    given = [other, _BETWEEN.sub("", other), *_BETWEEN.split(other)] if other else []
    try:
        forms = {typed, _BETWEEN.sub("", typed)}
        return min(int(zxcvbn(form, given, max_length=LOOKED_AT)["guesses"]) if form else 0 for form in forms)
    finally:
        matching.RANKED_DICTIONARIES["user_inputs"] = {}  # it would keep `known` for as long as the process lives


def is_weak(passphrase: str) -> bool:
    """Whether a passphrase is below the floor."""
    return guesses(passphrase) < FLOOR


def are_alike(first: str, second: str) -> bool:
    """Whether whoever has one of two passphrases would guess the other: a variant of it, or many of its words."""
    pairs = (first, second), (second, first)
    return any(guesses(one, other) < FLOOR or is_weak(_without(one, other)) for one, other in pairs)


def _without(passphrase: str, other: str) -> str:
    """What is left of a passphrase without the words of another one."""
    taken = set(_BETWEEN.split(normal(other).lower()))
    return " ".join(word for word in _BETWEEN.split(normal(passphrase).lower()) if word not in taken)


def normal(passphrase: str) -> str:
    """A passphrase as it is stretched: NFKC, outer white space off.

    Source: spec/20-sealing.md, 11.
    """
    return unicodedata.normalize("NFKC", passphrase).strip()


def seconds_to_try(tries: int, cost: Cost | None = None) -> float:
    """Seconds in which the attacker tries so many passphrases.

    The attacker has 1,000 TiB of memory, works on as many guesses at once as that holds, and fills 75 GiB a second for
    each: at the vault's cost, 4,096,000 guesses at once of 10 ms each.

    Args:
        tries: how many.
        cost: of one guess; the vault's own by default.

    Source: docs/passphrases.md.
    """
    cost = cost or Cost()
    memory = cost.memory_kib * 1_024
    return tries / (ATTACKER_MEMORY // memory) * cost.iterations * memory / FILLED


def guess_costs(cost: Cost | None = None) -> Iterator[Row]:
    """The table of docs/passphrases.md, row by row."""
    for count in SHOWN:
        yield Row(count, f"{count * math.log2(LIST):.1f}", how_long(seconds_to_try(LIST**count, cost)))


def how_long(seconds: float) -> str:
    """A time in words, rounded to whole ones of the largest unit that it holds."""
    name, unit = next((name, unit) for name, unit in UNITS if seconds >= unit or unit == 1)
    return f"{round(seconds / unit):,} {name}"
