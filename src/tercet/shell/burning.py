"""Cutting out at the screen: what an owner reads and is asked before a neighbour is burned.

Does        explains what will follow, asks twice, and hands the owner's yes or no to the core.
Does not    decide whether two points are there: the core does.
Spec        spec/33-burn.md, 8; spec/72-dialogue.md, 4
Always      1. Nothing is begun without two different answers that say yes.  2. Names are asked for, not arguments.
Read first  handlers().
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from tercet.core import events as ev
from tercet.core.accusing import voices
from tercet.core.cutting import Stage
from tercet.core.errors import Refusal
from tercet.core.relation import Relation, named
from tercet.shell.dialogue import Dialogue
from tercet.shell.engine import Engine
from tercet.shell.failures import ShellError
from tercet.shell.service import Handler, Request, agreed

SENTENCES: Final = {
    "burn_explained": "You are about to cut out {name}. Everybody who met {name} then drops them: what they wrote is "
    "erased, and their device reaches nobody any more. Nobody can undo it; {name} would have to meet somebody again.",
    "burn_by_alarm": "{name}'s device raised the alarm, and with it your one voice is enough: the desk is told with "
    "the next beats.",
    "burn_by_two": "{by} asked for it. If you agree, that is two voices: the desk is told with the next beats. Ask "
    "{by} first, in person: a captor may have written in their place.",
    "burn_by_asking": "You are one voice, and it takes two. {other} is asked, and must agree. If they do not within "
    "two weeks, nothing happens; but what was asked cannot be unasked, so ask only whom you would trust with it.",
    "burn_asked": "{by} wants {name} cut out. Ask {by} in person why. Then answer with the burn command: yes or no.",
    "burn_begun": "It is under way. {name} is in your status until the desk has posted it; then they are gone.",
    "burn_waits": "Nothing happens to {name} until {other} says the same: your status shows it as long as it waits.",
    "burn_spared": "Nothing happens to {name}. If you had asked somebody, tell them in person, too.",
    "burn_lapsed": "About {name} only one voice was heard in two weeks: nothing happened.",
    "adoption_begun": "Your link is gone: your device asks the desk to take you in, which needs a day or two and "
    "nothing from you. If you would rather meet another link in person, do: then it ends by itself.",
    "adopted": "The desk took you in: it is your neighbour {name}, and your link. It does not know who you are. For "
    "eight weeks you take nobody below.",
    "adoption_lapsed": "The desk did not take you in within two weeks. Reports go on; to have a link, meet one.",
    "adoption_other_pair": "Your partner has another link than the desk by now: meet that one.",
    "adopted_somebody": "Somebody whose link was cut out is a founder now, called {name}. Nobody here has met them: "
    "write to them as to a stranger.",
    "pair_differs": "{name} has another link than you. If yours was not cut out, talk it over: partners share one.",
    "burned": "{name} was cut out by two who agreed, and is your neighbour no more. What it wrote is gone.",
}


def handlers(engine: Engine) -> dict[str, Handler]:
    """Requests by name."""
    return {"burn": partial(_burn, engine)}


async def _burn(engine: Engine, _: Request, person: Dialogue) -> dict[str, Any]:
    name = await person.ask("name", "Whom do you want cut out, or keep? (your own word)")
    relation = named(engine.device.relations, name)
    await _explain(engine, relation, person)
    if not await agreed(person, "burn", f"Do you want {name} cut out, for good? (yes/no)"):
        await engine.do(ev.Spare(name))
        await person.tell("burn_spared", name=name)
        return _facts(engine, name)
    if (await person.ask("name_again", "If you are sure, type your word for them once more")).strip() != name:
        raise ShellError("burn_unsure")
    await engine.do(ev.Burn(name))
    found = _facts(engine, name)
    if found["stage"] == Stage.ASKING:
        await person.tell("burn_waits", name=name, other=_asked(engine, relation))
    else:
        await person.tell("burn_begun", name=name)
    return found


async def _explain(engine: Engine, relation: Relation, person: Dialogue) -> None:
    """What will follow, and whose the second voice is.

    Raises:
        Refusal: `burn_no_share`, `burn_alone`.
    """
    if not relation.share:
        raise Refusal("burn_no_share")
    asked = voices(engine.device.relations, relation)
    if relation.cut.stage in (Stage.QUIET, Stage.ASKING) and not asked:
        raise Refusal("burn_alone")
    await person.tell("burn_explained", name=relation.name)
    if relation.cut.by:
        by = next((r.name for r in engine.device.relations if r.id == relation.cut.by), "")
        await person.tell("burn_by_two", name=relation.name, by=by)
    elif relation.cut.point:
        await person.tell("burn_by_alarm", name=relation.name)
    else:
        await person.tell("burn_by_asking", name=relation.name, other=_asked(engine, relation))


def _asked(engine: Engine, relation: Relation) -> str:
    return ", ".join(r.name for r in voices(engine.device.relations, relation))


def _facts(engine: Engine, name: str) -> dict[str, Any]:
    return {"stage": next((r.cut.stage.value for r in engine.device.relations if r.name == name), "gone")}
