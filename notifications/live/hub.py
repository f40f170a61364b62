"""The open connections of this process, in a loop in a thread of its own (docs/adr/0047).

Every second, and at once after a hint, one other thread asks the database what is new in the practices that somebody
listens to, and whether who listens still may. What is sent is what the database says, in the order of its numbers:
neither a lost hint nor a Redis that is down loses a change.
"""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from uuid import UUID

import orjson
import structlog
from django.db import close_old_connections
from websockets.frames import CloseCode

from core.tenancy.scope import practice_scope
from notifications.live import hints
from notifications.live.connection import PING_EVERY, SIGNED_OUT, Connection
from notifications.live.listeners import Listener, find_ended
from notifications.live.sources import Change, source

logger = structlog.get_logger("praxis.live")
EVERY = 1.0  # seconds
MOST_READ = 500  # changes of a practice at once


class News(NamedTuple):
    """What a practice's connections have not been told: up to which number they know all now, and whether there is
    more."""

    changes: list[tuple[Change, bytes]]
    read_to: int
    has_more: bool


class Hub:
    def __init__(self) -> None:
        self._of: dict[UUID, set[Connection]] = {}  # by practice
        self._number: Counter[UUID] = Counter()  # by whose they are
        self._loop = asyncio.new_event_loop()
        self._database = ThreadPoolExecutor(1, thread_name_prefix="live-database")
        self._hinted: set[UUID] = set()
        self._wake = asyncio.Event()
        threading.Thread(target=self._run, name="live", daemon=True).start()

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def number_of(self, listener: Listener) -> int:
        """Return how many connections this person, or this program, has open here."""
        return self._number[listener.counted_as]

    def _all(self) -> list[Connection]:
        return [one for open_ones in self._of.values() for one in open_ones]

    # --- From other threads

    def add(self, connection: socket.socket, sent: bytes, listener: Listener, *, after: int) -> None:
        """Go on with a connection whose handshake is done. `after` is the number up to which the client knows all."""
        connection.setblocking(False)
        self._loop.call_soon_threadsafe(self._begin, connection, sent, listener, after)

    def hint(self, practice_id: UUID) -> None:
        self._loop.call_soon_threadsafe(self._on_hint, practice_id)

    def stop(self) -> None:
        """Tell everybody to come back, which they do to the next process."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._close_all, done)
        done.wait(1)

    # --- In the loop

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        work = (self._watch(), self._ping(), hints.listen(self._on_hint))
        self._tasks = [self._loop.create_task(each) for each in work]
        self._loop.run_forever()

    def _begin(self, connection: socket.socket, sent: bytes, listener: Listener, after: int) -> None:
        self._loop.create_task(self._accept(connection, sent, Connection(listener, after=after, on_end=self._forget)))

    async def _accept(self, connection: socket.socket, sent: bytes, new: Connection) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: new, connection)
        except OSError:
            connection.close()
            return
        self._of.setdefault(new.listener.practice_id, set()).add(new)
        self._number[new.listener.counted_as] += 1
        new.send(orjson.dumps({"type": "ready", "cursor": source().cursor(new.after)}))
        if sent:
            new.data_received(sent)
        self._on_hint(new.listener.practice_id)  # what it has missed

    def _forget(self, connection: Connection) -> None:
        practice_id = connection.listener.practice_id
        others = self._of.get(practice_id, set())
        if connection in others:
            others.remove(connection)
            self._number[connection.listener.counted_as] -= 1
            if not self._number[connection.listener.counted_as]:
                del self._number[connection.listener.counted_as]
        if not others:
            self._of.pop(practice_id, None)

    def _on_hint(self, practice_id: UUID) -> None:
        if practice_id in self._of:
            self._hinted.add(practice_id)
            self._wake.set()

    async def _watch(self) -> None:
        next_round = self._loop.time()
        while True:
            try:
                await asyncio.wait_for(self._wake.wait(), max(0.0, next_round - self._loop.time()))
            except TimeoutError:
                pass
            self._wake.clear()
            is_round = self._loop.time() >= next_round
            asked = set(self._of) if is_round else self._hinted & self._of.keys()
            self._hinted.clear()
            if is_round:
                next_round = self._loop.time() + EVERY
            if not asked:
                continue
            try:
                await self._bring_up_to_date(asked, checks_listeners=is_round)
            except Exception as error:
                logger.error("live updates cannot ask the database", error=type(error).__name__)

    async def _bring_up_to_date(self, practices: set[UUID], *, checks_listeners: bool) -> None:
        known = {practice_id: min(one.after for one in self._of[practice_id]) for practice_id in practices}
        listeners = {one.listener for one in self._all()} if checks_listeners else set()
        ended, news = await self._loop.run_in_executor(self._database, _ask, known, listeners)
        for one in [one for one in self._all() if one.listener in ended]:
            one.close(SIGNED_OUT)
        for practice_id, new in news.items():
            for one in list(self._of.get(practice_id, ())):
                if one.listener in ended or one.after < known[practice_id]:
                    continue  # the latter has come since the database was asked, and is next
                for change, message in new.changes:
                    if change.number > one.after and one.listener.hears(change):
                        one.send(message)
                one.after = max(one.after, new.read_to)
            if new.has_more:
                self._on_hint(practice_id)

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_EVERY)
            for one in self._all():
                one.ping()

    def _close_all(self, done: threading.Event) -> None:
        for one in self._all():
            one.close(CloseCode.SERVICE_RESTART)
        self._loop.call_later(0.1, done.set)  # what was written goes out


def _ask(known: dict[UUID, int], listeners: Iterable[Listener]) -> tuple[set[Listener], dict[UUID, News]]:
    close_old_connections()
    try:
        ended = find_ended(listeners)
        return ended, {practice_id: _news(practice_id, number) for practice_id, number in known.items()}
    finally:
        close_old_connections()


def _news(practice_id: UUID, number: int) -> News:
    with practice_scope(practice_id):
        rows = list(source().changes_after(number, limit=MOST_READ))
    told = [(row, _message(row)) for row in rows]
    return News(told, rows[-1].number if rows else number, len(rows) == MOST_READ)


def _message(change: Change) -> bytes:
    cursor = source().cursor(change.number)
    return orjson.dumps({"type": change.type, "id": change.id, "version": change.version, "cursor": cursor})


_lock = threading.Lock()
_hub: list[Hub] = []


def hub() -> Hub:
    """Return the hub of this process, which begins with the first connection."""
    with _lock:
        if not _hub:
            _hub.append(Hub())
            hints.hear(_hub[0].hint)
        return _hub[0]


def stop() -> None:
    for one in _hub:
        one.stop()
