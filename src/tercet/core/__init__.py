"""The core: what a member and a desk know and do.

Does        decides: (state, event, now, chance) -> (state, effects).
Does not    send, store, read a clock, draw by itself, or log.
Spec        spec/00-overview.md
Always      1. A failed step changes nothing.  2. The shell saves the new state before it acts on an effect.
Read first  device.py: Device, then step().
"""
