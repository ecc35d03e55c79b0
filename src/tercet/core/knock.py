"""The nameplate: three digits said aloud, and the frames in its boxes.

Does        parses spoken codes; seals and opens offers, answers and refusals.
Does not    keep anything from anybody: whoever knows the three digits reads all of it.
Spec        spec/30-meeting.md, 2 and 3
Always      1. The words of a code enter no box, no key and no frame but through SPAKE2.
            2. An answer fits one offer only: frames of an earlier meeting do not open.
Read first  Knock, open_knock().
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, Version1, decode, encode
from tercet.sealing import (
    FRAME,
    NONCE,
    SPAKE_MESSAGE,
    Box,
    UnknownWord,
    box,
    derive,
    normal_words,
    open_sealed,
    seal,
)

Chance = Callable[[int], bytes]
CODE_WORDS: Final = 4
PROOF: Final = 32  # bytes


class Out(msgspec.Struct, frozen=True):
    """A frame to put: the id of its box, and 4,096 bytes."""

    box: bytes
    item: bytes


class Knock(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A frame in a nameplate's box: offer, answer or refusal. Anybody who knows the plate can open it.

    Attributes:
        version: 1.
        kind: `offer`, `answer` or `refusal`.
        spake: the writer's SPAKE2 message, 33 bytes; in a refusal, that of the offer it ends.
        proof: of the answer, 32 bytes: only who knows the words can make it; else empty.
        code: of the refusal; else empty.
    """

    version: Version1
    kind: Annotated[str, msgspec.Meta(pattern="^(offer|answer|refusal)\\Z")]
    spake: Annotated[bytes, msgspec.Meta(min_length=SPAKE_MESSAGE, max_length=SPAKE_MESSAGE)]
    proof: Annotated[bytes, msgspec.Meta(max_length=PROOF)]
    code: Annotated[str, msgspec.Meta(pattern="^(code_(wrong|expired|used|refused))?\\Z")]


def parse_knock(content: bytes) -> Knock:
    """The knock in an opened frame.

    Raises:
        Malformed: it is none, or a field is filled that its kind leaves empty, or the other way round.
    """
    knock = decode(content, Knock)
    proof = PROOF if knock.kind == "answer" else 0
    if len(knock.proof) != proof or bool(knock.code) != (knock.kind == "refusal"):
        raise Malformed
    return knock


def parse_code(text: str) -> tuple[str, str]:
    """Split a spoken code into its nameplate and its normalised words.

    Raises:
        Refusal: `bad_code`.
    """
    plate, _, rest = " ".join(text.replace("-", " ").split()).partition(" ")
    try:
        words = normal_words(rest)
    except UnknownWord:
        raise Refusal("bad_code") from None
    if not (len(plate) == 3 and plate.isascii() and plate.isdigit()) or len(words) != CODE_WORDS:
        raise Refusal("bad_code")
    return plate, " ".join(words)


def draw_plate(chance: Chance) -> str:
    """Three digits by chance."""
    return f"{int.from_bytes(chance(8), 'big') % 1000:03d}"


def plate_box(plate: str) -> Box:
    """The box of a nameplate, where the inviter leaves its offer and, later, a refusal; no secret at all."""
    return box(derive(plate.encode(), "plate box"))


def answer_box(plate: str, offer: bytes) -> Box:
    """The box for the answers to one offer; no secret to whoever read the offer.

    Args:
        plate: the three digits.
        offer: SPAKE2 message of the offer, 33 bytes.
    """
    return box(derive(plate.encode(), "answer box", offer))


def seal_offer(plate: str, spake: bytes, chance: Chance) -> Out:
    """The inviter's first frame."""
    return _left(plate, Knock(1, "offer", spake, b"", ""), chance)


def seal_refusal(plate: str, offer: bytes, code: str, chance: Chance) -> Out:
    """What the inviter leaves when a code is spent, for whoever still tries it."""
    return _left(plate, Knock(1, "refusal", offer, b"", code), chance)


def seal_answer(plate: str, offer: bytes, spake: bytes, proof: bytes, chance: Chance) -> Out:
    """The joiner's first frame, to one offer."""
    content = encode(Knock(1, "answer", spake, proof, ""))
    return Out(answer_box(plate, offer).id, seal(_answer_key(plate, offer), content, FRAME, chance(NONCE)))


def open_knock(plate: str, frame: bytes) -> Knock:
    """Open a frame of the plate's box.

    Raises:
        CannotOpen: noise.
        Malformed: it opens and is no knock.
    """
    return parse_knock(open_sealed(_plate_key(plate), frame))


def open_answer(plate: str, offer: bytes, frame: bytes) -> Knock:
    """Open a frame of an offer's answer box.

    Raises:
        CannotOpen: noise, or an answer to another offer.
        Malformed: it opens and is no answer.
    """
    knock = parse_knock(open_sealed(_answer_key(plate, offer), frame))
    if knock.kind != "answer":
        raise Malformed
    return knock


def proof_of(shared: bytes) -> bytes:
    """What shows the inviter that the joiner knows the words: 32 bytes from the SPAKE2 key."""
    return derive(shared, "answer proof")


def _left(plate: str, knock: Knock, chance: Chance) -> Out:
    return Out(plate_box(plate).id, seal(_plate_key(plate), encode(knock), FRAME, chance(NONCE)))


def _plate_key(plate: str) -> bytes:
    return derive(plate.encode(), "plate key")


def _answer_key(plate: str, offer: bytes) -> bytes:
    return derive(plate.encode(), "answer key", offer)
