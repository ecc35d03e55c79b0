"""The laboratory: whole networks on the real core, and the exposure model. Nothing is here yet.

Does        keeps the room's place in the house and in the table of imports.
Does not    hold experiments yet: the issue of the cells brings the first.
Spec        docs/tour.md
Always      1. An experiment runs the product's rules, never a copy of them.
Read first  docs/tour.md
"""
