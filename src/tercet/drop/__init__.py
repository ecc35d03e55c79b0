"""Dead drops: the one interface, its stores, its relay and its client.

Does        export what other rooms use.
Does not    import any other room: a seized relay holds no code that could open anything.
Spec        spec/10-drop.md
Always      1. Nothing of ours but this room is imported.
Read first  `ops`, then `boxes`.
"""

from tercet.drop.address import RelayAddress
from tercet.drop.carry import CarryReport, carry, open_drop, visit
from tercet.drop.client import RelayClient
from tercet.drop.disk import DiskStore
from tercet.drop.folder import FolderStore, Want
from tercet.drop.guest import Limits
from tercet.drop.local import Drop, LocalDrop
from tercet.drop.memory import MemoryStore, Store
from tercet.drop.ops import (
    BLOCK,
    BOX_FRAMES,
    DAY,
    FAILURES,
    FRAME,
    ITEM_LIFETIME,
    POSTED_LIFETIME,
    REFUSAL_HINTS,
    SECRET,
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
from tercet.drop.server import Relay, serve
from tercet.drop.stick import Stick, tag_of

__all__ = [
    "BLOCK",
    "BOX_FRAMES",
    "DAY",
    "FAILURES",
    "FRAME",
    "ITEM_LIFETIME",
    "POSTED_LIFETIME",
    "REFUSAL_HINTS",
    "SECRET",
    "Ack",
    "Acked",
    "Answer",
    "CarryReport",
    "DiskStore",
    "Drop",
    "DropFailure",
    "FolderStore",
    "Items",
    "Limits",
    "LocalDrop",
    "MemoryStore",
    "Op",
    "Post",
    "Put",
    "Read",
    "Refusal",
    "Refused",
    "Relay",
    "RelayAddress",
    "RelayClient",
    "Stick",
    "Store",
    "Stored",
    "Want",
    "carry",
    "id_of_read",
    "name_of",
    "open_drop",
    "read_of_ack",
    "read_of_post",
    "serve",
    "tag_of",
    "visit",
]
