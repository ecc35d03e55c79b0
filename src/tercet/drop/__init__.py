"""Dead drops: the one interface, its stores, its relay and its client.

Does        export what other rooms use.
Does not    import any other room: a seized relay holds no code that could open anything.
Spec        spec/10-drop.md
Always      1. Nothing of ours but this room is imported.
Read first  `ops`, then `boxes`.
"""

from tercet.drop.address import RelayAddress
from tercet.drop.local import Drop, LocalDrop
from tercet.drop.memory import MemoryStore, Store
from tercet.drop.ops import (
    BLOCK,
    BOX_FRAMES,
    DAY,
    FRAME,
    ITEM_LIFETIME,
    POSTED_LIFETIME,
    Ack,
    Acked,
    Answer,
    DropFailure,
    Items,
    Op,
    Post,
    Put,
    Read,
    Refusal,
    Refused,
    Stored,
    id_of_read,
    name_of,
    read_of_ack,
    read_of_post,
)

__all__ = [
    "BLOCK",
    "BOX_FRAMES",
    "DAY",
    "FRAME",
    "ITEM_LIFETIME",
    "POSTED_LIFETIME",
    "Ack",
    "Acked",
    "Answer",
    "Drop",
    "DropFailure",
    "Items",
    "LocalDrop",
    "MemoryStore",
    "Op",
    "Post",
    "Put",
    "Read",
    "Refusal",
    "Refused",
    "RelayAddress",
    "Store",
    "Stored",
    "id_of_read",
    "name_of",
    "read_of_ack",
    "read_of_post",
]
