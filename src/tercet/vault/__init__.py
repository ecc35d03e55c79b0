"""Room: vault. The device's memory, one file that looks like noise, and the door to whoever holds it."""

from tercet.vault.door import Door, DoorServer, door_path, knock, serve_door
from tercet.vault.errors import DoorError, VaultError
from tercet.vault.files import Files
from tercet.vault.geometry import DEFAULT_SIZE, Geometry
from tercet.vault.vault import Vault, create, open_vault

__all__ = [
    "DEFAULT_SIZE",
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
]
