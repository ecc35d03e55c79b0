"""A stick has a part for each relay, and whoever looks at it from outside finds nothing in it that harms."""

from __future__ import annotations

import pytest

from tercet.drop import DropFailure, Items, LocalDrop, Put, Read, RelayAddress, Stick, Stored, tag_of
from tercet.drop import stick as module
from tercet.drop.folder import PARTS

from .things import NOW, box, frame

ONE, TWO = (RelayAddress(host, 443, bytes(32)) for host in ("one.example", "two.example"))
B = box(1)


def test_each_relay_has_a_part_of_its_own(tmp_path):
    stick = Stick(tmp_path)
    assert stick.tags() == []
    assert stick.at(str(ONE)).apply([Put(B.id, frame(1))], NOW) == [Stored()]
    assert stick.at(str(TWO)).apply([Read(B.read)], NOW) == [Items((), False)]
    assert Stick(tmp_path).at(str(ONE)).apply([Read(B.read)], NOW) == [Items((frame(1),), False)]
    assert stick.tags() == sorted(tag_of(str(each)) for each in (ONE, TWO))


def test_a_pass_a_host_a_port_and_a_key_make_which_difference():
    with_pass = RelayAddress(ONE.host, ONE.port, ONE.fingerprint, bytes(16))
    others = [RelayAddress(ONE.host, 444, ONE.fingerprint), RelayAddress(ONE.host, 443, bytes([1]) * 32), TWO]
    assert tag_of(str(with_pass)) == tag_of(str(ONE))
    assert len({tag_of(str(each)) for each in (ONE, *others)}) == 4


def test_the_layout_is_the_specs(tmp_path):
    Stick(tmp_path).at(str(ONE))
    (part,) = tmp_path.iterdir()
    assert sorted(each.name for each in part.iterdir()) == sorted(PARTS)
    assert part.stat().st_mode & 0o777 == 0o700


def test_a_device_uses_its_part_as_the_drop_of_that_relay(tmp_path):
    import asyncio

    drop = LocalDrop(Stick(tmp_path).at(str(ONE)), lambda: NOW)
    answers = asyncio.run(drop.perform([Put(B.id, frame(1)), Read(B.read, start=9)]))
    assert answers == [Stored(), Items((frame(1),), False)]


def test_foreign_names_are_no_parts(tmp_path):
    stick = Stick(tmp_path)
    stick.at(str(ONE))
    for name in ("relay-", "relay-0123456789abcdeF", "relay-0123456789abcde", "DCIM", "relay-0123456789abcdef0"):
        (tmp_path / name).mkdir()
    (tmp_path / "relay-0123456789abcdef").write_text("a file")
    assert stick.tags() == [tag_of(str(ONE))]


def test_a_part_that_is_a_link_is_not_used(tmp_path):
    stick, outside = tmp_path / "stick", tmp_path / "outside"
    stick.mkdir()
    outside.mkdir()
    (stick / f"relay-{tag_of(str(ONE))}").symlink_to(outside)
    with pytest.raises(DropFailure) as failure:
        Stick(stick).at(str(ONE))
    assert failure.value.code == "store_failed" and not list(outside.iterdir())


def test_a_folder_with_too_much_in_it_is_no_stick(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_NAMES", 3)
    for number in range(4):
        assert len(Stick(tmp_path).tags()) == number
        (tmp_path / f"relay-{number:016x}").mkdir()
    with pytest.raises(DropFailure) as failure:
        Stick(tmp_path).tags()
    assert failure.value.code == "store_failed"


def test_a_stick_with_many_parts_takes_no_new_one_from_another_and_its_owner_still_may_make_one(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_PARTS", 2)
    stick = Stick(tmp_path)
    for number in range(2):
        assert stick.takes(f"{number:016x}")
        (tmp_path / f"relay-{number:016x}").mkdir()
    assert stick.takes(f"{1:016x}") and not stick.takes(f"{2:016x}")
    stick.at(str(ONE))
    assert len(stick.tags()) == 3


def test_a_stick_that_is_not_in_is_said_and_nothing_is_made_in_its_place(tmp_path):
    with pytest.raises(DropFailure) as failure:
        Stick(tmp_path / "none")
    assert failure.value.code == "no_store"
    (tmp_path / "pulled").mkdir()
    stick = Stick(tmp_path / "pulled")
    (tmp_path / "pulled").rmdir()
    for use in (stick.tags, lambda: stick.at(str(ONE))):
        with pytest.raises(DropFailure) as failure:
            use()
        assert failure.value.code == "no_store"
    assert list(tmp_path.iterdir()) == []
