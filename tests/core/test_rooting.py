"""The desk's roots: what it takes in, all or none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tercet.core import events as ev
from tercet.core import root as roots
from tercet.core import rooting
from tercet.core.device import step
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.core.state import Device
from tercet.core.turn import Turn
from tercet.sealing import sign_public

from .test_root import after, document, signed

NOW = 1_790_000_000
DESK, _ = step(Device(), ev.SetUpDesk(("relay",), 1), NOW, lambda count: bytes(range(count)))


def board_of(device: Device, days: int = 100) -> roots.BoardKey:
    return rooting.offer(device, 20_800, 20_800 + days)


FIRST = document(board=board_of(DESK))


def taken(*documents: bytes, device: Device = DESK) -> Device:
    after, effects = step(device, ev.TakeRoots(documents), NOW, lambda count: bytes(count))
    assert effects == ()
    return after


def data(payload: bytes, by: Any = (0, 1, 2)) -> bytes:
    return encode(signed(payload, by))


def kept(device: Device) -> tuple[bytes, ...]:
    assert device.office
    return device.office.roots


def refused(code: str, *documents: bytes, device: Device = DESK) -> None:
    with pytest.raises(Refusal) as refusal:
        taken(*documents, device=device)
    assert refusal.value.code == code


def test_a_desk_keeps_the_chain_and_offers_its_key_at_the_same_place() -> None:
    second = after(FIRST, board=board_of(DESK, 200))
    held = taken(data(FIRST), data(second))
    assert kept(held) == (data(FIRST), data(second))
    assert held.office and rooting.held(held.office) == roots.parse_root(second)
    assert board_of(held) == board_of(DESK)
    assert taken(data(FIRST), device=held) == held, "what it has already changes nothing"


def test_a_place_on_the_board_stays_when_the_same_key_is_offered_again() -> None:
    placed = msgspec.structs.replace(board_of(DESK), number=57, mark=b"\1" * 32)
    held = taken(data(document(board=placed)))
    assert (board_of(held).number, board_of(held).mark) == (57, b"\1" * 32)


def test_a_desk_with_a_root_takes_in_none_that_names_a_place_behind_its_newest_entry() -> None:
    """A place far ahead leaves no number for any entry, and no later root may name an earlier one."""
    held = taken(data(FIRST))
    turn = Turn(held, NOW, lambda count: b"f" * count)
    rooting.draw_key(turn)
    newest = turn.device.board.number
    for number, refusal in ((newest, ""), (newest + 1, "root_place"), (2**32, "root_place")):
        offered = rooting.offer(turn.device, 20_800, 20_900)
        second = after(FIRST, board=msgspec.structs.replace(offered, number=number))
        if refusal:
            refused(refusal, data(second), device=turn.device)
        else:
            assert kept(taken(data(second), device=turn.device)) == (data(FIRST), data(second))


def test_a_desk_takes_in_all_or_none() -> None:
    second = after(FIRST, board=board_of(DESK, 200))
    refused("root_old_few", data(FIRST), data(second, (0, 1)))
    refused("root_not_next", data(second), device=taken(data(document(board=board_of(DESK), threshold=4), range(5))))
    with pytest.raises(Malformed):
        taken(data(FIRST), b"noise")


def test_a_desk_takes_in_no_root_of_another_key_and_none_at_all_is_none() -> None:
    other = msgspec.structs.replace(board_of(DESK), public=sign_public(b"o" * 32))
    refused("root_board", data(document(board=other)))
    refused("root_board")
    refused("root_new_few", data(FIRST, (0, 1)))
    refused("root_other", data(after(FIRST, board=board_of(DESK))))


def test_a_desk_keeps_so_many_roots_and_no_more() -> None:
    chain = [FIRST]
    while len(chain) <= rooting.ROOTS_MOST:
        chain.append(after(chain[-1], board=board_of(DESK)))
    held = taken(*(data(each) for each in chain[:-1]))
    assert len(kept(held)) == rooting.ROOTS_MOST
    refused("root_many", data(chain[-1]), device=held)


def test_a_member_takes_in_no_roots_and_offers_no_key() -> None:
    refused("not_the_desk", data(FIRST), device=Device())
    with pytest.raises(Refusal) as refusal:
        board_of(Device())
    assert refusal.value.code == "not_the_desk"
