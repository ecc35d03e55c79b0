"""A desk's shell: archive, exports, commands.

Does        runs a desk's core and keeps what it receives.
Does not    decide about protocol.
Spec        spec/00-overview.md, spec/81-archive.md
Always      1. Nothing is acknowledged before it lies durably in the archive.
Read first  service.py, then commands.py.
"""
