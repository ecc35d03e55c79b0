"""Fuzz targets of the ceremony: text files that travel between the five.

Does        hands text to each reader of a file and swallows the documented failure only.
Does not    run anything: the runner and the replay test do.
Spec        spec/61-root.md, 8
Always      1. Anything but the documented failure is a find.  2. What is read is written as the same bytes.
Read first  TARGETS.
"""

from __future__ import annotations

from collections.abc import Callable

from tercet.core.fields import encode
from tercet.desk import papers
from tercet.shell.failures import ShellError


def paper_files(data: bytes) -> None:
    """A file, as each of the three kinds."""
    text = data.decode("ascii", "replace")
    for title, parse in (
        (papers.KEY_TITLE, papers.parse_key),
        (papers.BOARD_TITLE, papers.parse_board),
        (papers.ROOT_TITLE, papers.parse_root_text),
    ):
        try:
            read = parse(text)
        except ShellError:
            continue
        if title == papers.ROOT_TITLE and parse(papers.to_text(title, encode(read))) != read:
            raise AssertionError("a file was read as another one")


TARGETS: dict[str, Callable[[bytes], None]] = {"ceremony-files": paper_files}
