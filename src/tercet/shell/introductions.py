"""Introductions at the screen: what members and desks are asked, and what they read.

Does        carries out the requests to introduce, to agree or not, and to compare words later.
Does not    decide who may be introduced: the core does.
Spec        spec/32-introduction.md; spec/72-dialogue.md, 3
Always      1. Nobody is introduced without a yes.  2. Names are asked for, never arguments.
Read first  handlers().
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from tercet.core import events as ev
from tercet.core.errors import Refusal
from tercet.shell.dialogue import Dialogue
from tercet.shell.engine import Engine
from tercet.shell.service import Handler, Request, Told, agreed, offered

SENTENCES: Final = {
    "introduction_offered": "{by} wants to introduce somebody to you, who would be your {role}. "
    "Until you two compare words, face to face, {by} could read what you write to each other.",
    "introduction_declined": "{by} wanted to introduce somebody; your cell has no such place, and it was declined.",
    "introduction_kept": "{name} is now your {role}: introduced, not met. Compare words when you stand face to face.",
    "introduction_made": "The introduction is done: {name} and {other} know each other now.",
    "introduction_refused": "The introduction is over: {name} said no, or could not. {other} hears only that.",
    "introduction_over": "An introduction is over and nothing was kept ({code}).",
    "introduction_words": "Both screens must show: {words}",
    "introduction_met": "Good. {name} counts as met now.",
    "introduction_dropped": "{name} is dropped: somebody stood in between, most likely who introduced you.",
}


def handlers(engine: Engine) -> dict[str, Handler]:
    """Requests by name."""
    return {
        "introduce": partial(_introduce, engine),
        "accept": partial(_accept, engine),
        "compare": partial(_compare, engine),
    }


async def _introduce(engine: Engine, _: Request, person: Dialogue) -> dict[str, Any]:
    first = await person.ask("name", "Whom do you introduce? (your own word)")
    second = await person.ask("other", "And to whom? (your own word)")
    await engine.do(ev.Introduce(first, second))
    return {}


async def _accept(engine: Engine, _: Request, person: Dialogue) -> dict[str, Any]:
    facts = offered(engine.device)
    if not facts:
        raise Refusal("no_introduction")
    await person.tell("introduction_offered", by=facts["by"], role=facts["role"])
    if not await agreed(person, "accept", "Do you know who that is, and do you want it? (yes/no)"):
        await engine.do(ev.DeclineIntroduction())
        return {"accepted": False}
    name = await person.ask("name", "Your own word for this person (it never leaves this device)")
    await engine.do(ev.AcceptIntroduction(name))
    return {"accepted": True}


async def _compare(engine: Engine, _: Request, person: Dialogue) -> dict[str, Any]:
    if all(relation.met for relation in engine.device.relations):
        raise Refusal("nothing_to_compare")
    name = await person.ask("name", "With whom do you compare words? (your own word)")
    with Told(engine) as told:
        await engine.do(ev.CompareWords(name))
        words = await told.next(1.0)
        while words is not None and words.what != "introduction_words":  # something else happened meanwhile
            words = await told.next(1.0)
    if words is not None:
        await person.tell("introduction_words", name=name, words=words.facts["words"])
    same = await agreed(person, "same_words", "Do both screens show the same four words? (yes/no)")
    await engine.do(ev.WordsAgree(name) if same else ev.WordsDiffer(name))
    await person.tell("introduction_met" if same else "introduction_dropped", name=name)
    return {"met": same}
