"""Every function that parses bytes or words from outside, and the target that hands it anything at all.

Does        names them, and finds functions that parse and are in neither table.
Does not    run them.
Spec        spec/00-overview.md
Always      1. A function of ours that decodes is in PARSERS, or in NOT_FROM_OUTSIDE with its reason.
Read first  PARSERS, decoding().
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# Function -> target, or several with spaces between: their corpora must reach 80 % of the function's own lines.
PARSERS: dict[str, str] = {
    # sealing: what libraries are given, and what people type
    "tercet.sealing.blinding._below": "sealing-blinded sealing-signed-blind",
    "tercet.sealing.blinding._modulus": "sealing-blind-public",
    "tercet.sealing.blinding.blind": "sealing-blind-public",
    "tercet.sealing.blinding.blind_sign": "sealing-blinded",
    "tercet.sealing.blinding.unblind": "sealing-signed-blind",
    "tercet.sealing.blinding.verify_blind": "sealing-blind-signature",
    "tercet.sealing.frames.open_sealed": "sealing-sealed",
    "tercet.sealing.frames.unpad": "sealing-padding",
    "tercet.sealing.kem.open_envelope": "sealing-envelope",
    "tercet.sealing.kem.open_with": "sealing-hpke",
    "tercet.sealing.kem.put_in_envelope": "sealing-envelope-public",
    "tercet.sealing.kem.seal_to": "sealing-kem-public",
    "tercet.sealing.olm._message": "sealing-olm-letter",
    "tercet.sealing.olm.olm_decrypt": "sealing-olm-letter",
    "tercet.sealing.olm.olm_encrypt": "sealing-olm-state",
    "tercet.sealing.olm.olm_inbound": "sealing-olm-first",
    "tercet.sealing.olm.olm_outbound": "sealing-olm-keys",
    "tercet.sealing.signing.verify": "sealing-verify",
    "tercet.sealing.spoken.spake_finish": "sealing-spake",
    "tercet.sealing.words._known": "sealing-words",
    "tercet.sealing.words.normal_words": "sealing-words",
    "tercet.sealing.words.read_paper": "sealing-paper",
    # drop: the wire, the log, addresses, sticks
    "tercet.drop.address.RelayAddress.parse": "drop-address",
    "tercet.drop.address._check_host": "drop-address",
    "tercet.drop.carry.open_drop": "carry-text",
    "tercet.drop.client._read_proxy": "carry-proxy",
    "tercet.drop.folder.FolderStore._scan": "carry-folder",
    "tercet.drop.folder.FolderStore._errands": "carry-folder",
    "tercet.drop.folder.FolderStore.acks": "carry-folder",
    "tercet.drop.folder.FolderStore.wants": "carry-folder",
    "tercet.drop.folder.FolderStore._names": "carry-folder",
    "tercet.drop.log._record_at": "drop-log",
    "tercet.drop.log.scan": "drop-log",
    "tercet.drop.address.from_base32": "drop-address",
    "tercet.drop.passes.read_passes": "drop-passes",
    "tercet.drop.server.read_head": "drop-http",
    "tercet.drop.stick.Stick.tags": "carry-stick",
    "tercet.drop.wire._decode_answer": "drop-answers",
    "tercet.drop.wire._decode_items": "drop-answers",
    "tercet.drop.wire._decode_op": "drop-request",
    "tercet.drop.wire.decode_answers": "drop-answers",
    "tercet.drop.wire.decode_hello": "drop-hello",
    "tercet.drop.wire.decode_request": "drop-request",
    "tercet.drop.wire.number_of": "drop-answers",
    # vault: beneath its seals, and the door
    "tercet.vault.door.Door.receive": "shell-dialogue",
    "tercet.vault.door.parse_message": "door_message",
    "tercet.vault.records.parse_slot": "vault_slot",
    "tercet.vault.records.parse_state": "vault_state",
    # evidence: strangers' files and a person's words
    "tercet.evidence.media.sniff": "evidence-format",
    "tercet.evidence.photo._decode": "evidence-photo",
    "tercet.evidence.photo._end_of_scan": "evidence-copy",
    "tercet.evidence.photo._pixels": "evidence-photo",
    "tercet.evidence.photo.check_bare": "evidence-copy",
    "tercet.evidence.photo.check_photo": "evidence-photo",
    "tercet.evidence.place._name": "evidence-place",
    "tercet.evidence.place._pair": "evidence-place",
    "tercet.evidence.place._units": "evidence-place",
    "tercet.evidence.place.place": "evidence-place",
    "tercet.evidence.times._of_a_date": "evidence-time",
    "tercet.evidence.times._of_today": "evidence-time",
    "tercet.evidence.times._zone": "evidence-time",
    "tercet.evidence.times.when": "evidence-time",
    # core: beneath the seals of meetings, the board, letters and reports
    "tercet.core.adoption.answer": "core-call",
    "tercet.core.adoption.parse_answer": "core-answer",
    "tercet.core.adoption.parse_call": "core-call",
    "tercet.core.board.apply_entry": "core-entry",
    "tercet.core.entry.body_of": "core-entry core-week-keys core-relay-list core-token-keys",
    "tercet.core.entry.parse_entry": "core-entry core-week-keys core-relay-list core-token-keys",
    "tercet.core.notice.parse_notice": "core-notice",
    "tercet.core.comparing.parse_head": "core-head",
    "tercet.core.burning.line_through": "core-burn",
    "tercet.core.burning.on_line": "core-burn",
    "tercet.core.burning.parse_point": "core-burn",
    "tercet.core.burning.parse_share": "core-burn",
    "tercet.core.card.Card.from_day": "core-card",
    "tercet.core.committing.parse_handed": "core-handed",
    "tercet.core.fields.decode": "core-card core-entry core-media-ref core-place core-request",
    "tercet.core.hello.parse_consent": "core-consent",
    "tercet.core.hello.parse_hello": "core-hello-inviter core-hello-joiner",
    "tercet.core.hello.parse_key": "core-key core-key-inviter core-key-joiner",
    "tercet.core.hello.parse_verdict": "core-verdict",
    "tercet.core.introduction.parse_frame": "core-intro-frame",
    "tercet.core.introduction.parse_offer": "core-offer",
    "tercet.core.knock.parse_code": "core-code",
    "tercet.core.knock.parse_knock": "core-knock",
    "tercet.core.exchange._objection": "core-hello",
    "tercet.core.exchange.take_hello": "core-hello",
    "tercet.core.channel.accept": "core-word-of-desk core-word-to-desk",
    "tercet.core.conversation.open_answer": "core-word",
    "tercet.core.mixing.answer": "core-mix",
    "tercet.core.mixing.finish": "core-mix-back",
    "tercet.core.intake._take_word": "core-word-to-desk",
    "tercet.core.relation.open_letter": "core-neighbour",
    "tercet.core.relation.parse_plain": "core-letter",
    "tercet.core.relation.words": "core-word-of-desk",
    "tercet.core.content._parse_word": "core-report core-padding",
    "tercet.core.content.parse_burn": "core-padding",
    "tercet.core.content._sound": "core-report core-padding",
    "tercet.core.content.parse_content": "core-report core-padding",
    "tercet.core.envelope.unwrap": "core-intake",
    "tercet.core.passes.parse_marks": "core-pass-marks",
    "tercet.core.passes.parse_passes": "core-passes",
    "tercet.core.passes.shown_in": "core-relay-tag",
    "tercet.core.passes.tag_of": "core-relay-tag",
    "tercet.core.permits.parse_grant": "core-grant",
    "tercet.core.permits.parse_need": "core-need",
    "tercet.core.tokens.check": "core-token",
    "tercet.core.tokens.finished": "core-signed",
    "tercet.core.tokens.parse_request": "core-token-request",
    "tercet.core.tokens.parse_signed": "core-signed",
    "tercet.core.understudy.unpack": "core-understudy",
    "tercet.core.root.parse_root": "core-root",
    "tercet.core.root.parse_signed": "core-root",
    "tercet.core.statement.check": "core-statement",
    "tercet.core.statement.parse_publication": "core-statement",
    "tercet.core.statement.parse_said": "core-statement",
    "tercet.core.statement.parse_statement": "core-statement",
    "tercet.core.files.settle_media": "core-word-of-desk",
    "tercet.core.files.send_again": "core-word-of-desk",
    "tercet.core.reporting._take_word": "core-word-of-desk",
    "tercet.core.state.load": "core-state",
    # codes: what cameras see, and what codes say
    "tercet.core.bycode.join": "codes-invitation",
    "tercet.core.bycode.read": "codes-message codes-invitation",
    "tercet.core.bycode.take": "codes-message",
    "tercet.core.bycode._take_frames": "codes-message",
    "tercet.core.scan.parse_message": "codes-message codes-invitation",
    "tercet.core.welcome.take": "codes-welcome",
    "tercet.shell.codes.Collector._joined": "codes-parts",
    "tercet.shell.codes.Collector.take": "codes-parts",
    "tercet.shell.codes._grey": "codes-picture",
    "tercet.shell.codes.parse_part": "codes-parts",
    "tercet.shell.codes.read_picture": "codes-picture",
    # the notebook: its bytes, and what is typed at its prompt
    "tercet.notebook.book.decode_book": "notebook-book",
    "tercet.notebook.book.decode_payload": "notebook-payload",
    "tercet.notebook.book.fold": "notebook-prompt",
    "tercet.notebook.book.things_from": "notebook-prompt",
    "tercet.notebook.prompt.Prompt.obey": "notebook-prompt",
    "tercet.notebook.prompt._number": "notebook-prompt",
    "tercet.notebook.prompt._places": "notebook-prompt",
    # shells: what is typed, what the door carries, what is shown
    "tercet.cli._listen": "shell-listen",
    "tercet.desk.export.exact_json": "desk-json",
    "tercet.desk.papers.parse_statement_text": "voice-file",
    "tercet.desk.papers.root_given": "voice-root",
    "tercet.desk.papers._decoded": "ceremony-files",
    "tercet.desk.papers._prove": "ceremony-files",
    "tercet.desk.papers.parse_board": "ceremony-files",
    "tercet.desk.papers.parse_key": "ceremony-files",
    "tercet.desk.papers.parse_root_text": "ceremony-files",
    "tercet.desk.papers.parse_text": "ceremony-files",
    "tercet.desk.records.parse_record": "desk-record",
    "tercet.member.commands.pace_of": "shell-pace",
    "tercet.member.locked.parse_came": "shell-locked",
    "tercet.member.locked.parse_plan": "shell-locked",
    "tercet.shell.dialogue.Answers.get": "shell-answers",
    "tercet.shell.dialogue.DoorSide.ask": "shell-door-answer",
    "tercet.shell.dialogue.ask_door": "shell-dialogue",
    "tercet.shell.dialogue.parse_answers": "shell-answers",
    "tercet.shell.dialogue.parse_said": "shell-dialogue",
    "tercet.shell.text.shown": "desk-text",
    "tercet.shell.text.shown_lines": "desk-text",
}

# Functions that decode, and why no target hands them anything.
NOT_FROM_OUTSIDE: dict[str, str] = {
    "tercet.sealing.blinding._factor": "a number from chance",
    "tercet.sealing.blinding._primes": "a private key of our own",
    "tercet.core.passes.dressed": "writes; what reads the address has a target",
    "tercet.lab.duress.Taken.passes": "an area that the lab's own machine packed; its reader has a target",
    "tercet.core.beat.covered": "numbers from chance",
    "tercet.shell.called._whole": "sentences of our own",
    "tercet.core.redeeming._begin": "a number from chance",
    "tercet.core.beat.draw_span": "a number from chance",
    "tercet.core.chain.lane_of": "a number from our own derived bytes",
    "tercet.core.hello.open_shared": "takes off the first byte; the parser of each kind has a target",
    "tercet.core.introducing._decline_later": "a number from chance",
    "tercet.core.knock.draw_plate": "a number from chance",
    "tercet.core.encounter._plate_arrived": "the plate that our own question named",
    "tercet.core.gathering._asked": "letters of our own that wait",
    "tercet.core.gathering._read_block": "a number from our own derived bytes",
    "tercet.core.intake._take_frame": "the week number before the seal; any two bytes are one",
    "tercet.core.office.set_up": "reads back the entries it wrote",
    "tercet.core.content.open_content": "the week number before the seal; any two bytes are one",
    "tercet.core.content.lapses": "the week number of our own report",
    "tercet.core.beat.draw_answer": "numbers from chance",
    "tercet.core.reporting.some_moment_of": "numbers from chance",
    "tercet.core.files._block_turn": "a number from our own derived bytes",
    "tercet.core.sending._put_intake": "a number from chance",
    "tercet.core.understudy._beat": "numbers from chance",
    "tercet.desk.archive.Archive._prepare": "names of our own files; a foreign name is passed over",
    "tercet.desk.archive.Archive._refresh": "names of our own files; a foreign name is passed over",
    "tercet.desk.commands.board": "hexadecimal from our own service",
    "tercet.desk.page._hash_of": "writes",
    "tercet.desk.service.DeskService._statement": "hexadecimal from our own command; the statement has a target",
    "tercet.desk.service.DeskService._load_roots": "hexadecimal from our own command; the documents have a target",
    "tercet.drop.address.base32": "writes",
    "tercet.drop.disk.DiskStore._load": "names of our own files; a foreign name is passed over, the log has a target",
    "tercet.scene.actor.Actor._read": "lines of our own processes in the scene",
    "tercet.lab.captor._of_store": "a captor's own reading of a folder; it shows what it finds and keeps nothing",
    "tercet.lab.captor._of_stick": "likewise; the names of a stick's items have a target",
    "tercet.lab.deniability.busy": "numbers of our own chance",
    "tercet.lab.deniability.difference": "numbers of our own clock",
    "tercet.lab.duress.Taken._stand": "an area that the lab's own machine packed; its reader has a target",
    "tercet.lab.unlinked.Listening._look": "the desk's own keys; requests have a target",
    "tercet.lab.guessing._number": "a guess at numbers: any bytes are one",
    "tercet.lab.exposure._waiting": "a sealed report of the device itself",
    "tercet.lab.relayed.read_store": "a store's log, whose reader has a target",
    "tercet.core.burning._numbers": "bytes of our own chance",
    "tercet.core.burning.point_at": "a line of two points that were read; their reader has a target",
    "tercet.lab.burned.together": "figures of our own worlds",
    "tercet.lab.frames.read_letter": "letters of our own small network; their reader has a target",
    "tercet.lab.small.encrypt": "a session of our own small network",
    "tercet.lab.small.decrypt": "likewise",
    "tercet.lab.captures.Captured._of_seizure": "a device of our own simulated network",
    "tercet.lab.looks.Captor._notebook": "a vault that the laboratory has just made",
    "tercet.lab.looks.Captor._sealed_here": "texts of our own simulated owners",
    "tercet.lab.heard._take": "a captor's own log; the requests in it go to a reader that has a target",
    "tercet.lab.heard.read_log": "a captor's own log; the requests in it go to a reader that has a target",
    "tercet.lab.seize.lines_of": "lines that the captor types",
    "tercet.lab.seizure.Copy.leftover": "what the vault's reader left; that has a target",
    "tercet.lab.seizure.Copy.understudy": "what the notebook's reader found; that has a target",
    "tercet.lab.unopened.remains": "counts bytes, whatever they are",
    "tercet.sealing.olm._pack": "writes",
    "tercet.sealing.olm._text": "writes",
    "tercet.sealing.words._to_words": "a number from our own derived bytes",
    "tercet.shell.bycode.ByCode._scanned": "hexadecimal from our own command; what it says has a target",
    "tercet.shell.bycode.ByCode.take": "hexadecimal from our own command; what it says has a target",
    "tercet.shell.engine.Engine._after": "a number from chance",
    "tercet.shell.meetings._is_hex": "asks whether it is hexadecimal, and no more",
    "tercet.shell.passphrases._below_list": "numbers from chance",
    "tercet.shell.standing.Standing._do": "what lies in the notebook; its reader has a target",
    "tercet.shell.screen.Screen.tell": "hexadecimal from whoever holds the owner's vault",
    "tercet.up_capture.look": "what our own `tercet seize` says in the scene",
    "tercet.vault.door._peer": "the kernel's word",
}


def targets_of(parser: str) -> tuple[str, ...]:
    """The targets of a function in `PARSERS`."""
    return tuple(PARSERS[parser].split())


def parsers_of(target: str) -> list[str]:
    """The functions that a target is for."""
    return [parser for parser in PARSERS if target in targets_of(parser)]


_DECODERS = {
    *("b32decode", "b64decode", "decode", "from_bytes", "fromhex", "fromisoformat", "fullmatch", "loads"),
    *("convert", "match", "unpack", "unpack_from", "strptime", "urlsplit"),
}
_NAMED = ("decode", "parse")


def decoding(source: Path) -> Iterator[str]:
    """Whole names of the functions beneath a folder that decode something, or are called as if they did."""
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield from _in_body(ast.parse(path.read_text()).body, module)


def _in_body(body: list[ast.stmt], owner: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _in_body(node.body, f"{owner}.{node.name}")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            called = {_called(call) for call in ast.walk(node) if isinstance(call, ast.Call)}
            if called & _DECODERS or node.name.lstrip("_").startswith(_NAMED):
                yield f"{owner}.{node.name}"


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
