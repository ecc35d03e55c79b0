"""The archive: filed means durable, sealed means sealed, damage stays where it is."""

from __future__ import annotations

import errno
import os
import random
import re
import threading
from contextlib import suppress

import pytest

from tercet.core.content import MediaKind
from tercet.desk.archive import Archive
from tercet.desk.export import HINTS as EXPORT_HINTS
from tercet.desk.records import HINTS, ArchiveError, FiledReport, parse_record
from tercet.sealing import BLOCK, BLOCK_DATA, derive, open_sealed
from tests.desk.cases import (
    CAME,
    HOUSE,
    KEY,
    TEXT,
    FullDisk,
    KillingDisk,
    PowerCut,
    PowerDisk,
    block,
    blocks_of,
    case_id,
    die,
    file_all,
    media_of,
    photo,
    report,
    vectors,
    word,
)

DATA = photo(2 * BLOCK_DATA + 1_000)
REF = media_of(DATA)


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "archive", KEY)


def _again(archive):
    return Archive(archive.folder, KEY)


def _code(call, *args):
    with pytest.raises(ArchiveError) as failure:
        call(*args)
    return failure.value.code


def _texts(archive):
    return {case.id: case.text for case in archive.cases() if not case.damaged}


# ---- what is filed is found


def test_what_was_filed_is_read_back_by_another_process(archive):
    archive.file_report(report(1, media=(REF,)))
    file_all(archive, 1, 0, REF, DATA)
    (case,) = _again(archive).cases()
    assert (case.number, case.id, case.came, case.text, case.happened) == (1, case_id(1), CAME, TEXT, CAME - 3_600)
    assert (case.place.precision, case.place.latitude, case.place.longitude) == ("1km", 33.51, 36.29)
    assert (case.media[0].kind, case.media[0].here, case.media[0].blocks) == (MediaKind.PHOTO, 3, 3)
    assert _again(archive).report(1).media == (REF,)


def test_an_empty_archive_lists_nothing_and_knows_no_report(archive):
    assert archive.cases() == archive.damaged() == []
    assert _code(archive.report, 1) == _code(archive.words, 1) == _code(archive.open_media, 1, 0)
    assert _code(archive.check, case_id(1), 0) == "archive_unknown_report"


def test_the_same_report_filed_twice_is_there_once(archive):
    archive.file_report(report(1))
    archive.file_report(report(1))
    assert len(archive.cases()) == len(list(archive.folder.iterdir())) == 1


def test_a_number_belongs_to_the_report_filed_last_and_no_report_is_lost(archive):
    archive.file_report(report(1, 1, "first"))
    archive.file_report(report(2, 1, "second"))
    archive.file_report(report(3, 1, "third"))
    assert archive.report(1).text == "third"
    assert [case.number for case in archive.cases()] == [1, 1_000_001, 1_000_002]
    archive.file_report(report(1, 2, "first"))
    assert [_again(archive).report(n).text for n in (1, 2, 1_000_002)] == ["third", "first", "second"]


def test_tokens_and_the_conversation_secret_are_not_kept(archive):
    effect = report(1)
    archive.file_report(effect)
    (path,) = archive.folder.iterdir()
    plain = open_sealed(derive(KEY, "archive records"), path.read_bytes(), path.name.encode())
    for secret in (effect.content.reply, effect.content.token, effect.content.witness):
        assert secret not in plain
    assert TEXT.encode() in plain


def test_a_conversation_is_in_order_whatever_the_clock_did(archive):
    archive.file_report(report(1))
    for effect in (
        word(1, 3, "c", came=CAME + 5), word(1, 1, "a", came=CAME + 10), word(1, 2, "b", came=CAME + 9),
        word(1, 2, "ours", ours=True, came=CAME + 20), word(2, 1, "of another case"), word(1, 4, "d", came=CAME + 30),
    ):  # fmt: skip
        archive.file_word(effect)
    assert [(w.text, w.ours) for w in _again(archive).words(1)] == [
        ("a", False), ("b", False), ("c", False), ("ours", True), ("d", False),
    ]  # fmt: skip


def test_the_longest_letter_is_filed_and_a_longer_one_refused(archive):
    archive.file_report(report(1))
    archive.file_word(word(1, 1, "\ufffd" * 4_096))
    assert archive.words(1)[0].text == "\ufffd" * 4_096
    with pytest.raises(ValueError, match="letter"):
        archive.file_word(word(1, 2, "x" * 4_097))


# ---- files


def test_a_file_is_streamed_block_by_block(archive):
    archive.file_report(report(1, media=(REF,)))
    file_all(archive, 1, 0, REF, DATA)
    chunks = list(archive.open_media(1, 0))
    assert [len(chunk) for chunk in chunks] == [BLOCK_DATA, BLOCK_DATA, 1_000]
    assert b"".join(chunks) == DATA
    assert archive.check(case_id(1), 0)


def test_blocks_may_come_in_any_order_and_more_than_once(archive):
    archive.file_report(report(1, media=(REF,)))
    sealed = blocks_of(REF, DATA)
    for seen, index in enumerate((2, 2, 0), 1):
        archive.file_block(block(1, 0, index, sealed[index]))
        assert archive.cases()[0].media[0].here == len({2, 0} & {2, index}) or seen == 3
    assert not archive.check(case_id(1), 0)
    stream = archive.open_media(1, 0)
    assert next(stream) == DATA[:BLOCK_DATA]
    assert _code(next, stream) == "archive_incomplete"
    archive.file_block(block(1, 0, 1, sealed[1]))
    assert _again(archive).check(case_id(1), 0)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_flipped_bit_in_a_block_is_noticed(archive, index):
    archive.file_report(report(1, media=(REF,)))
    file_all(archive, 1, 0, REF, DATA)
    path = max(archive.folder.iterdir(), key=lambda p: p.stat().st_size)
    data = bytearray(path.read_bytes())
    data[index * BLOCK + 70_000] ^= 1
    path.write_bytes(data)
    assert not archive.check(case_id(1), 0)
    assert _code(list, archive.open_media(1, 0)) == "archive_damaged"
    assert archive.cases()[0].media[0].here == 3 and not archive.damaged()


def test_a_file_that_is_not_what_was_announced_is_not_good(archive):
    other = media_of(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    wrong = type(REF)(REF.kind, REF.form, REF.secret, REF.size, other.sha256)
    archive.file_report(report(1, media=(wrong,)))
    file_all(archive, 1, 0, REF, DATA)
    assert not archive.check(case_id(1), 0)


def test_a_block_shorter_than_announced_is_damage(archive):
    larger = type(REF)(REF.kind, REF.form, REF.secret, REF.size + 1, REF.sha256)
    archive.file_report(report(1, media=(larger,)))
    file_all(archive, 1, 0, REF, DATA)
    assert not archive.check(case_id(1), 0)


def test_a_file_may_be_checked_in_a_thread_while_others_file(archive):
    archive.file_report(report(1, media=(REF,)))
    file_all(archive, 1, 0, REF, DATA)
    good = []
    thread = threading.Thread(target=lambda: good.append(archive.check(case_id(1), 0)))
    thread.start()
    for number in range(2, 30):
        archive.file_report(report(number))
    thread.join()
    assert good == [True] and len(archive.cases()) == 29


@pytest.mark.parametrize(("index", "size"), [(0, BLOCK - 1), (-1, BLOCK), (2**30, BLOCK)])
def test_what_is_no_block_is_refused(archive, index, size):
    with pytest.raises(ValueError, match="block"):
        archive.file_block(block(1, 0, index, bytes(size)))
    assert not list(archive.folder.iterdir())


def test_a_report_knows_its_own_files_only(archive):
    archive.file_report(report(1, media=(REF,)))
    assert _code(archive.open_media, 1, 1) == _code(archive.open_media, 1, -1) == "archive_unknown_file"


# ---- without the key


def test_without_the_key_there_are_counts_sizes_and_times_only(archive):
    for number in range(1, 6):
        archive.file_report(report(number, media=(REF,)))
        archive.file_word(word(number, 1, TEXT))
    file_all(archive, 1, 0, REF, DATA)
    for path in archive.folder.iterdir():
        data = path.read_bytes()
        assert re.fullmatch("[0-9a-f]{64}", path.name)
        assert len(data) in (4_096, 3 * BLOCK)
        assert not path.stat().st_mode & 0o077
        for open_word in (TEXT.encode(), b"photo", REF.secret, REF.sha256, case_id(1), case_id(1).hex().encode()):
            assert open_word not in data and open_word.decode("latin-1") not in path.name
        assert all(data.count(bytes([value])) < len(data) / 256 * 3 + 20 for value in range(256))
    assert not archive.folder.stat().st_mode & 0o077


def test_another_key_opens_nothing_and_shares_no_name(archive, tmp_path):
    archive.file_report(report(1))
    other = Archive(archive.folder, b"o" * 32)
    assert [case.damaged for case in other.cases()] == [True]
    twin = Archive(tmp_path / "twin", b"o" * 32)
    twin.file_report(report(1))
    assert {p.name for p in twin.folder.iterdir()}.isdisjoint(p.name for p in archive.folder.iterdir())


def test_no_nonce_is_used_twice(archive):
    for _ in range(3):
        archive.file_report(report(1))
    drawn = []
    counting = Archive(archive.folder, KEY, entropy=lambda n: drawn.append(os.urandom(n)) or drawn[-1])
    counting.file_report(report(1))
    counting.file_word(word(1, 1, "a"))
    assert len(set(drawn)) == 2 and all(len(nonce) == 24 for nonce in drawn)
    assert any(path.read_bytes().startswith(drawn[0]) for path in archive.folder.iterdir())


def test_a_key_has_32_bytes(tmp_path):
    with pytest.raises(ValueError, match="32"):
        Archive(tmp_path / "a", b"short")


# ---- damage


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: bytes(len(data)),
        lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
        lambda data: data * 20,
    ],
)
def test_a_damaged_record_is_listed_as_damaged_and_spoils_nothing_else(archive, spoil):
    archive.file_report(report(1))
    archive.file_report(report(2, text="stays"))
    victim = next(p for p in archive.folder.iterdir() if p.name != _name_of(archive, 2))
    victim.write_bytes(spoil(victim.read_bytes()))
    for reader in (archive, _again(archive)):
        cases = reader.cases()
        assert [(c.number, c.text, c.damaged) for c in cases] == [(2, "stays", False), (0, "", True)]
        assert reader.damaged() == [victim.name]
        assert _code(reader.report, 1) == "archive_unknown_report"


def _name_of(archive, number):
    return derive(derive(KEY, "archive names"), "archive report", case_id(number)).hex()


def test_a_record_under_another_name_does_not_open(archive):
    archive.file_report(report(1))
    archive.file_report(report(2))
    one, two = archive.folder / _name_of(archive, 1), archive.folder / _name_of(archive, 2)
    two.write_bytes(one.read_bytes())
    assert [(c.number, c.damaged) for c in _again(archive).cases()] == [(1, False), (0, True)]


def test_strange_files_links_and_folders_are_left_alone(archive, tmp_path):
    archive.file_report(report(1))
    (archive.folder / "notes.txt").write_text("mine")
    (archive.folder / ("0" * 64)).mkdir()
    (tmp_path / "outside").write_bytes(b"x" * 4_096)
    (archive.folder / ("1" * 64)).symlink_to(tmp_path / "outside")
    os.mkfifo(archive.folder / ("2" * 64))
    assert [case.number for case in archive.cases()] == [1] and not archive.damaged()
    archive.file_report(report(2))
    assert (archive.folder / "notes.txt").read_text() == "mine"


def test_a_link_in_a_records_place_is_never_written_through(archive, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    name = derive(derive(KEY, "archive names"), "archive media", case_id(1), b"\0").hex()
    (archive.folder / name).symlink_to(outside)
    (archive.folder / (_name_of(archive, 1) + ".new")).symlink_to(outside)
    assert _code(archive.file_block, block(1, 0, 0, bytes(BLOCK))) == "archive_disk"
    with pytest.raises(ArchiveError):
        archive.file_report(report(1))
    assert outside.read_text() == "mine"


def test_blocks_whose_report_is_damaged_are_not_counted_as_damage_twice(archive):
    archive.file_report(report(1, media=(REF,)))
    file_all(archive, 1, 0, REF, DATA)
    (archive.folder / _name_of(archive, 1)).write_bytes(b"x" * 4_096)
    assert len(_again(archive).damaged()) == 1


def test_a_reader_sees_what_another_process_files(archive):
    reader = _again(archive)
    assert reader.cases() == []
    archive.file_report(report(1))
    assert [case.number for case in reader.cases()] == [1]
    archive.file_report(report(1, text="changed"))
    assert reader.report(1).text == "changed"


# ---- a full disk


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("room", [0, 1_000, 4_095])
def test_a_full_disk_files_nothing_and_leaves_what_was_there(tmp_path, room, error):
    Archive(tmp_path / "a", KEY).file_report(report(1, text="old"))
    full = Archive(tmp_path / "a", KEY, files=FullDisk(room, error))
    assert _code(full.file_report, report(1, text="new")) == "archive_disk_full"
    assert _code(full.file_report, report(2)) == "archive_disk_full"
    assert _code(full.file_word, word(1, 1, "new")) == "archive_disk_full"
    again = Archive(tmp_path / "a", KEY)
    assert _texts(again) == {case_id(1): "old"} and not again.damaged() and not again.words(1)
    assert len(list((tmp_path / "a").iterdir())) == 1
    again.file_report(report(2))
    assert len(again.cases()) == 2


@pytest.mark.parametrize("room", [0, 10, BLOCK - 1])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_block_that_finds_no_room_does_not_look_as_if_it_were_here(tmp_path, room, index):
    sealed = blocks_of(REF, DATA)
    first = Archive(tmp_path / "a", KEY)
    first.file_report(report(1, media=(REF,)))
    for other in {0, 2} - {index}:
        first.file_block(block(1, 0, other, sealed[other]))
    before = first.cases()[0].media[0].here
    full = Archive(tmp_path / "a", KEY, files=FullDisk(room))
    assert _code(full.file_block, block(1, 0, index, sealed[index])) == "archive_disk_full"
    assert full.cases()[0].media[0].here == Archive(tmp_path / "a", KEY).cases()[0].media[0].here == before
    for other in range(3):
        first.file_block(block(1, 0, other, sealed[other]))
    assert first.check(case_id(1), 0)


def test_a_folder_that_is_gone_is_a_failure_of_the_disk_and_not_an_empty_list(archive):
    archive.folder.rmdir()
    assert _code(archive.cases) == _code(archive.file_report, report(1)) == "archive_disk"
    assert _code(Archive, archive.folder / "deeper", KEY) == "archive_disk"


# ---- crashes

STORY = (
    lambda a: a.file_report(report(1, text="one", media=(REF,))),
    lambda a: a.file_report(report(2, 1, text="two")),
    lambda a: a.file_report(report(1, 2, text="one again", media=(REF,))),
    lambda a: a.file_word(word(1, 1, "hello")),
    lambda a: a.file_block(block(1, 0, 1, SEALED[1])),
    lambda a: a.file_block(block(1, 0, 0, SEALED[0])),
    lambda a: a.file_word(word(1, 1, "hello again")),
    lambda a: a.file_block(block(1, 0, 2, SEALED[2])),
)
SEALED = blocks_of(REF, DATA)


def _look(archive):
    """What can be seen of the story: numbers and texts, letters, and which blocks are certain."""
    cases = {case.id: (case.number, case.text) for case in archive.cases()}
    letters = [w.text for number, _ in cases.values() for w in archive.words(number)]
    certain = []
    for number, _ in cases.values():
        if archive.report(number).media:
            path = archive.folder / archive._media_name(archive.report(number).id, 0)
            data = path.read_bytes() if path.exists() else b""
            certain = [i for i in range(3) if data[i * BLOCK : (i + 1) * BLOCK] == SEALED[i]]
    return cases, letters, certain


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    archive = Archive(tmp_path_factory.mktemp("story") / "a", KEY)
    looks = [_look(archive)]
    for step in STORY:
        step(archive)
        looks.append(_look(archive))
    return looks


def _hold(archive, looks, done):
    """Nothing acknowledged is gone, nothing is damaged, and the story can go on."""
    assert not archive.damaged(), "damaged"
    cases, letters, certain = _look(archive)
    before, after = looks[done], looks[min(done + 1, len(STORY))]
    assert set(before[0]) <= set(cases), "an acknowledged report is gone"
    texts = {text for _, text in cases.values()}
    assert texts in ({t for _, t in before[0].values()}, {t for _, t in after[0].values()}), "neither old nor new"
    assert len({number for number, _ in cases.values()}) == len(cases), "two reports with one number"
    assert letters in (before[1], after[1]), "letters neither old nor new"
    assert set(before[2]) <= set(certain), "an acknowledged block is gone"
    for step in STORY[done:]:
        step(archive)
    assert _look(archive) == looks[-1], "the story does not go on"
    assert archive.check(case_id(1), 0)
    assert all(re.fullmatch("[0-9a-f]{64}", path.name) for path in archive.folder.iterdir())


def _run(folder, files, tell):
    archive = Archive(folder, KEY, files=files)
    for step in STORY:
        step(archive)
        tell()


@pytest.mark.full
def test_a_process_killed_at_any_change_of_the_disk_leaves_the_old_or_the_new(tmp_path, story):
    after, status = 0, 9
    while status == 9:
        folder = tmp_path / str(after)
        done, status = die(lambda tell, f=folder, n=after: _run(f, KillingDisk(n), tell))
        assert status in (0, 9)
        _hold(Archive(folder, KEY), story, done)
        after += 1
    assert after > 40 and done == len(STORY)


def _cut_power(tmp_path, story, seed, lying=()):
    chance = random.Random(seed)
    disk, done = PowerDisk(chance, chance.randrange(60), lying), []
    with suppress(PowerCut):
        _run(tmp_path / "memory", disk, lambda: done.append(1))
    folder = tmp_path / str(seed)
    disk.cut(folder)
    _hold(Archive(folder, KEY), story, len(done))


def test_a_power_cut_anywhere_loses_nothing_acknowledged(tmp_path, story):
    for seed in range(60):
        _cut_power(tmp_path, story, seed)


@pytest.mark.full
def test_many_power_cuts_lose_nothing_acknowledged(tmp_path, story):
    for seed in range(1_000, 1_300):
        _cut_power(tmp_path, story, seed)


@pytest.mark.parametrize("lying", ["sync", "sync_folder"])
def test_the_power_test_notices_a_sync_that_lies(tmp_path, story, lying):
    with pytest.raises(AssertionError, match=r"gone|damaged|neither"):
        for seed in range(60):
            _cut_power(tmp_path, story, seed, (lying,))


def test_the_kill_test_notices_a_record_written_in_its_place(tmp_path, story, monkeypatch):
    def in_place(self, old, new):
        data = old.read_bytes()
        handle = super(KillingDisk, self).create(new)
        self.write(handle, 0, data[:2_000])
        self.write(handle, 2_000, data[2_000:])
        old.unlink()

    monkeypatch.setattr(KillingDisk, "rename", in_place)
    with pytest.raises(AssertionError, match=r"gone|damaged|neither"):
        test_a_process_killed_at_any_change_of_the_disk_leaves_the_old_or_the_new(tmp_path, story)


# ---- the spec and its vectors


def test_the_spec_names_every_code_and_no_other():
    lines = (HOUSE / "spec/81-archive.md").read_text().splitlines()
    assert lines[2] == "Version 1"
    text = "\n".join(lines).split("\n## 8. ")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.M)) == set(HINTS) | set(EXPORT_HINTS)
    for hint in (HINTS | EXPORT_HINTS).values():
        assert hint.endswith(".") and "\n" not in hint


@pytest.mark.parametrize("case", vectors("name"))
def test_names_are_as_in_the_vectors(tmp_path, case):
    given = case["input"]
    archive = Archive(tmp_path / "a", bytes.fromhex(given["key"]))
    who = bytes.fromhex(given["case"])
    if given["kind"] == "media":
        assert archive._media_name(who, given["place"]) == case["expected"]["name"]
        return
    effect = word(0, given["number"], "", given["ours"]) if given["kind"] == "word" else report(0)
    effect = type(effect)(**{f: getattr(effect, f) for f in effect.__struct_fields__} | {"case": who})
    (archive.file_word if given["kind"] == "word" else archive.file_report)(effect)
    assert [path.name for path in archive.folder.iterdir()] == [case["expected"]["name"]]


@pytest.mark.parametrize("case", vectors("record"))
def test_records_are_as_in_the_vectors(case):
    plain = bytes.fromhex(case["input"]["plain"])
    if "fails" in case:
        assert _code(parse_record, plain) == case["fails"]
        return
    record = parse_record(plain)
    assert ("report" if isinstance(record, FiledReport) else "word") == case["expected"]["kind"]
    assert (record.id.hex(), record.number, record.came, record.text) == tuple(
        case["expected"][field] for field in ("case", "number", "came", "text")
    )


@pytest.mark.parametrize("case", vectors("sealed"))
def test_a_sealed_record_is_as_in_the_vectors(tmp_path, case):
    nonce = bytes.fromhex(case["input"]["nonce"])
    archive = Archive(tmp_path / "a", bytes.fromhex(case["input"]["key"]), entropy=lambda n: nonce)
    archive.file_word(word(case["input"]["case"], case["input"]["number"], case["input"]["text"]))
    (path,) = archive.folder.iterdir()
    assert path.read_bytes().hex() == case["expected"]["file"]
