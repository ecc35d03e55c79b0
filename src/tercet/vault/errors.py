"""How the vault and its door fail.

Does        names every failure with a stable code and one sentence for a person.
Does not    carry a secret, a path or a cause that a captor could tell apart.
Spec        spec/70-vault.md, 8; spec/71-door.md, 5
Always      1. Whatever does not open fails as vault_wrong_passphrase.  2. A code never changes its meaning.
Read first  VAULT_HINTS.
"""

from __future__ import annotations

VAULT_HINTS = {
    "vault_wrong_passphrase": "This passphrase does not open this file: check the spelling and the file.",
    "vault_in_use": "Another process has this vault open: use that one, or close it first.",
    "vault_full": "The vault has no room for this much: remove something first.",
    "vault_no_room": "No slot is free for a block now: let waiting blocks travel, or save once more first.",
    "vault_block_lost": "This block is not in the vault or cannot be read: seal it again from its source.",
    "vault_disk": "The vault could not be read or written: check the path, the disk and its permissions.",
    "vault_exists": "A file of this name exists already: choose another name.",
    "vault_same_passphrase": "The two passphrases must differ: choose another one for the notebook.",
}

DOOR_HINTS = {
    "door_closed": "Nobody answers: unlock the vault first, then try again.",
    "door_in_use": "Somebody answers here already: use that one, or close it first.",
    "door_stranger": "The other side belongs to another user of this machine: do not use it.",
    "door_malformed": "The other side sent what cannot be read: use the same version on both sides.",
    "door_too_long": "This message is too long: send less at once.",
    "door_path": "No door can be made at this path: choose a folder of your own and a shorter name.",
}


class VaultError(Exception):
    """A vault that could not do what was asked; nothing was changed that its owner can see.

    Attributes:
        code: one of the keys of VAULT_HINTS, for programs.
        hint: one sentence for a person.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = VAULT_HINTS[code]


class DoorError(Exception):
    """A door that could not be opened, or a connection that ended badly.

    Attributes:
        code: one of the keys of DOOR_HINTS, for programs.
        hint: one sentence for a person.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = DOOR_HINTS[code]
