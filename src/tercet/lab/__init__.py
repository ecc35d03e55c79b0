"""The laboratory: whole networks on the real core, in virtual time.

Does        exports what benches and tests use: a plan, a world, its result.
Does not    hold a rule of the protocol.
Spec        spec/95-lab.md
Always      1. An experiment runs the product's rules, never a copy of them.
Read first  world.World
"""

from tercet.lab.ledger import Broken
from tercet.lab.network import Observation
from tercet.lab.plan import Plan
from tercet.lab.result import Result, Spread
from tercet.lab.world import World

__all__ = ["Broken", "Observation", "Plan", "Result", "Spread", "World"]
