"""Search: every order in which a small network can cut somebody out, with one malicious neighbour in it.

Does        goes through all states that can be reached, nearest first, and finds the shortest way to what is wrong.
Does not    hold a rule of the protocol: each move is the core's own step.
Spec        spec/95-lab.md, 13
Always      1. Of two states that are the same one is looked at.  2. What was put stays: any time, any order, again.
Read first  explore().
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from tercet.core.days import DAY
from tercet.core.state import save
from tercet.lab.forged import Forger
from tercet.lab.frames import Message, known
from tercet.lab.judge import Local, Wrong
from tercet.lab.moves import Moves
from tercet.lab.small import NAMES, in_the_open, neighbour

T = TypeVar("T")
SETTLING = 4  # moments after which all that can come has come


@dataclass(frozen=True)
class Scenario:
    """Who is malicious, of whom owners speak, and how much may happen.

    Attributes:
        bad: whose device is malicious.
        about: whom owners speak about.
        on: whose devices are on, the desk's always; the others are off all the time.
        speakers: whose owners speak.
        words: how often each of them does, burn or spare.
        moments: how often time passes.
        tick: seconds that pass then.
        to: whom the malicious one writes to.
        mishaps: beats in which something is lost: a crash between two acts, an answer, or what a relay stored.
        numbers: numbers under which each forged letter comes.
        one: whether the board is also read one item at a time.
        begun: who is cut out already: two agreed on each, and the partner's frame lies in intake.
        calls: whether the malicious one calls the desk, with all that it knows.
    """

    bad: str
    about: tuple[str, ...]
    on: tuple[str, ...]
    speakers: tuple[str, ...]
    to: tuple[str, ...] = ()
    words: int = 1
    moments: int = 0
    tick: int = DAY
    mishaps: int = 0
    numbers: int = 1
    one: bool = False
    begun: tuple[str, ...] = ()
    calls: bool = False


class State(NamedTuple):
    """The whole network: which messages and board frames there are, and each device, by their numbers."""

    moment: int
    mishaps: int
    messages: int
    posted: tuple[int, ...]
    devices: tuple[int, ...]


class Next(NamedTuple):
    """What one device may do: the device after, what it put besides, and what it cost in mishaps."""

    label: str
    device: int
    messages: int = 0
    posted: tuple[int, ...] = ()
    mishaps: int = 0


@dataclass
class Searched:
    """What a search came to.

    Attributes:
        states: different ones that were reached.
        moves: between them.
        devices: different states of single devices.
        messages: different frames.
        agreed: states from which all was delivered, to see that a burn gets through.
        ended: whether every state was looked at.
        wrong: the invariant that does not hold; empty for none.
        why: in a sentence.
        trace: the moves that lead there.
    """

    states: int = 0
    moves: int = 0
    devices: int = 0
    messages: int = 0
    agreed: int = 0
    ended: bool = False
    wrong: str = ""
    why: str = ""
    trace: tuple[str, ...] = ()


class Search:
    """One search; it is made and used where letters are in the open."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.names = tuple(name for name in NAMES if name in scenario.on)
        self.moves = Moves(scenario.about, scenario.tick)
        self.judge = self.moves.judge
        self.forger = Forger(self.moves.frames, scenario.bad)
        self.messages: list[Message] = []
        self.devices: list[Local] = []
        self.frames: list[bytes] = []
        self._numbers: dict[object, int] = {}
        self._for: dict[str, int] = dict.fromkeys(NAMES, 0)
        self._gives: dict[int, int] = {}
        self._next: dict[object, list[Next]] = {}
        self._beats: dict[object, list[Next]] = {}
        self._takes: dict[object, Next] = {}
        self._dropped: list[bool] = []
        self._wants: list[bool] = []
        self._keeps: list[list[bool]] = []
        self._calls: list[bool] = []
        self._lies = 0
        self._rounds: dict[State, State] = {}
        self._judged: set[object] = set()
        self._through: set[object] = set()
        self._posts: dict[bytes, tuple[int, int]] = {}
        self.doing = ""

    def begin(self) -> State:
        """The network before anything happened, with all that can be forged lying there."""
        said = self.scenario.speakers
        devices = tuple(
            self._device(self.moves.begin(name, self.scenario.words if name in said else 0)) for name in self.names
        )
        forged = self.forger.at_first(self.scenario.about, self.scenario.to, self.scenario.numbers)
        forged += self.forger.calls() if self.scenario.calls else []
        begun = [self.forger.honest(name) for name in self.scenario.begun]
        return State(0, self.scenario.mishaps, self._mask([*begun, *forged]), (), devices)

    # ---- numbers for what there is

    def _device(self, local: Local) -> int:
        key = local.name, save(local.device), local.said, local.words, local.alarmed
        number = self._number(key, local, self.devices)
        if number == len(self._dropped):
            there = {relation.id for relation in local.device.relations}
            self._dropped.append(any(r.id not in there for r in self.moves.frames.devices[local.name].relations))
            self._calls.append(local.device.calling is not None and local.name != self.scenario.bad)
            self._keeps.append([neighbour(local.device, name) is not None for name in self.scenario.about])
            self._wants.append(any(said.yes for said in local.said))
        return number

    def _number(self, key: object, thing: T, things: list[T]) -> int:
        number = self._numbers.setdefault(key, len(things))
        if number == len(things):
            things.append(thing)
        return number

    def _mask(self, messages: list[Message]) -> int:
        """Messages as a set of bits, with what they let the malicious one put besides."""
        mask = 0
        for message in messages:
            known = len(self.messages)
            number = self._number(message.text, message, self.messages)
            if number == known:
                self._for[message.to] |= 1 << number
                if message.to == self.scenario.bad:
                    self._gives[number] = self._mask(self.forger.learned(message))
                    self._lies |= self._gives[number]
            mask |= 1 << number | self._gives.get(number, 0)
        return mask

    def _post(self, frame: bytes) -> tuple[int, int]:
        """The number of a frame of the board, and what it lets the malicious one put besides."""
        if frame not in self._posts:
            line = self.moves.frames.burned_by(frame)
            more = self._mask(self.forger.seen(line)) if line else 0
            self._posts[frame] = self._number(frame, frame, self.frames), more
        return self._posts[frame]

    # ---- what may happen

    def after(self, state: State) -> Iterator[tuple[str, State]]:
        """All that may happen next."""
        for place, device in enumerate(state.devices):
            local = self.devices[device]
            there = state.messages & self._for[local.name]
            key = device, there, () if local.device.is_desk else state.posted, state.moment
            if key not in self._next:
                self._next[key] = [n for n in self._of_device(*key) if n.device != device or n.messages or n.posted]
            for label, after, messages, posted, mishaps in self._next[key]:
                if mishaps > state.mishaps:
                    continue
                yield label, self._with(state, place, Next(label, after, messages, posted, mishaps))
        if state.moment < self.scenario.moments:
            yield f"{self.scenario.tick // 3_600} hours pass", state._replace(moment=state.moment + 1)

    def _with(self, state: State, place: int, happened: Next) -> State:
        devices = (*state.devices[:place], happened.device, *state.devices[place + 1 :])
        fresh = tuple(x for x in happened.posted if x not in state.posted)
        return State(
            state.moment,
            state.mishaps - happened.mishaps,
            state.messages | happened.messages,
            state.posted + fresh,
            devices,
        )

    def _of_device(self, device: int, there: int, posted: tuple[int, ...], moment: int) -> list[Next]:
        local = self.devices[device]
        happens = [*self._spoken(local, moment), *self._beaten(device, moment)]
        while there:
            number = (there & -there).bit_length() - 1
            there &= there - 1
            label = f"{local.name} reads: {self.messages[number].text}"
            taken = self._taken(device, number, moment)
            happens.append(taken._replace(label=label))
            if taken.messages:
                happens.append(Next(f"{label}, and crashes before it answers", taken.device, mishaps=1))
        return happens + [*self._board_read(local, posted, moment)]

    def _spoken(self, local: Local, moment: int) -> Iterator[Next]:
        for about, name in enumerate(self.scenario.about):
            for burn in (True, False):
                self.doing = f"{local.name}'s owner says {'burn' if burn else 'spare'} {name}"
                after = self.moves.speak(local, about, burn, moment)
                if after is not None:
                    yield Next(self.doing, self._device(after))

    def _taken(self, device: int, number: int, moment: int) -> Next:
        key = device, number, moment
        if key not in self._takes:
            local, message = self.devices[device], self.messages[number]
            self.doing = f"{local.name} reads: {message.text}"
            after = self.moves.take(local, message, moment)
            said = [put.message for put in after.puts if put.message] if after else []
            self._takes[key] = Next("", self._device(after.local) if after else device, self._mask(said))
        return self._takes[key]

    def _board_read(self, local: Local, posted: tuple[int, ...], moment: int) -> Iterator[Next]:
        frames = tuple(self.frames[x] for x in posted)
        for one in (False, True)[: 1 + self.scenario.one]:
            self.doing = f"{local.name} reads {'one item of ' * one}the board"
            after = self.moves.read_board(local, frames, one, moment)
            if after is not None:
                yield Next(self.doing, self._device(after))

    def _beaten(self, device: int, moment: int) -> list[Next]:
        """A beat: all is put and heard; or it crashes in between; or no answer comes; or the relay loses all."""
        key = device, moment
        if key in self._beats:
            return self._beats[key]
        local = self.devices[device]
        self.doing = f"{local.name} beats"
        beaten, puts = self.moves.beat(local, moment)
        ways = [("", len(puts), len(puts), 0)]
        if puts:
            ways += [(f", and crashes after {n} of {len(puts)} acts", n, n, 1) for n in range(len(puts))]
            ways += [(", and hears no answer", len(puts), 0, 1)]
        if any(put.message for put in puts):
            ways += [(", and the relay loses what is not for the board", 0, len(puts), 1)]
        happens = []
        for how, carried, heard, cost in ways:
            after = self.moves.stored(beaten, puts[:heard], moment)
            said = [put.message for put in puts[:carried] if put.message]
            posts = [self._post(put.posted) for put in puts[: max(carried, heard)] if put.posted]
            mask = self._mask(said)
            for _, more in posts:
                mask |= more
            what = "; ".join([m.text for m in said] + ["posts a burn" for _ in posts])
            label = f"{local.name} beats{how}{': ' * bool(what)}{what}"
            happens.append(Next(label, self._device(after), mask, tuple(number for number, _ in posts), cost))
        self._beats[key] = happens
        return happens

    # ---- what must hold of the whole

    def judged(self, state: State) -> None:
        """Raise what is wrong with the network as a whole."""
        dropped = any(self._dropped[device] for device in state.devices)
        if (state.posted or dropped) and (key := (state.posted, state.devices)) not in self._judged:
            self.judge.of_voices(self._locals(state), self._posted(state), self.scenario.bad, self.scenario.begun)
            self._judged.add(key)

    def _locals(self, state: State) -> list[Local]:
        return [self.devices[device] for device in state.devices]

    def _posted(self, state: State) -> list[bytes]:
        return [self.frames[number] for number in state.posted]

    def settled(self, state: State, agreed: list[int]) -> State:
        """The network once all was carried out and delivered, and nothing new was said or forged.

        It is over as soon as all have dropped whom they agreed on, and nobody calls the desk.
        """
        for _ in range(SETTLING):
            before = None
            while before != state and any(
                self._calls[device] or any(self._keeps[device][about] for about in agreed) for device in state.devices
            ):
                if state not in self._rounds:
                    self._rounds[state] = self._round(state)
                before, state = state, self._rounds[state]
            state = state._replace(moment=state.moment + 1)
        return state

    def _round(self, state: State) -> State:
        """Every device beats, reads what lies there for it, and the board."""
        for place, name in enumerate(self.names):
            state = self._with(state, place, self._beaten(state.devices[place], state.moment)[0])
            device, there = state.devices[place], state.messages & self._for[name]
            while there:
                number = (there & -there).bit_length() - 1
                there &= there - 1
                taken = self._taken(device, number, state.moment)
                device, state = taken.device, state._replace(messages=state.messages | taken.messages)
            for read in self._board_read(self.devices[device], state.posted, state.moment):
                device = read.device
                break
            state = self._with(state, place, Next("", device))
        return state

    def through(self, state: State) -> bool:
        """Whether two agreed, and then everybody comes to drop the member, and those below it to a link.

        Raises:
            Wrong: two agreed, and somebody never does.
        """
        if not state.posted and not any(self._wants[device] for device in state.devices):
            return False
        everyone, posted = self._locals(state), self._posted(state)
        now = self.moves.now(state.moment)
        agreed = [i for i in range(len(self.scenario.about)) if self.judge.agreed(everyone, posted, i, now)]
        key = state._replace(mishaps=0)
        if agreed and key not in self._through:
            self._through.add(key)
            try:
                end = self._locals(self.settled(key, agreed))
                for about in agreed:
                    self.judge.of_end(end, about)
                if not state.messages & self._lies:
                    self.judge.of_links(end, self.scenario.bad)
            finally:
                self.doing = "everything is carried out and delivered"
        return bool(agreed)


def explore(scenario: Scenario, most: int = 0) -> Searched:
    """Go through all states that can be reached, or the nearest `most`; stop at the first that is wrong."""
    known()  # by the core as it is
    with in_the_open():
        return _explore(Search(scenario), most)


def _explore(search: Search, most: int) -> Searched:
    result = Searched()
    first = search.begin()
    known: dict[State, int] = {first: 0}
    ways: list[tuple[int, str]] = [(0, "")]
    line = [first]
    at = 0
    try:
        while at < len(line) and not (most and len(line) >= most):
            state = line[at]
            result.agreed += search.through(state)
            for label, after in search.after(state):
                result.moves += 1
                if after in known:
                    continue
                known[after] = len(line)
                line.append(after)
                ways.append((at, label))
                search.doing = ""
                search.judged(after)
            at += 1
        result.ended = at == len(line)
    except Wrong as wrong:
        result.wrong, result.why = wrong.args
        result.trace = (*_way(ways, at if search.doing else len(line) - 1), *([search.doing] if search.doing else []))
    result.states, result.devices, result.messages = len(line), len(search.devices), len(search.messages)
    return result


def _way(ways: list[tuple[int, str]], state: int) -> list[str]:
    """The moves that lead to a state."""
    moves: list[str] = []
    while state:
        state, label = ways[state]
        moves.append(label)
    return moves[::-1]
