"""The one thread that works on a relay's store.

Does        take the requests that wait, of whatever connection, and give them to the store in one `apply`,
            so that one sync serves them all.
Does not    speak to connections, or keep anything after the answer.
Spec        spec/10-drop.md, 7
Always      1. Only this thread touches the store.  2. An answer leaves after what it says is durable.
            3. What waits is bounded; beyond, the answer is `busy`.
Read first  `Committer.submit`, then `Committer._run`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NamedTuple

from tercet.drop.memory import Store
from tercet.drop.ops import Answer, DropFailure, Op, Post, Put, Refusal, Refused
from tercet.drop.wire import Request, encode_answers, encode_refusal, longest_answer

MOST_AT_ONCE = 2 * 1024 * 1024  # bytes of requests and answers in one `apply`; spec/10-drop.md, 7
MOST_WAITING = 64 * 1024 * 1024  # bytes of requests and answers that may wait

_log = logging.getLogger("tercet.relay")  # codes only, never content, never an address


class _Job(NamedTuple):
    request: Request
    posting: bool
    weight: int
    done: Callable[[bytes], None]


_Errand = Callable[[], None]
_REFUSED = Refused(Refusal.NO_PASS)


def _carried_out(job: _Job, op: Op) -> bool:
    return job.posting or not isinstance(op, Put | Post)


def _stop() -> None:
    """The errand that ends the thread."""


class Committer:
    """Group commit over a store.

    Args:
        store: used by this object's thread only, until `stop` has returned.
        clock: whole seconds since 1970, UTC.
        loop: where `done` callbacks are called.
    """

    def __init__(self, store: Store, clock: Callable[[], int], loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._clock = clock
        self._loop = loop
        self._jobs: SimpleQueue[_Job | _Errand] = SimpleQueue()
        self._waiting = 0
        self._thread = threading.Thread(target=self._run, name="tercet-commit", daemon=True)
        self._thread.start()

    def submit(self, request: Request, size: int, done: Callable[[bytes], None], *, posting: bool = True) -> None:
        """Have a request answered; `done` gets the answer's message. Call it from the loop's thread.

        Args:
            request: what is asked.
            size: bytes of the request's message.
            done: called once, in the loop's thread.
            posting: whether its puts and posts may be carried out; if not, they are answered `no_pass`.
        """
        weight = size + longest_answer(request.ops)
        if self._waiting + weight > MOST_WAITING:
            done(encode_refusal(request.number, Refusal.BUSY))
            return
        self._waiting += weight
        self._jobs.put(_Job(request, posting, weight, done))

    def sweep(self) -> None:
        """Have what is out of date removed."""
        self._jobs.put(self._sweep)

    def stop(self) -> None:
        """Answer what waits, then end the thread. It blocks until then."""
        self._jobs.put(_stop)
        self._thread.join()

    def _run(self) -> None:
        after: _Errand | None = None
        while after is not _stop:
            jobs, after = self._gather(self._jobs.get())
            messages = self._answer(jobs) if jobs else []
            self._loop.call_soon_threadsafe(self._deliver, list(zip(jobs, messages, strict=True)))
            if after is not None:
                after()

    def _gather(self, job: _Job | _Errand) -> tuple[list[_Job], _Errand | None]:
        """Return the requests that wait (the first given), and the errand that ended the row, if one did."""
        jobs: list[_Job] = []
        weight = 0
        while isinstance(job, _Job):
            jobs.append(job)
            weight += job.weight
            if weight >= MOST_AT_ONCE:
                return jobs, None
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return jobs, None
        return jobs, job

    def _answer(self, jobs: list[_Job]) -> list[bytes]:
        answers: list[Answer] = []

        def work() -> None:
            ops = [op for job in jobs for op in job.request.ops if _carried_out(job, op)]
            answers.extend(self._store.apply(ops, self._clock()))

        if not self._guarded(work):
            return [encode_refusal(job.request.number, Refusal.BUSY) for job in jobs]
        given = iter(answers)
        rows = [[next(given) if _carried_out(job, op) else _REFUSED for op in job.request.ops] for job in jobs]
        return [encode_answers(job.request, row, os.urandom) for job, row in zip(jobs, rows, strict=True)]

    def _sweep(self) -> None:
        self._guarded(lambda: self._store.sweep(self._clock()))

    def _guarded(self, work: Callable[[], object]) -> bool:
        """Do something with the store; on failure say so by its code only, and go on serving."""
        try:
            work()
        except DropFailure as failure:
            _log.error("store: %s", failure.code)
            return False
        except Exception as error:  # a fault of ours must not end the thread: the next request may be fine
            _log.error("store: %s", type(error).__name__)
            return False
        return True

    def _deliver(self, answered: list[tuple[_Job, bytes]]) -> None:
        for job, message in answered:
            self._waiting -= job.weight
            job.done(message)
