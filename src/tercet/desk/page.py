"""The page that checks statements: one file, put together from its parts.

Does        joins page, style and script, with the list of words and the hints, under a policy that allows nothing else.
Does not    serve it, or check anything: the script does, by the same spec.
Spec        spec/62-voice.md, 5; docs/voice.md
Always      1. The policy names the script and the style by their hashes, and allows no request at all.
            2. The same parts give the same bytes.
Read first  page_text(), voice_page/page.js.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final

from tercet.core.errors import HINTS as CORE_HINTS
from tercet.sealing import all_words
from tercet.shell.failures import HINTS

PARTS: Final = Path(__file__).parent / "voice_page"
CODES: Final = (
    *("root_new_few", "root_not_next", "root_old_few", "root_place"),
    *("voice_few", "voice_fork", "voice_old", "voice_root"),
)  # refusals of the core that the page can come to
OURS: Final = {
    "cannot_check": "This browser has no Ed25519, so nothing was checked: take a newer one, or `tercet verify`.",
    "nothing_given": "Fill in the eight words (1), and choose or paste the statement's file (2).",
    "root_other": "The words that you filled in (1) are not those of this file's first root: look for a slip of yours, "
    "and if there is none, do not believe it.",
    "root_words": "The first root is known by eight words, or by 64 digits: fill in all of them (1), as they were "
    "printed.",
    "unknown_word": "One of the words that you filled in (1) is not on the list: look at its spelling.",
}  # what the page says otherwise than a command: its reader fills in fields


def hints() -> dict[str, str]:
    """What the page says for each code."""
    shells = {code: HINTS[code] for code in ("unforeseen", "voice_file")}
    return {code: CORE_HINTS[code] for code in CODES} | shells | OURS


def _hash_of(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def page_text() -> str:
    """The whole page."""
    page, style, script = ((PARTS / name).read_text("utf-8") for name in ("page.html", "page.css", "page.js"))
    script = script.replace("@WORDS@", " ".join(all_words()))
    script = script.replace("@HINTS@", json.dumps(hints(), sort_keys=True).replace("<", "\\u003c"))
    parts = {
        "@SCRIPT_HASH@": _hash_of(script),
        "@STYLE_HASH@": _hash_of(style),
        "@STYLE@": style,
        "@SCRIPT@": script,
    }
    for name, part in parts.items():
        page = page.replace(name, part)
    return page
