"""Tercet: a capture-resistant reporting network."""

__version__ = "0.1.0"
