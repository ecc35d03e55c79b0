"""What a report is: its bytes, its limits, and that its sender cannot open it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tercet.core import events as ev
from tercet.core import reporting
from tercet.core.chain import lane_of
from tercet.core.channel import Letter, LetterKind
from tercet.core.content import (
    MEDIA_MOST,
    NOBODY,
    REPORT_PLAIN,
    REPORT_TEXT,
    MediaKind,
    MediaRef,
    Place,
    ReportContent,
    ReportKind,
    WordContent,
    conversation_id,
    lapses,
    open_content,
    parse_content,
    seal_content,
    seal_word_content,
)
from tercet.core.conversation import dummy
from tercet.core.days import last_day_of, week_of
from tercet.core.envelope import SALT, SEALED, return_lane, return_root, unwrap, wrap
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed
from tercet.core.files import BLOCKS_MOST
from tercet.core.state import OWNER_MOST, save
from tercet.sealing import FRAME, NONCE, CannotOpen, kem_public, open_sealed, seal

from .scenes import founders, report
from .stage import START

DAY_NUMBER = START // 86_400
WEEK = week_of(DAY_NUMBER)
SEED = bytes(range(32))


def content(**changed: Any) -> ReportContent:
    whole = ReportContent(1, 1, DAY_NUMBER, b"", b"", b"", bytes(32), "what I saw", None, None, (), b"")
    return msgspec.structs.replace(whole, **changed)


def word(**changed: Any) -> WordContent:
    letter = Letter(1, 1, 0, 1, START, LetterKind.TEXT, b"there")
    return msgspec.structs.replace(WordContent(1, ReportKind.WORD, DAY_NUMBER, SEED, SEED[:16], letter), **changed)


def ref(number: int = 1, **changed: Any) -> MediaRef:
    return msgspec.structs.replace(MediaRef(MediaKind.PHOTO, "jpg", bytes([number]) * 32, 1, bytes(32)), **changed)


def sealed(whole: ReportContent, week: int = WEEK) -> bytes:
    return seal_content(whole, week, kem_public(SEED))


def test_a_sealed_report_opens_with_the_key_of_its_week_and_no_other() -> None:
    out = sealed(content())
    assert len(out) == SEALED
    assert open_content(out, {WEEK: SEED}) == content()
    for seeds in ({}, {WEEK + 1: SEED}, {WEEK: bytes(32)}):
        with pytest.raises(CannotOpen):
            open_content(out, seeds)
    moved = (WEEK + 1).to_bytes(2, "big") + out[2:]
    with pytest.raises(CannotOpen):
        open_content(moved, {WEEK + 1: SEED})


def test_every_report_is_sealed_to_the_same_size_whatever_it_says() -> None:
    place = Place("exact", 1, 1, "x" * 120)
    for whole in (content(text=""), content(text="x" * 1_200, place=place), content(media=(ref(),))):
        assert len(sealed(whole)) == SEALED


def test_the_text_that_fits_today_fits_when_both_tokens_and_a_claim_travel_too() -> None:
    media = (ref(1), ref(2))
    text = "x"
    while True:
        try:
            sealed(content(text=text, media=media))
        except Refusal:
            break
        text += "x" * 10
    full = content(text=text[:-10], media=media, token=bytes(296), witness=bytes(296), claim=bytes(32))
    assert len(sealed(full)) == SEALED


def test_a_report_of_1850_bytes_with_one_photo_and_a_place_fits() -> None:
    place = Place("exact", 3_351_000, 3_629_000, "")
    assert sealed(content(text="x" * REPORT_TEXT, media=(ref(1), ref(2)), place=place, happened=START))


@pytest.mark.parametrize("text", ["x" * (REPORT_TEXT + 1), "م" * (REPORT_TEXT // 2 + 1)])
def test_a_text_that_is_too_long_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="report_long"):
        sealed(content(text=text))


@pytest.mark.parametrize(
    "changed",
    [
        {"text": "\ud800"},
        {"happened": -1},
        {"happened": 2**70},
        {"happened": 253_402_300_800},
        {"day": DAY_NUMBER + 7},
        {"place": Place("near", 1, 1, "")},
        {"place": Place("district", 1, 1, "north")},
        {"place": Place("1km", None, None, "north")},
        {"place": Place("exact", 1, None, "")},
        {"place": Place("exact", None, None, "م" * 61)},
        {"media": (ref(form="jpeg2000"),)},
        {"media": (ref(form="../x"),)},
        {"media": (ref(size=0),)},
        {"media": (ref(sha256=b"short"),)},
        {"media": (ref(1), ref(1))},
    ],
    ids=str,
)
def test_what_the_desk_could_not_read_is_refused_before_it_is_sealed(changed: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="report_odd"):
        sealed(content(**changed))


@pytest.mark.parametrize("day", [0, last_day_of(WEEK) - 7, last_day_of(WEEK) + 1, 2_932_896])
def test_a_report_whose_day_is_not_of_its_keys_week_is_no_report(day: int) -> None:
    plain = msgspec.msgpack.encode(content(day=day)) + b"\x80"
    with pytest.raises(Malformed):
        parse_content(plain.ljust(REPORT_PLAIN, b"\0"), WEEK)


def test_a_report_without_its_padding_mark_or_of_another_length_is_no_report() -> None:
    plain = msgspec.msgpack.encode(content())
    parse_content((plain + b"\x80").ljust(REPORT_PLAIN, b"\0"), WEEK)
    for padded in (plain.ljust(REPORT_PLAIN, b"\0"), plain + b"\x80", b"", bytes(REPORT_PLAIN), b"\x80"):
        with pytest.raises(Malformed):
            parse_content(padded, WEEK)


def test_a_report_put_again_is_another_item_with_another_return_box() -> None:
    where = lane_of(bytes(32), "intake", 0)
    out, nonces = sealed(content()), (bytes(NONCE), b"\1" * NONCE)
    frames = [wrap(where, out, WEEK + 1, kem_public(SEED), nonce, bytes(SALT)) for nonce in nonces]
    assert frames[0] != frames[1]
    assert [len(frame) for frame in frames] == [FRAME, FRAME]
    assert [frame[:NONCE] for frame in frames] == list(nonces)
    seeds = {WEEK + 1: SEED}
    assert [unwrap(where, frame, seeds) for frame in frames] == [(bytes(SALT), out)] * 2
    elsewhere = lane_of(bytes(32), "intake", 1)
    for there, held in ((elsewhere, seeds), (where, {WEEK: SEED}), (where, {WEEK + 1: bytes(32)}), (where, {})):
        with pytest.raises(CannotOpen):
            unwrap(there, frames[0], held)
    assert len({return_lane(return_root(SEED, nonce, bytes(SALT))).boxes for nonce in nonces}) == 2


def test_to_who_holds_the_card_a_report_put_twice_is_what_two_dummies_are() -> None:
    where, public, nonces = lane_of(bytes(32), "intake", 0), kem_public(SEED), (bytes(NONCE), b"\1" * NONCE)
    next_week, report = WEEK + 1, sealed(content())
    day = last_day_of(next_week)
    dummies = [seal_word_content(dummy(bytes([n] * 32), START, day), next_week, public) for n in range(2)]

    def seen(frames: list[bytes]) -> tuple[set[bytes], int]:
        """The weeks in the clear beneath the network's layer, and how many pieces of 16 bytes two frames share."""
        inside = [open_sealed(where.key, frame) for frame in frames]
        pieces = [{layer[i : i + 16] for i in range(2, len(layer) - 15)} for layer in inside]
        return {layer[:2] for layer in inside}, len(pieces[0] & pieces[1])

    twice = [wrap(where, report, next_week, public, nonce, bytes(SALT)) for nonce in nonces]
    cover = [
        wrap(where, out, next_week, public, nonce, bytes(SALT)) for out, nonce in zip(dummies, nonces, strict=True)
    ]
    assert seen(twice) == seen(cover) == ({next_week.to_bytes(2, "big")}, 0)
    bare = [seal(where.key, report, FRAME, nonce) for nonce in nonces]
    assert seen(bare)[1] > 0 and seen(bare)[0] != seen(cover)[0]


def test_a_case_and_its_return_boxes_say_nothing_of_the_reply_secret_or_of_each_other() -> None:
    ways = ((bytes(NONCE), bytes(SALT)), (b"\1" * NONCE, bytes(SALT)), (bytes(NONCE), b"\1" * SALT))
    made = (conversation_id(SEED), *(return_root(SEED, nonce, salt) for nonce, salt in ways))
    assert [len(m) for m in made] == [16, 32, 32, 32]
    assert not any(m in n for m in (*made, SEED) for n in (*made, SEED) if m is not n)


def test_a_word_and_a_dummy_look_like_a_report_and_open_with_the_same_keys() -> None:
    for made in (word(), dummy(SEED, START, DAY_NUMBER), dummy(SEED, START, DAY_NUMBER, ReportKind.FILLER)):
        out = seal_word_content(made, WEEK, kem_public(SEED))
        assert len(out) == SEALED
        assert out[:2] == sealed(content())[:2]
        assert open_content(out, {WEEK: SEED}) == made
        with pytest.raises(CannotOpen):
            open_content(out, {WEEK: bytes(32)})


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": 5, "id": NOBODY, "letter": Letter(1, 0, 0, 0, START, 0, b"")},
        {"kind": ReportKind.FILLER},
        {"kind": ReportKind.FILLER, "id": NOBODY, "letter": Letter(1, 1, 0, 1, START, 1, b"x")},
        {"day": DAY_NUMBER + 7},
        {"id": NOBODY},
        {"kind": ReportKind.DUMMY},
        {"kind": ReportKind.DUMMY, "id": NOBODY, "letter": Letter(1, 1, 0, 1, START, 1, b"x")},
        {"back": b"short"},
        {"id": bytes(15)},
        {"version": 2},
    ],
    ids=str,
)
def test_what_is_neither_word_nor_dummy_is_malformed(changed: dict[str, Any]) -> None:
    plain = msgspec.msgpack.encode(word(**changed)) + b"\x80"
    with pytest.raises(Malformed):
        parse_content(plain.ljust(REPORT_PLAIN, b"\0"), WEEK)


def test_a_report_lapses_when_the_desk_erases_the_weeks_key() -> None:
    assert lapses(sealed(content())) == last_day_of(WEEK) + 46


# ---- what its sender keeps


def test_a_member_cannot_open_its_own_report() -> None:
    stage, desk, first, _ = founders()
    first.do(ev.WriteReport("only for the desk", Place("exact", 1, 2, ""), START, ()))
    (held,) = first.device.reports
    state = save(first.device)
    assert b"only for the desk" not in state
    assert held.sealed in state
    assert desk.device.office is not None
    for seed in desk.device.office.seeds.values():
        assert seed not in state
    assert open_content(held.sealed, desk.device.office.seeds)
    for start in range(0, len(state) - 31):
        if state[start : start + 2] == b"\xc4\x20"[:2]:
            with pytest.raises(CannotOpen):
                open_content(held.sealed, {WEEK: state[start + 2 : start + 34].ljust(32, b"\0")})


def test_once_received_neither_text_nor_path_nor_hash_nor_key_of_a_report_is_left_in_the_state() -> None:
    stage, desk, first, second = founders()
    given = first.give("/sdcard/secret-name.mp4", b"film" * 100_000, travel=b"")
    first.do(ev.WriteReport("what nobody may find", None, None, (given,)))
    (held,) = first.device.reports
    stage.beat(desk, first, rounds=6)
    (filed,) = desk.reports.values()
    state = save(first.device)
    for secret in (
        b"what nobody may find",
        b"secret-name",
        given.sha256,
        held.sealed,
        filed.content.reply,
        filed.content.media[0].secret,
    ):
        assert secret not in state
    assert not first.blocks


def test_the_key_of_a_block_is_gone_from_the_state_once_the_block_is_sealed() -> None:
    stage, desk, first, _ = founders()
    given = first.give("film", b"film" * 100_000)
    report(first, "", given)
    stage.beat(desk, rounds=1)
    (filed,) = desk.reports.values()
    assert filed.content.media[0].secret not in save(first.device)
    assert [m.key for m in first.device.reports[0].media] == [b""]


# ---- refusals


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_report_without_words_or_file_is_refused(text: str) -> None:
    _, _, first, _ = founders()
    with pytest.raises(Refusal, match="report_empty"):
        report(first, text)


def test_a_fifth_file_is_refused() -> None:
    _, _, first, _ = founders()
    files = [first.give(f"{n}", b"x") for n in range(MEDIA_MOST + 1)]
    with pytest.raises(Refusal, match="media_many"):
        report(first, "x", *files)


@pytest.mark.parametrize("most", [150_000, pytest.param(OWNER_MOST, marks=pytest.mark.full)])
def test_more_reports_than_the_device_can_keep_are_refused_and_none_is_lost(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "OWNER_MOST", most)
    stage, desk, first, second = founders()
    stage.down = set(stage.relays)
    with pytest.raises(Refusal, match="too_much_waiting"):
        for number in range(1_000):
            report(first, str(number))
    made = first.device.reported
    assert made > most // 11_000
    assert len(save(first.device)) < most + 150_000
    stage.down = set()
    stage.beat(first, desk, rounds=8, every=60)
    assert sorted(int(r.content.text) for r in desk.reports.values()) == list(range(made))


def test_more_travel_copies_than_the_vault_has_room_for_are_refused() -> None:
    stage, _, first, _ = founders()
    stage.down = set(stage.relays)
    with pytest.raises(Refusal, match="too_much_waiting"):
        for number in range(BLOCKS_MOST + 1):
            report(first, str(number), first.give(str(number), b"x", MediaKind.PHOTO, travel=b"small"))
    assert len(first.blocks) <= BLOCKS_MOST + 1


def test_a_report_without_the_weeks_key_or_a_network_is_refused() -> None:
    stage, _, first, _ = founders()
    with pytest.raises(Refusal, match="no_card"):
        report(stage.actor("stranger"))
    stage.now += 70 * 86_400
    with pytest.raises(Refusal, match="no_week_key"):
        report(first)
