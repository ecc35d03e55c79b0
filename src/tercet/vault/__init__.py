"""Vault: the device's memory, one file that looks like noise, and the door to whoever holds it.

Does        saves and opens states and waiting blocks; carries messages between one person's processes.
Does not    know what a state, a block or a message means, or encrypt anything by itself.
Spec        spec/70-vault.md, spec/71-door.md
Always      1. Saved means durable.  2. What does not open fails in one way.
Read first  vault.py, then records.py.
"""

from tercet.vault.door import Door, DoorServer, door_path, knock, serve_door, turn_out
from tercet.vault.errors import DoorError, VaultError
from tercet.vault.files import Files
from tercet.vault.geometry import DEFAULT_SIZE, Geometry
from tercet.vault.vault import OPENING_COMMITS, Vault, create, open_vault

__all__ = [
    "DEFAULT_SIZE",
    "OPENING_COMMITS",
    "Door",
    "DoorError",
    "DoorServer",
    "Files",
    "Geometry",
    "Vault",
    "VaultError",
    "create",
    "door_path",
    "knock",
    "open_vault",
    "serve_door",
    "turn_out",
]
