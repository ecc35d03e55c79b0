"""What the member's and the desk's shells share: the loop around a core, relays, people, failures.

Does        decides about the world: when to save, whom to ask, what to show.
Does not    decide about protocol.
Spec        docs/adr/0002-a-shared-shell-room.md
Always      1. File, then save, then act.
Read first  engine.py, then service.py.
"""
