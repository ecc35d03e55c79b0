"""Every vector of the drop, against the code: the wire, the log, addresses, the folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tercet.drop import (
    Ack,
    Acked,
    DropFailure,
    FolderStore,
    Items,
    Post,
    Put,
    Read,
    Refused,
    RelayAddress,
    Stick,
    Stored,
    Want,
)
from tercet.drop.log import Kind, Record, scan
from tercet.drop.passes import SECRET, read_passes, taken_at, write_passes
from tercet.drop.wire import (
    BadMessage,
    Request,
    WholeRefusal,
    decode_answers,
    decode_hello,
    decode_request,
    encode_answers,
    encode_hello,
    encode_refusal,
    encode_request,
)

from .things import NOW

FOLDER = Path(__file__).parents[2] / "vectors/drop"
TOPICS = (
    *("box", "request", "answers", "refusal", "hello", "record", "address", "pass", "folder", "stick"),
    *("weekly", "taken"),
)
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def of(topic: str, bad: bool = False) -> list[str]:
    return [name for name, case in CASES.items() if name.startswith(topic) and ("fails" in case) == bad]


def data(pieces) -> bytes:
    return b"".join(
        bytes.fromhex(piece) if isinstance(piece, str) else bytes.fromhex(piece["repeat"]) * piece["times"]
        for piece in pieces
    )


def op_of(said):
    kind = said["op"]
    if kind == "put":
        return Put(bytes.fromhex(said["box"]), data([said["item"]]))
    if kind == "post":
        return Post(bytes.fromhex(said["post"]), data([said["item"]]))
    if kind == "ack":
        return Ack(bytes.fromhex(said["ack"]), bytes.fromhex(said["name"]))
    return Read(bytes.fromhex(said["read"]), said["size"], said["start"], said["limit"], said["posted"])


def request_of(said) -> Request:
    pass_ = bytes.fromhex(said.get("pass", ""))
    return Request(said["number"], tuple(op_of(op) for op in said["ops"]), pass_)


def answer_of(said):
    return {
        "stored": lambda: Stored(),
        "acked": lambda: Acked(),
        "refused": lambda: Refused(said["code"]),
        "items": lambda: Items(tuple(data([item]) for item in said["items"]), said["more"]),
    }[said["answer"]]()


def zeros(count: int) -> bytes:
    return bytes(count)


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_has_vectors(topic):
    assert of(topic) or of(topic, bad=True)


def test_every_vector_belongs_to_a_topic_and_says_why():
    assert all(name.startswith(TOPICS) for name in CASES)
    assert all(case["why"] and "input" in case and ("expected" in case) != ("fails" in case) for case in CASES.values())


@pytest.mark.parametrize("name", of("request"))
def test_a_request_is_these_bytes_and_no_others(name):
    case = CASES[name]
    request, message = request_of(case["expected"]), data(case["input"]["message"])
    assert decode_request(message) == request
    assert encode_request(request.number, request.ops, request.pass_) == message


@pytest.mark.parametrize("name", of("request", bad=True))
def test_a_bad_request_is_not_read(name):
    with pytest.raises(BadMessage) as bad:
        decode_request(data(CASES[name]["input"]["message"]))
    assert bad.value.code == CASES[name]["fails"]


@pytest.mark.parametrize("name", of("answers"))
def test_answers_are_these_bytes(name):
    case = CASES[name]
    request, message = request_of(case["input"]["request"]), data(case["input"]["message"])
    answers = [answer_of(answer) for answer in case["expected"]["answers"]]
    assert decode_answers(request, message) == answers
    assert encode_answers(request, answers, zeros) == message


@pytest.mark.parametrize("name", of("answers", bad=True))
def test_bad_answers_are_a_lie(name):
    case = CASES[name]
    assert case["fails"] == "relay_lied"
    with pytest.raises(BadMessage):
        decode_answers(request_of(case["input"]["request"]), data(case["input"]["message"]))


@pytest.mark.parametrize("name", of("refusal"))
def test_a_refusal_of_the_whole_is_these_bytes(name):
    case = CASES[name]
    request, message = request_of(case["input"]["request"]), data(case["input"]["message"])
    with pytest.raises(WholeRefusal) as refusal:
        decode_answers(request, message)
    assert refusal.value.code == case["expected"]["refused"]
    assert encode_refusal(request.number, refusal.value.code) == message


@pytest.mark.parametrize("name", of("hello"))
def test_the_greeting_is_these_bytes(name):
    message = data(CASES[name]["input"]["message"])
    assert decode_hello(message) == CASES[name]["expected"]["clock"]
    assert encode_hello(CASES[name]["expected"]["clock"]) == message


@pytest.mark.parametrize("name", of("hello", bad=True))
def test_a_bad_greeting_is_not_read(name):
    with pytest.raises(BadMessage):
        decode_hello(data(CASES[name]["input"]["message"]))


@pytest.mark.parametrize("name", of("record"))
def test_the_log_is_these_bytes(name):
    said, expected = CASES[name]["input"], CASES[name]["expected"]
    marker = bytes.fromhex(said["marker"])
    if "log" in said:
        assert len(list(scan(data(said["log"]), marker))) == expected["records"]
        return
    box, item_name = bytes.fromhex(said["box"]), bytes.fromhex(said["name"])
    record = Record(Kind[said["kind"].upper()], said["order"], said["arrived"], box, item_name, data(said["item"]))
    assert record.pack(marker) == data(expected["record"])
    assert list(scan(data(expected["record"]), marker)) == [(0, record)]


@pytest.mark.parametrize("name", of("address"))
def test_an_address_reads_and_writes_the_same(name):
    text, expected = CASES[name]["input"]["text"], CASES[name]["expected"]
    address = RelayAddress(
        expected["host"], expected["port"], bytes.fromhex(expected["fingerprint"]), bytes.fromhex(expected["pass"])
    )
    assert RelayAddress.parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize("name", of("address", bad=True))
def test_a_bad_address_is_an_error_with_its_code(name):
    with pytest.raises(DropFailure) as failure:
        RelayAddress.parse(CASES[name]["input"]["text"])
    assert failure.value.code == CASES[name]["fails"]


@pytest.mark.parametrize("name", of("pass"))
def test_a_file_of_passes_reads_and_writes_the_same(name):
    text, passes = CASES[name]["input"]["text"].encode(), CASES[name]["expected"]["passes"]
    assert [each.hex() for each in read_passes(text)] == passes
    assert write_passes(bytes.fromhex(each) for each in passes) == text


@pytest.mark.parametrize("name", of("pass", bad=True))
def test_a_bad_file_of_passes_is_an_error_with_its_code(name):
    with pytest.raises(DropFailure) as failure:
        read_passes(CASES[name]["input"]["text"].encode())
    assert failure.value.code == CASES[name]["fails"]


@pytest.mark.parametrize("name", of("weekly"))
def test_a_file_of_weekly_secrets_reads_and_writes_the_same(name):
    text, held = CASES[name]["input"]["text"].encode(), CASES[name]["expected"]["secrets"]
    assert [each.hex() for each in read_passes(text, SECRET)] == held
    assert write_passes(bytes.fromhex(each) for each in held) == text


@pytest.mark.parametrize("name", of("weekly", bad=True))
def test_a_bad_file_of_weekly_secrets_is_an_error_with_its_code(name):
    with pytest.raises(DropFailure) as failure:
        read_passes(CASES[name]["input"]["text"].encode(), SECRET)
    assert failure.value.code == CASES[name]["fails"]


@pytest.mark.parametrize("name", of("taken"))
def test_these_passes_of_a_week_are_taken_at_a_moment(name):
    said = CASES[name]["input"]
    taken = taken_at([bytes.fromhex(said["secret"])], said["now"])
    assert [each.hex() for each in taken] == CASES[name]["expected"]["passes"]


@pytest.mark.parametrize("name", of("folder"))
def test_a_folder_has_these_files(name, tmp_path):
    said, expected = CASES[name]["input"], CASES[name]["expected"]["file"]
    store = FolderStore(tmp_path)
    if "want" in said:
        read, size, posted = bytes.fromhex(said["want"]["read"]), said["want"]["size"], said["want"]["posted"]
        if said.get("handed"):
            store.want(Want(read, size, posted), NOW)
        else:
            store.apply([Read(read, size, posted=posted)], NOW)
    elif "ack" in said:
        store.apply([Ack(bytes.fromhex(said["ack"]["ack"]), bytes.fromhex(said["ack"]["name"]))], NOW)
    else:
        lay = store.take if said.get("taken") else store.lay
        lay(bytes.fromhex(said["box"]), said["posted"], data(said["item"]), NOW)
    found = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert found == [expected]
    if "item" in said:
        assert (tmp_path / expected).read_bytes() == data(said["item"])


@pytest.mark.parametrize("name", of("stick"))
def test_a_stick_has_this_part_for_a_relay(name, tmp_path):
    case = CASES[name]
    Stick(tmp_path).at(case["input"]["address"])
    assert [path.name for path in tmp_path.iterdir()] == [case["expected"]["folder"]]


@pytest.mark.parametrize("name", of("stick", bad=True))
def test_a_stick_has_no_part_for_what_is_no_relay(name, tmp_path):
    with pytest.raises(DropFailure) as failure:
        Stick(tmp_path).at(CASES[name]["input"]["address"])
    assert failure.value.code == CASES[name]["fails"] and not list(tmp_path.iterdir())
