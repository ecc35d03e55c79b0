"""A stick: one folder, and in it one folder store for each relay.

Does        tell which part of a stick belongs to which relay.
Does not    show one relay, or a carrier who serves one relay only, the secrets of boxes at another.
Spec        spec/10-drop.md, 5
Always      1. The name of a part says nothing but which relay it is for, to whoever knows the relay's address.
Read first  `Stick.at`.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from tercet.drop.address import RelayAddress
from tercet.drop.files import Files
from tercet.drop.folder import FolderStore
from tercet.drop.ops import DropFailure

MOST_PARTS = 64  # relays on one stick up to which another may hand on a new one; spec/10-drop.md, 5
MOST_NAMES = 4_096  # names looked at beside the parts
_PART = re.compile(r"relay-([0-9a-f]{16})", re.ASCII)


def tag_of(address: str) -> str:
    """Return the tag (16 hex digits) of a relay; its pass does not count.

    Raises:
        DropFailure: bad_address.

    Source: spec/10-drop.md, 5.
    """
    identity = RelayAddress.parse(address).identity.encode()
    return blake2b(identity, digest_size=32, person=b"tercet stick").hexdigest()[:16]


class Stick:
    """A USB stick or a memory card, or a folder that stands for one.

    Args:
        path: the folder; it must be there.
        files: the file system; tests put theirs here.

    Raises:
        DropFailure: no_store if there is no such folder.
    """

    def __init__(self, path: Path, *, files: Files | None = None) -> None:
        self._path = path
        self._files = files
        self._there()

    def _there(self) -> None:
        if not self._path.is_dir():
            raise DropFailure("no_store", "There is no folder of that name: look whether the stick is in.")

    def at(self, address: str) -> FolderStore:
        """Return what the stick holds for a relay, as a store; it is made if it is not there.

        Args:
            address: the relay's, with a pass or without.

        Raises:
            DropFailure: bad_address; no_store if the stick is gone; store_failed.
        """
        return self.part(tag_of(address))

    def has(self, address: str) -> bool:
        """Say whether there is a part for a relay; nothing is made. Raises DropFailure: bad_address."""
        part = self._path / f"relay-{tag_of(address)}"
        return part.is_symlink() or part.exists()

    def part(self, tag: str) -> FolderStore:
        """Return the part with a tag, as a store; it is made if it is not there. Raises DropFailure, as `at` does."""
        self._there()
        return FolderStore(self._path / f"relay-{tag}", files=self._files)

    def tags(self) -> list[str]:
        """Return the tags of the relays that something lies here for, in their order.

        Raises:
            DropFailure: no_store if the stick is gone; store_failed if the folder holds more than 4,096 names: it is
                no stick then.
        """
        names = self._names()
        return sorted(match[1] for each in names if (match := _PART.fullmatch(each.name)) and each.is_dir())

    def takes(self, tag: str) -> bool:
        """Say whether another stick may hand on a part: it is here, or there are fewer than 64. Raises as `tags`."""
        tags = self.tags()
        return tag in tags or len(tags) < MOST_PARTS

    def _names(self) -> list[Path]:
        self._there()
        try:
            names = list(islice(self._path.iterdir(), MOST_NAMES + 1))
        except OSError:
            raise DropFailure("store_failed", "The stick cannot be read: look whether it is still in.") from None
        if len(names) > MOST_NAMES:
            raise DropFailure("store_failed", "There is too much in this folder: it is no stick.")
        return names

    def is_also(self, other: Stick) -> bool:
        """Say whether two sticks are one folder."""
        try:
            return self._path.samefile(other._path)
        except OSError:
            return False

    def close(self) -> None:
        """Nothing is held open; a second call does nothing."""
