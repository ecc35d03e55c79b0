"""What can be said of a seized file that nothing opens: how much it looks like noise, and what that proves.

Does        counts bytes, looks for repetition, zeros and marks of known formats; searches memory for what is known.
Does not    open anything; the tests with stated chances are those of `randomness`.
Spec        spec/91-exposure.md, 5 and 6
Always      1. It says what a figure proves, and nothing above it.
Read first  look(), remains().
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from tercet.core.burning import POINT, SHARE
from tercet.core.state import Device
from tercet.lab.exposure import Exposure
from tercet.lab.seizure import SeizureError
from tercet.sealing import FRAME, KEY
from tercet.vault.geometry import MAX_SIZE, MIN_SIZE, PAGE

SECTOR: Final = 512  # bytes
MAGIC: Final = {
    "ZIP": b"PK\x03\x04",
    "PNG": b"\x89PNG",
    "JPEG": b"\xff\xd8\xff",
    "PDF": b"%PDF-",
    "gzip": b"\x1f\x8b\x08",
    "ELF": b"\x7fELF",
    "SQLite": b"SQLite format 3\0",
    "LUKS": b"LUKS\xba\xbe",
    "KeePass": b"\x03\xd9\xa2\x9a",
    "OpenPGP": b"-----BEGIN PGP",
    "age": b"age-encryption.org/",
    "SSH": b"SSH",
    "Tercet": b"tercet",
}
SURE: Final = 6.0  # deviations from what noise shows; one in 10^9
LEAST: Final = 8  # bytes of a word that is looked for in a memory
ADDRESS: Final = re.compile(rb"tercet://([0-9a-z.:\[\]-]{1,255}:[0-9]{1,5})/[a-z2-7]{52}(/[a-z2-7]{26})?")


class Noise(msgspec.Struct, frozen=True):
    """A file, seen from outside.

    Attributes:
        size: bytes.
        of_a_vault: whether a vault can have that size: whole pages, 4 MiB to 1 GiB.
        bits: entropy of its bytes, bits a byte.
        deviation: of the bytes' counts from equal ones, in standard deviations.
        compressed: part that a compressor saves; 0 for noise.
        sectors: sectors of 512 bytes that occur more than once.
        zeros: the longest run of zero bytes.
        begins: the formats whose mark stands at the beginning.
        noise: whether nothing of all this tells it from noise.
    """

    size: int
    of_a_vault: bool
    bits: float
    deviation: float
    compressed: float
    sectors: int
    zeros: int
    begins: tuple[str, ...]
    noise: bool


def look(data: bytes) -> Noise:
    """Simple statistics of a whole file.

    Source: spec/91-exposure.md, 5.
    """
    size = len(data)
    counts = Counter(data)
    even = size / 256
    square = sum((counts.get(value, 0) - even) ** 2 for value in range(256)) / even if size else 0.0
    deviation = (square - 255) / math.sqrt(2 * 255)
    bits = -sum(n / size * math.log2(n / size) for n in counts.values()) if size else 0.0
    saved = max(1 - len(zlib.compress(data, 1)) / size, 0.0) if size else 0.0
    sectors = Counter(data[at : at + SECTOR] for at in range(0, size - SECTOR + 1, SECTOR))
    twice = sum(n for n in sectors.values() if n > 1)
    zeros = max((len(run) for run in re.findall(rb"\0{3,}", data)), default=0)
    begins = tuple(name for name, mark in MAGIC.items() if data.startswith(mark))
    likely = abs(deviation) < SURE and not twice and not begins and saved == 0 and zeros <= _longest(size)
    fits = size % PAGE == 0 and MIN_SIZE <= size <= MAX_SIZE
    return Noise(size, fits, round(bits, 6), round(deviation, 2), round(saved, 4), twice, zeros, begins, likely)


def _longest(size: int) -> int:
    """The longest run of zeros that noise of this size has with a chance above one in 10^9."""
    return math.ceil((math.log2(max(size, 1)) + 30) / 8)


class Remains(msgspec.Struct, frozen=True):
    """What a memory holds.

    Attributes:
        size: bytes that could be read.
        known: for each kind of secret how many different ones of it were found.
        looked_for: how many were looked for.
        addresses: of relays.
        passes: different passes at their ends.
        keys: byte strings of 32 bytes that look like those of this program: box ids, read secrets, or worse.
        frames: likewise of 4,096 bytes.
    """

    size: int
    known: dict[str, int]
    looked_for: dict[str, int]
    addresses: tuple[str, ...]
    passes: int
    keys: int
    frames: int


def read_memory(source: str) -> bytes:
    """A dump, or the memory of the process of that number, as far as it can be read.

    Raises:
        SeizureError: `memory_unreadable`.
    """
    try:
        return _of_process(int(source)) if source.isascii() and source.isdigit() else Path(source).read_bytes()
    except OSError:
        raise SeizureError("memory_unreadable") from None


def _of_process(number: int) -> bytes:
    found = bytearray()
    with open(f"/proc/{number}/maps") as maps, open(f"/proc/{number}/mem", "rb", buffering=0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            low, high = (int(end, 16) for end in span.split("-"))
            if rights.startswith("rw"):
                try:
                    memory.seek(low)
                    found += memory.read(high - low)
                except (OSError, ValueError, OverflowError):
                    continue
    return bytes(found)


def secrets_of(devices: Iterable[Device], exposures: Iterable[Exposure]) -> dict[str, set[bytes]]:
    """What to look for in a memory, by kind: keys and roots, sessions, names, texts."""
    keys: set[bytes] = set()
    sessions: set[bytes] = set()
    for device in devices:
        keys |= _keys(device)
        sessions |= {relation.session[:64] for relation in device.relations}
    told = list(exposures)
    names = {form for e in told for person in e.people for form in forms(person.name)}
    texts = {form for e in told for one in e.words for form in forms(one.text)}
    return {"keys": keys, "sessions": sessions, "names": names, "texts": texts}


def _keys(device: Device) -> set[bytes]:
    """Secrets that a locked process must not have: all in the state but its own mark of the door, and its passes.

    It posts with these: its row of the table says so.
    """
    bare = msgspec.structs.replace(device, ahead=type(device.ahead)())
    public = {relay.board for relay in device.table} | {key.public for key in device.board.keys}
    public |= {mark for mark in device.board.marks} | {out.box for out in device.outbox}
    public |= {one.shown for one in device.passes}
    found = {one for one in _bytes(bare) if len(one) in (16, KEY, POINT, SHARE)} - public
    return {one for one in found if len(set(one)) > LEAST}


def _bytes(value: Any) -> set[bytes]:
    if isinstance(value, bytes):
        return {value}
    if isinstance(value, msgspec.Struct):
        return _bytes(msgspec.structs.astuple(value))
    if isinstance(value, dict):
        return _bytes(tuple(value.items()))
    if isinstance(value, tuple | list):
        return {found for one in value for found in _bytes(one)}
    return set()


def forms(text: str) -> set[bytes]:
    """A text as a process may hold it; words of less than eight bytes are in any memory by chance."""
    every = {text.encode(code, "surrogatepass") for code in ("utf-8", "utf-16-le", "utf-32-le")}
    return {form for form in every if len(text) >= LEAST}


def remains(memory: bytes, secrets: dict[str, set[bytes]]) -> Remains:
    """Search a memory for what is known, and for what this program's objects look like.

    Source: spec/91-exposure.md, 6.
    """
    known = {kind: sum(one in memory for one in wanted) for kind, wanted in secrets.items()}
    found = ADDRESS.findall(memory)
    addresses = sorted({place.decode() for place, _ in found})
    return Remains(
        len(memory),
        known,
        {kind: len(wanted) for kind, wanted in secrets.items()},
        tuple(addresses),
        len({pass_ for _, pass_ in found if pass_}),
        len(byte_strings(memory, KEY)),
        len(byte_strings(memory, FRAME)),
    )


def byte_strings(memory: bytes, size: int) -> set[bytes]:
    """Byte strings of one length, by the shape that CPython 3.11 gives them: type, length, hash, bytes, a zero."""
    found: dict[bytes, set[bytes]] = {}
    mark = size.to_bytes(8, "little")
    at = memory.find(mark)
    while at >= 0:
        begins = at + 16
        if at % 8 == 0 and at >= 8 and memory[begins + size : begins + size + 1] == b"\0":
            found.setdefault(memory[at - 8 : at], set()).add(memory[begins : begins + size])
        at = memory.find(mark, at + 1)
    noisy = {
        kind: {one for one in every if len(set(one)) > size // 4 or len(set(one)) > 200}
        for kind, every in found.items()
    }
    return max(noisy.values(), key=len, default=set())
