"""A desk, two members and a newcomer in any order of events: nothing is lost, nothing comes twice."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.errors import Refusal
from tercet.core.meeting import Stage
from tercet.core.report import ReportState
from tercet.core.state import load, save

from .scenes import DAY, SECOND_RELAY, drop_effects, founders
from .stage import RELAY, Actor

WHO = st.sampled_from(["desk", "first", "second", "third"])
MEMBER = st.sampled_from(["first", "second", "third"])
FOUNDER = st.sampled_from(["first", "second"])


class Crash(Exception):
    """The process dies here."""


class Network(RuleBasedStateMachine):
    """Meetings, letters, reports, replies, beats of both kinds, days, loss, doubling and crashes in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.stage, desk, first, second = founders((RELAY, SECOND_RELAY))
        self.actors: dict[str, Actor] = {a.name: a for a in (desk, first, second)}
        self.letters: dict[tuple[str, str], list[str]] = {}
        self.replies: dict[int, list[str]] = {}
        self.words: dict[str, list[str]] = {}
        self.made: dict[str, int] = {"first": 0, "second": 0}
        self.newcomer = self.stage.actor("third")
        self.meets = first
        self.count = 0

    def text(self) -> str:
        self.count += 1
        return f"text {self.count}"

    @rule(inviter=FOUNDER, looks=st.integers(0, 6))
    def go_on_with_a_meeting(self, inviter: str, looks: int) -> None:
        """The newcomer's meeting takes its next step: code, words, the two confirmations."""
        if "third" in self.actors:
            return
        self.begin_meeting(self.actors[inviter])
        for _ in range(looks):
            for actor in (self.meets, self.newcomer):
                actor.do(ev.Look())
        for actor in (self.meets, self.newcomer):
            if actor.device.meeting and actor.device.meeting.stage is Stage.COMPARING:
                actor.do(ev.SameWords())
        self.join_if_both_kept()

    def begin_meeting(self, inviter: Actor) -> None:
        if self.newcomer.device.meeting or self.newcomer.device.relations:
            return
        if self.meets.device.meeting is None and not any(r.name == "third" for r in inviter.device.relations):
            self.meets = inviter
            inviter.do(ev.Invite("third", Role.LINK))
            inviter.do(ev.Look())
        code = self.meets.heard("meeting_code")
        if self.meets.device.meeting and self.meets.device.meeting.code and code:
            self.newcomer.do(ev.Join(self.meets.name, code[-1].facts["code"], code[-1].facts["relay"]))

    def join_if_both_kept(self) -> None:
        ours = any(r.name == "third" for r in self.meets.device.relations)
        if ours and self.newcomer.device.relations and "third" not in self.actors:
            self.actors["third"] = self.newcomer
            self.made["third"] = 0

    @rule(who=WHO, beats=st.integers(1, 30))
    def covered_beats(self, who: str, beats: int) -> None:
        for _ in range(beats if who in self.actors else 0):
            self.stage.now += 1_800
            self.actors[who].do(ev.Beat())

    @rule(who=WHO, to=WHO)
    def write(self, who: str, to: str) -> None:
        if who not in self.actors or to not in self.actors:
            return
        text = self.text()
        try:
            self.actors[who].do(ev.WriteLetter(to, text))
        except Refusal as refusal:
            assert refusal.code in ("unknown_neighbour", "too_much_waiting")
            return
        self.letters.setdefault((who, to), []).append(text)

    @rule(who=MEMBER, size=st.sampled_from([0, 0, 1, 300_000]))
    def report(self, who: str, size: int) -> None:
        if who not in self.actors:
            return
        actor, text = self.actors[who], f"{who} {self.text()}"
        files = (actor.give(text, text.encode() * (size // len(text) + 1)),) if size else ()
        if actor.device.board.key_for(self.stage.now // DAY) is None:
            assert who == "third"  # met, and has not read the board yet
            return
        actor.do(ev.WriteReport(text, None, None, files))
        self.made[who] += 1

    @precondition(lambda self: self.actors["desk"].reports)
    @rule(data=st.data())
    def reply(self, data: st.DataObject) -> None:
        desk = self.actors["desk"]
        assert desk.device.office is not None
        cases = [c.number for c in desk.device.office.cases]
        if cases:
            number, text = data.draw(st.sampled_from(cases)), self.text()
            desk.do(ev.Reply(number, text))
            self.replies.setdefault(number, []).append(text)

    @rule(who=MEMBER, data=st.data())
    def answer(self, who: str, data: st.DataObject) -> None:
        actor = self.actors.get(who)
        if actor and actor.device.reports:
            held = data.draw(st.sampled_from(actor.device.reports))
            text = self.text()
            actor.do(ev.WriteWord(held.number, text))
            self.words.setdefault(f"{who} {held.number}", []).append(text)

    @rule(who=WHO)
    def beat(self, who: str) -> None:
        if who in self.actors:
            self.stage.beat(self.actors[who])

    @rule(hours=st.sampled_from([1, 13, 25, 60]))
    def wait(self, hours: int) -> None:
        self.stage.now += hours * 3_600

    @rule(relay=st.sampled_from([RELAY, SECOND_RELAY]))
    def lose_what_lies_there(self, relay: str) -> None:
        for box, posted, item in list(self.stage.relays[relay].entries()):
            from tercet.drop import name_of

            if not posted:
                self.stage.relays[relay].remove(box, name_of(item))

    @rule(down=st.sets(st.sampled_from([RELAY, SECOND_RELAY])))
    def relays_down(self, down: set[str]) -> None:
        self.stage.down = down

    @rule()
    def double(self) -> None:
        from tercet.drop import Put

        for relay, other in ((RELAY, SECOND_RELAY), (SECOND_RELAY, RELAY)):
            for box, posted, item in list(self.stage.relays[relay].entries()):
                if not posted:
                    self.stage.ask(other, Put(box, item))

    @rule(who=WHO, after=st.integers(0, 12))
    def crash_while_acting(self, who: str, after: int) -> None:
        actor, left = self.actors.get(who, self.newcomer), [after]

        def until(effect: fx.Effect) -> bool:
            left[0] -= 1
            if left[0] < 0:
                raise Crash
            return True

        actor.before_act = until
        try:
            self.stage.beat(actor)
        except Crash:
            actor.device = load(save(actor.device))
        drop_effects(actor, lambda effect: False)

    @invariant()
    def every_letter_came_at_most_once_and_in_order(self) -> None:
        for (who, to), texts in self.letters.items():
            got = [n.text for r in self.actors[to].device.relations if r.name == who for n in r.notes]
            assert got == texts[: len(got)]

    @invariant()
    def every_report_is_at_the_desk_or_visibly_waiting(self) -> None:
        desk = self.actors["desk"]
        texts = [r.content.text for r in desk.reports.values()]
        assert len(texts) == len(set(texts))
        for who, count in self.made.items():
            shown = self.actors[who].device.reports
            assert len(shown) == count
            received = sum(r.state is ReportState.RECEIVED for r in shown)
            assert received <= sum(t.startswith(who) for t in texts)

    @invariant()
    def the_states_stay_small(self) -> None:
        for actor in self.actors.values():
            assert len(save(actor.device)) < 300_000

    def open_ends(self, actor: Actor) -> bool:
        device = actor.device
        waiting = any(h.channel.waiting for h in (*device.relations, *device.reports))
        return waiting or any(r.sealed or any(m.path for m in r.media) for r in device.reports)

    def teardown(self) -> None:
        """Quiet days: everything arrives."""
        self.stage.down = set()
        for _ in range(90):
            self.stage.beat(*self.actors.values(), every=DAY // 3)
            if not any(self.open_ends(actor) for actor in self.actors.values()):
                break
        self.every_letter_came_at_most_once_and_in_order()
        for (who, to), texts in self.letters.items():
            got = [n.text for r in self.actors[to].device.relations if r.name == who for n in r.notes]
            assert got == texts
        desk = self.actors["desk"]
        assert len(desk.reports) == sum(self.made.values())
        assert desk.device.office is not None
        assert desk.device.office.opened == len(desk.reports)
        for who in self.made:
            for held in self.actors[who].device.reports:
                assert held.state is ReportState.RECEIVED
                assert not any(m.path for m in held.media)


Network.TestCase.settings = settings(
    max_examples=5,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class TestAnyOrder(Network.TestCase):  # type: ignore[misc, name-defined]
    """A few examples in the fast tier."""


class TestAnyOrderForLong(Network.TestCase):  # type: ignore[misc, name-defined]
    """Many more in the full tier."""

    settings = settings(
        max_examples=60,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    pytestmark = pytest.mark.full
