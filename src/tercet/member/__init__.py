"""A member's shell: clock, network, disk, commands.

Does        runs a member's core on a real device.
Does not    decide about protocol.
Spec        spec/00-overview.md
Always      1. What a member writes is asked for on the terminal or a file descriptor, never taken from arguments.
Read first  service.py, then commands.py.
"""
