"""The sample photograph."""

from __future__ import annotations

import hashlib

from PIL import Image

from tercet.sample import photo

PUBLISHED = "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"  # scikit-image 0.26.0, its registry


def test_the_photograph_is_the_published_one_byte_for_byte() -> None:
    assert hashlib.sha256(photo().read_bytes()).hexdigest() == PUBLISHED


def test_author_licence_and_source_are_stated_beside_it() -> None:
    text = photo().with_name("README.md").read_text()
    for said in ("Rachel Michetti", "CC0", "scikit-image", PUBLISHED, photo().name):
        assert said in text


def test_it_is_a_photograph_without_words_in_it() -> None:
    with Image.open(photo()) as image:
        assert image.size == (600, 400)
        assert set(image.info) == {"dpi"}
