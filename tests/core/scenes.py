"""What the tests of letters and reports share: a desk and two members who have met, and hands on their mail."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.chain import Lane, lane
from tercet.core.channel import Channel, Letter
from tercet.core.content import ReportContent, WordContent, _pad
from tercet.core.conversation import open_answer
from tercet.core.days import week_of
from tercet.core.device import step
from tercet.core.envelope import SALT, info_for, return_lane, return_root, wrap
from tercet.core.fields import encode
from tercet.core.relation import Relation
from tercet.core.state import Return, load, save
from tercet.drop import MemoryStore, Put, Stored
from tercet.sealing import NONCE, seal_to

from .stage import RELAY, Actor, Stage

DAY = 86_400
HOUR = 3_600
SECOND_RELAY = "tercet://second.example:443/bbbb"
THIRD_RELAY = "tercet://third.example:443/cccc"


@cache
def _met(relays: tuple[str, ...]) -> tuple[Stage, Actor, Actor, Actor]:
    stage = Stage(relays)
    desk, first, second = stage.desk(), stage.actor("first"), stage.actor("second")
    stage.meet(desk, first, Role.DESK)
    stage.meet(desk, second, Role.DESK)
    stage.meet(first, second, Role.PARTNER)
    stage.beat(desk, first, second, rounds=4)
    return stage, desk, first, second


def founders(relays: tuple[str, ...] = (RELAY,)) -> tuple[Stage, Actor, Actor, Actor]:
    """A desk and its two founders, who are partners; everything is read and acknowledged."""
    return copy.deepcopy(_met(relays))


def relation(actor: Actor, name: str) -> Relation:
    return next(r for r in actor.device.relations if r.name == name)


def channel(actor: Actor, name: str) -> Channel:
    return relation(actor, name).channel


def letters(actor: Actor, name: str) -> list[str]:
    return [n.text for n in relation(actor, name).notes]


def words_of_desk(actor: Actor, number: int = 1) -> list[str]:
    return [n.text for r in actor.device.reports if r.number == number for n in r.notes]


def intake_ids(actor: Actor, day: int) -> tuple[tuple[bytes, ...], ...]:
    """The ids of a day's intake boxes by shard and relay, as a member learns them."""
    card, named = actor.device.card, actor.device.board.intake_on(day)
    assert card is not None
    assert named is not None
    return named.ids(card.chain.root_on(day))


def report(actor: Actor, text: str = "what I saw", *media: ev.MediaGiven) -> int:
    """Write a report and send it at once."""
    actor.do(ev.WriteReport(text, None, None, media))
    actor.do(ev.SendNow())
    return actor.device.reported


def send_letter(actor: Actor, to: str, text: str) -> None:
    """Write a letter and send it at once."""
    actor.do(ev.WriteLetter(to, text))
    actor.do(ev.SendNow())


def talk(stage: Stage, desk: Actor, *members: Actor, rounds: int = 2) -> None:
    """Each member asks what the desk has to say, the desk answers, and the answers are read."""
    for _ in range(rounds):
        stage.beat(*members, every=60)
        stage.beat(desk, *members, every=1)


def lay(
    stage: Stage, member: Actor, content: ReportContent | WordContent, nonce: bytes = bytes(NONCE), week: int = 0
) -> Lane:
    """A member lays whatever it likes into intake, sealed as it should be; returns where the answer will come."""
    card, day = member.device.card, stage.now // DAY
    assert card is not None
    week = week or week_of(content.day)
    key = next(k for k in member.device.board.keys if k.week == week)
    sealed = week.to_bytes(2, "big") + seal_to(key.public, _pad(encode(content)), info_for("report", week))
    frame = wrap(lane(card.chain, day, "intake", 0), sealed, key.week, key.public, nonce, bytes(SALT))
    assert isinstance(stage.ask(RELAY, Put(intake_ids(member, day)[0][0], frame)), Stored)
    back = content.back if isinstance(content, WordContent) else content.reply
    return return_lane(return_root(back, nonce, bytes(SALT)))


def answers(stage: Stage, where: Lane) -> list[Letter]:
    """What lies at the first relay in a return box, opened."""
    return [open_answer(where, item) for box, _, item in items_at(stage) if box == where.boxes[0].id]


def returns(actor: Actor, number: int = 0) -> list[Return]:
    """The answers that a member awaits to a report and its words; to dummies for 0."""
    return [r for r in actor.device.returns if r.owner == number]


def drop_effects(actor: Actor, unwanted: Callable[[fx.Effect], bool]) -> None:
    """From now on the actor's shell never gets round to such effects."""
    actor.before_act = lambda effect: not unwanted(effect)


def act_on_everything(actor: Actor) -> None:
    actor.before_act = lambda effect: True


def crash_before_saving(actor: Actor, event: ev.Event) -> None:
    """The shell files what is to be filed and dies: state and effects are lost."""
    _, effects = step(actor.device, event, actor.stage.now + actor.skew, actor.chance)
    for effect in effects:
        actor.file(effect)


def crash_after_saving(actor: Actor, event: ev.Event) -> None:
    """The shell files and saves and dies: no effect is carried out."""
    drop_effects(actor, lambda effect: True)
    actor.do(event)
    act_on_everything(actor)


def restart(actor: Actor) -> None:
    actor.device = load(save(actor.device))


def empty_relay(stage: Stage, relay: str = RELAY) -> None:
    """The relay loses everything."""
    stage.relays[relay] = MemoryStore()


def items_at(stage: Stage, relay: str = RELAY) -> list[tuple[bytes, bool, bytes]]:
    return list(stage.relays[relay].entries())


def frames(effects: tuple[fx.Effect, ...]) -> list[fx.PutItem]:
    return [e for e in effects if isinstance(e, fx.PutItem)]


def days(stage: Stage, count: float) -> None:
    stage.now += int(count * DAY)
