"""What a scene is made of: processes that are watched, and pictures of what came about.

Does        holds what `tercet up` and the tests with real processes share.
Does not    know what is played.
Spec        README.md
Always      1. A process is spoken to only as a person or a program would: by commands, answers and lines.
Read first  actor.py
"""
