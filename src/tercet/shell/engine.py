"""The engine: a core, its vault and its relays, turning.

Does        steps the core, files, saves, then acts; brings back what the relays answered.
Does not    know what a member or a desk is: files and chunks are handled by its owner.
Spec        spec/00-overview.md, 5
Always      1. Nothing leaves before the state that knows of it is saved.
            2. One step at a time: a lock is held from the step to the save.
            3. A save that has begun is finished, whoever stops waiting for it.
            4. Each operation of a covered beat goes out at its own moment, on a connection of its own.
Read first  Engine.do().
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from tercet.core import drawing, understudy
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.device import step
from tercet.core.passes import dressed
from tercet.core.state import Device, kept_blocks, load, save
from tercet.drop import BLOCK, FRAME, Ack, Items, Op, Post, Put, Read, Refused, Stored
from tercet.notebook import NotebookError, with_area
from tercet.sealing import blind_key, cover
from tercet.shell.relays import Places, Relays
from tercet.vault import OPENING_COMMITS, Vault, VaultError

T = TypeVar("T")

AT_ONCE = 8  # operations under way at the relays at the same time
MEDIA_PAUSE = 30.0  # seconds after which a block that no relay took is tried again, if no beat did so before
EMPTY_TURNS = 64  # commits without a new block, at most, until the vault has room for one


class NotFiled(Exception):
    """The owner's disk did not take what was to be filed; `cause` has a code and a hint."""

    def __init__(self, code: str, cause: Exception) -> None:
        super().__init__(code)
        self.code = code
        self.cause = cause


class Owner(Protocol):
    """What an engine needs from the shell around it."""

    def file(self, effect: fx.Filed) -> None:
        """File what arrived, durably; called in a thread, before the state is saved. Raises NotFiled."""

    def read_chunk(self, effect: fx.ReadChunk) -> ev.Event | None:
        """Read a piece of a file; called in a thread. None if it cannot be read at the moment."""

    def check_media(self, effect: fx.CheckMedia) -> bool | None:
        """Hash a whole file; called in a thread."""


def draw_token_keys() -> bytes:
    """Draw both private keys of a week's tokens, 512 bytes; takes a second."""
    return blind_key() + blind_key()


class Engine:
    """One device at work.

    Args:
        vault: open on the real side; the engine alone commits to it.
        relays: where to ask.
        owner: files and chunks.
        clock: whole seconds since 1970, UTC.
        chance: gives that many random bytes.

    Attributes:
        device: the state as last saved.
        listeners: called with each `Tell`.
        answer_spread: seconds over which a desk's answers are spread, so that none follows from the frame before it.
        answer_step: a desk acts upon what intake held at full steps of so many seconds, however long it worked.
        screens: called with each `ShowCode`.
        draw_keys: draws the private keys of a week's tokens, in a thread; none draws none.
        typed: addresses of relays that another screen showed: to meet there the passes in them count.
    """

    def __init__(
        self,
        vault: Vault,
        relays: Relays,
        owner: Owner,
        clock: Callable[[], int],
        chance: Callable[[int], bytes],
    ) -> None:
        self.device: Device = load(vault.state)
        self.listeners: list[Callable[[fx.Tell], None]] = []
        self.screens: list[Callable[[fx.ShowCode], None]] = []
        self.relays = relays
        self.clock = clock
        self._vault = vault
        self._owner = owner
        self._chance = chance
        self._lock = asyncio.Lock()
        self._forget: set[bytes] = set(vault.blocks - kept_blocks(self.device))
        self._media: asyncio.Queue[fx.PutBlock | fx.ReadChunk] = asyncio.Queue()
        self._moving: set[object] = set()
        self._newest: tuple[bytes, bytes] = (b"", b"")
        self._later: set[asyncio.Task[None]] = set()
        self._away: set[tuple[int, int]] = set()  # files that cannot be read at the moment
        self._failure: Exception | None = None
        self.answer_spread = 0.0
        self.answer_step = 0.0
        self._drawn_for: object = None
        self._failed = asyncio.Event()
        self._asking = 0  # calls of do() under way
        self.draw_keys: Callable[[], bytes] | None = draw_token_keys
        self.typed: set[str] = set()
        self.sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep
        self.monotonic: Callable[[], float] = time.monotonic

    async def open(self) -> None:
        """Begin with the commits that follow every opening, before anything is shown, asked or sent.

        A vault that went back a step passes over the message keys it may have used in the first of them.

        Source: spec/70-vault.md, 6 and 7.
        """
        effects = await finished(self._begin())
        await self._act(effects, self.relays)

    async def _begin(self) -> list[fx.Effect]:
        async with self._lock:
            device, effects = self.device, list[fx.Effect]()
            if self._vault.stepped_back:
                device, new = step(device, ev.WentBack(), self.clock(), self._chance)
                effects += new
            for _ in range(OPENING_COMMITS):
                await asyncio.to_thread(self._commit, save(device))
            self.device = device
        return effects

    async def close(self) -> None:
        """Wait for a save under way, then close the vault; nothing can be done afterwards."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        async with self._lock:
            try:
                await asyncio.to_thread(self._save, self.device, ())
            finally:
                self._vault.close()

    def dressed(self, relay: str) -> str:
        """A relay's address with this week's pass, if the device holds it; one that was typed as it is.

        Who was handed passes that are none could else not meet another link.
        """
        ours = relay not in self.typed or relay in self.device.relays
        return dressed(relay, self.device.vouched, self.clock()) if ours else relay

    @property
    def notebook(self) -> bytes:
        """The notebook's payload; spec/74-notebook.md, 1."""
        return self._vault.notebook

    async def change_notebook(self, change: Callable[[bytes], bytes]) -> None:
        """Change the notebook's payload and save it by one commit, with the state as it was last saved.

        Raises:
            VaultError: it could not be saved; what `change` raises. The notebook is as it was.
        """

        async def work() -> None:
            async with self._lock:
                before = self._vault.notebook
                self._vault.set_notebook(change(before))
                try:
                    await asyncio.to_thread(self._commit, self._vault.state)
                except VaultError:
                    self._vault.set_notebook(before)
                    self._drawn_for = None
                    raise

        await finished(work())

    async def failing(self) -> None:
        """Wait until an operation of a covered beat has failed, and raise what it raised."""
        await self._failed.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def busy(self) -> bool:
        """Whether anything is under way but operations of covered beats that wait for their moment."""
        return bool(self._asking or self._moving)

    async def plan(self, event: ev.Event) -> list[fx.Effect]:
        """Work through one event and save; what it orders is for somebody else to carry out.

        Raises:
            Refusal, VaultError: as `do`.
        """
        return await self._turn((event,))

    async def do(self, *events: ev.Event, at: Places | None = None, spread: float = 0.0) -> None:
        """Work through events: step, file, save, act, and the same for what the acts bring.

        Args:
            events: what happened.
            at: where to act, in place of the relays.
            spread: seconds over which items are acknowledged, each at a moment of its own; 0 for at once.

        Raises:
            Refusal: the first event was refused; nothing has changed.
            VaultError: the state could not be saved; nothing was sent. Likewise if that happened, meanwhile, to an
                operation of a covered beat.
        """
        if self._failure is not None:
            raise self._failure
        coming: Sequence[ev.Event] = events
        self._asking += 1
        try:
            while coming:
                began = self.monotonic()
                effects = await self._turn(coming)
                if self.answer_step and any(isinstance(e, ev.Arrived) and e.query.kind == "intake" for e in coming):
                    await self.sleep(self.answer_step - (self.monotonic() - began) % self.answer_step)
                coming = await self._act(effects, at or self.relays, spread)
        finally:
            self._asking -= 1

    async def move_media(self) -> None:
        """Send blocks, one at a time, for as long as this runs."""
        while True:
            effect = await self._media.get()
            try:
                if not await self.move_one(effect, self.relays):
                    asyncio.get_running_loop().call_later(MEDIA_PAUSE, self._move, effect)
            finally:
                self._moving.discard(_what(effect))

    async def move_one(self, effect: fx.PutBlock | fx.ReadChunk, at: Places) -> bool:
        """Carry out one step of a media send; False if it cannot be done at the moment."""
        if isinstance(effect, fx.PutBlock):
            return await self._put_block(effect, at)
        file = (effect.number, effect.media)
        read = await asyncio.to_thread(self._owner.read_chunk, effect)
        if read is None:
            if file not in self._away:
                self._away.add(file)
                self.say(fx.Tell("file_away", {"number": str(effect.number)}))
            return False
        self._away.discard(file)
        await self.do(read, at=at)
        return True

    async def _turn(self, events: Sequence[ev.Event], keep: bool = True) -> list[fx.Effect]:
        """Step through events, file and save; returns what is to be done.

        Whoever is cancelled in here is cancelled after the save: a thread that writes cannot be called back.
        """
        return await finished(self._turn_now(events, keep))

    async def _turn_now(self, events: Sequence[ev.Event], keep: bool) -> list[fx.Effect]:
        async with self._lock:
            device, effects = self.device, list[fx.Effect]()
            for event in events:
                device, new = step(device, event, self.clock(), self._chance)
                effects += new
            try:
                for effect in effects:
                    if isinstance(effect, fx.FileReport | fx.FileWord | fx.FileBlock):
                        await asyncio.to_thread(self._owner.file, effect)
            except NotFiled as failure:
                return [self._not_filed(events, failure)]
            if not (_may_wait(events, effects) if keep else _orders_nothing_new(effects)):
                await asyncio.to_thread(self._save, device, effects)
            self._forget |= {e.ref for e in effects if isinstance(e, fx.ForgetBlock)}
            self.device = device
        return effects

    def _not_filed(self, events: Sequence[ev.Event], failure: NotFiled) -> fx.Effect:
        """What arrived stays at its relay, since nothing is acknowledged; what the owner asked for fails."""
        if not any(isinstance(event, ev.Arrived) for event in events):
            raise failure.cause
        return fx.Tell("not_filed", {"code": failure.code})

    def _save(self, device: Device, effects: Sequence[fx.Effect]) -> None:
        """Commit the state with its new blocks: one block a commit, the state with the last."""
        data = save(device)
        blocks = [(e.ref, e.block) for e in effects if isinstance(e, fx.KeepBlock)]
        if data == self._vault.state and not blocks:
            return
        before = self._vault.state
        for number, block in enumerate(blocks, start=1):
            self._make_room(before)
            self._commit(data if number == len(blocks) else before, block)
            self._newest = block
        if not blocks:
            self._commit(data)

    def _make_room(self, state: bytes) -> None:
        for _ in range(EMPTY_TURNS):
            if self._vault.room:
                return
            self._commit(state)

    def _commit(self, state: bytes, block: tuple[bytes, bytes] | None = None) -> None:
        self._draw_understudy(load(state))
        gone = self._forget & self._vault.blocks
        if gone:
            gone -= kept_blocks(load(state))
        self._vault.commit(state, block, gone)
        self._forget -= gone

    def _draw_understudy(self, device: Device) -> None:
        """Put into the notebook what beats on in the device's place should only the notebook be opened."""
        drawn_for = drawing.what_it_hangs_on(device, self.clock())
        if drawn_for == self._drawn_for and self._vault.notebook:
            return
        area = understudy.pack(drawing.draw(device, self.clock(), self._chance), self._chance)
        with contextlib.suppress(NotebookError):  # one of another version stays as it is
            self._vault.set_notebook(with_area(self._vault.notebook, area))
        self._drawn_for = drawn_for

    async def _act(self, effects: Sequence[fx.Effect], at: Places, spread: float = 0.0) -> list[ev.Event]:
        """Carry out effects; returns the events they brought."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(effect: fx.Effect) -> list[ev.Event]:
            async with gate:
                return await self._act_one(effect, at)

        for tell in effects:
            if isinstance(tell, fx.Tell):
                self.say(tell)
            elif isinstance(tell, fx.ShowCode):
                for screen in tuple(self.screens):
                    screen(tell)
        later = [(effect, after) for effect in effects if (after := self._after(effect, spread))]
        for effect, after in later:
            task = asyncio.create_task(self._act_later(effect, after))
            self._later.add(task)
            task.add_done_callback(self._later.discard)
        now = [e for e in effects if not isinstance(e, fx.Tell) and not any(e is waits for waits, _ in later)]
        puts = [e for e in now if isinstance(e, fx.PutItem | fx.PostItem)]
        rest = [e for e in now if not isinstance(e, fx.PutItem | fx.PostItem)]
        found: list[ev.Event] = []
        for group in (puts, rest):
            for events in await asyncio.gather(*(one(effect) for effect in group)):
                found += events
        return found

    def say(self, tell: fx.Tell) -> None:
        """Let whoever listens know."""
        for listener in tuple(self.listeners):
            listener(tell)

    def _after(self, effect: fx.Effect, spread: float) -> float:
        """Seconds until an effect is to be carried out; 0 for at once."""
        if isinstance(effect, fx.PutItem | fx.ReadBox) and effect.after:
            return effect.after
        if isinstance(effect, fx.PutItem) and not effect.ref and self.device.is_desk:
            spread = self.answer_spread
        elif not isinstance(effect, fx.AckItem):
            return 0.0
        return spread * (1 + int.from_bytes(self._chance(4), "big")) / 2**32

    async def _act_later(self, effect: fx.Effect, after: float) -> None:
        """One operation of a covered beat at its own moment, on a connection of its own, with what follows from it."""
        await self.sleep(after)
        alone = self.relays.alone()
        try:
            found = await self._act_one(effect, alone)
            if isinstance(effect, fx.PutItem):
                await alone.close()  # before anything is made of the answer, which takes longer for some
            await self.do(*found, at=alone)
        except Exception as error:
            self._failure = self._failure or error
            self._failed.set()
        finally:
            await alone.close()
        if not self.busy:
            await self.relays.close()

    async def _act_one(self, effect: fx.Effect, at: Places) -> list[ev.Event]:
        if isinstance(effect, fx.PutItem):
            return await put_item(effect.ref, effect.places, effect.item, at)
        if isinstance(effect, fx.PostItem):
            answer = await at.ask(effect.relay, Post(effect.post, effect.item))
            return [ev.Stored(effect.ref, effect.relay)] if isinstance(answer, Stored) and not at.carried else []
        if isinstance(effect, fx.ReadBox):
            return await read_box(effect, at)
        if isinstance(effect, fx.AckItem):
            await at.ask(effect.relay, Ack(effect.ack, effect.name))
        elif isinstance(effect, fx.PutBlock | fx.ReadChunk):
            at.move(effect) if at.carried else self._move(effect)
        elif isinstance(effect, fx.CheckMedia):
            good = await asyncio.to_thread(self._owner.check_media, effect)
            return [] if good is None else [ev.MediaChecked(effect.case, effect.media, good)]
        elif isinstance(effect, fx.DrawTokenKeys):
            private = await asyncio.to_thread(self.draw_keys) if self.draw_keys else b""
            return [ev.TokenKeysDrawn(effect.week, private)] if private else []
        return []

    def _move(self, effect: fx.PutBlock | fx.ReadChunk) -> None:
        """Queue a step of a media send, unless it is queued or under way."""
        if _what(effect) not in self._moving:
            self._moving.add(_what(effect))
            self._media.put_nowait(effect)

    async def _put_block(self, effect: fx.PutBlock, at: Places) -> bool:
        """Send the kept block; whether it is stored now, or was before.

        Its receipt is saved together with the block that follows it.
        """
        ref, block = self._newest
        if ref != effect.ref:
            kept = await self._read_kept(effect.ref)
            if kept is None:
                return True
            block = kept
        events = await put_item(effect.ref, effect.places, cover(effect.cover, block), at)
        if not events:
            return False
        self._newest = (b"", b"")
        effects = await self._turn(events, keep=False)
        if not any(isinstance(e, fx.ReadChunk) for e in effects):
            await self._turn(())
        await self.do(*await self._act(effects, at), at=at)
        return not any(isinstance(event, ev.Refused) for event in events)

    async def _read_kept(self, ref: bytes) -> bytes | None:
        """The block as the vault keeps it; none if it is no longer to be sent."""
        async with self._lock:
            if ref not in kept_blocks(self.device):
                return None
            return await finished(asyncio.to_thread(self._vault.read_block, ref))


async def put_item(ref: bytes, places: fx.Places, item: bytes, at: Places) -> list[ev.Event]:
    """Put at the first relay that is not down; on a stick, whose carrier may reach only one of them, for each.

    A relay that did not answer once is asked again at the next turn: only then does the second one serve.
    """
    answers: list[ev.Event] = []
    for relay, box in places:
        down = at.down(relay)
        answer = await at.ask(relay, Put(box, item))
        if isinstance(answer, Stored):
            answers.insert(0, ev.Stored(ref, relay))
        elif isinstance(answer, Refused):
            answers.append(ev.Refused(ref, answer.code))
        if not at.carried and (answers or not down):
            break
    return answers[:1] if ref else []


async def read_box(effect: fx.ReadBox, at: Places) -> list[ev.Event]:
    """Read a box; what it held, or nothing if it could not be read."""
    size = BLOCK if effect.block else FRAME
    op: Op = Read(effect.read, size, effect.query.start, effect.limit, effect.posted)
    answer = await at.ask(effect.relay, op)
    if not isinstance(answer, Items):
        return []
    return [ev.Arrived(effect.query, answer.items, answer.more, effect.relay, at.carried)]


async def finished(work: Coroutine[Any, Any, T]) -> T:
    """Await work to its end even if the waiting is cancelled; the cancellation goes on afterwards."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        raise


def _may_wait(events: Sequence[ev.Event], effects: Sequence[fx.Effect]) -> bool:
    """Whether a turn may be saved together with the next: all it brought is that relays have stored something.

    If that is lost, the same bytes are put once more, and the relay holds them once.
    """
    return bool(events) and all(isinstance(event, ev.Stored) for event in events) and _orders_nothing_new(effects)


def _orders_nothing_new(effects: Sequence[fx.Effect]) -> bool:
    """Whether effects could all be carried out from the state before, too."""
    return all(isinstance(effect, fx.Tell | fx.ForgetBlock | fx.ReadChunk | fx.PutBlock) for effect in effects)


def _what(effect: fx.PutBlock | fx.ReadChunk) -> object:
    """What tells two media effects apart."""
    if isinstance(effect, fx.PutBlock):
        return effect.ref
    return (effect.number, effect.media, effect.index)
