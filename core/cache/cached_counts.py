"""Counts that are cached until their tables change (docs/adr/0004).

A count is cached in Redis with the generation of each table it was computed from. A write gives its table a new
generation once it has committed, so older counts no longer match. A count that is computed while a write commits
carries the old generation and is never used. Without Redis nothing is cached: processes could not invalidate each
other's counts.

What a request asks for is read ahead, in the round trip that looks up its session: what the session's last request of
the same address has asked for (`reading_ahead`). It is as if it were read a moment earlier.
"""

import secrets
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import orjson
from django.db import models, transaction

from core.cache import redis_client

LIFE_SECONDS = 30  # how long a count can be wrong if an invalidation is lost (Redis restarted, process killed)
GENERATION_LIFE_SECONDS = 86_400
MAX_ADDRESSES = 10_000


@dataclass(slots=True)
class _Request:
    """A request that reads ahead. `asker` is its session and address once they are known."""

    address: str
    asker: Hashable = None
    values: dict[str, bytes | None] = field(default_factory=dict)


_request: ContextVar[_Request | None] = ContextVar("reading_ahead", default=None)
_asked: dict[Hashable, tuple[str, ...]] = {}


@contextmanager
def reading_ahead(address: str) -> Iterator[None]:
    """Read ahead what a request of this address asks for. It must not write, or it might not see what it wrote."""
    token = _request.set(_Request(address))
    try:
        yield
    finally:
        _request.reset(token)


def names_to_read_ahead(session_id: UUID) -> tuple[str, ...]:
    """Return the keys that this session's last request of the address has asked for."""
    request = _request.get()
    if request is None:
        return ()
    request.asker = session_id, request.address
    return _asked.get(request.asker, ())


def keep_read_ahead(names: Sequence[str], values: Sequence[bytes | None]) -> None:
    request = _request.get()
    if request is not None:
        request.values = dict(zip(names, values, strict=False))  # there are no values for a session that has ended


def _read(names: tuple[str, ...]) -> list[bytes | None]:
    """Return the values of these keys. Raises RedisDown."""
    request = _request.get()
    if request is None or request.asker is None:
        return _fetch(names)
    if names and all(name in request.values for name in names):
        return [request.values.pop(name) for name in names]
    if len(_asked) >= MAX_ADDRESSES:
        _asked.clear()
    _asked[request.asker] = names
    return _fetch(names)


def _fetch(names: tuple[str, ...]) -> list[bytes | None]:
    return cast("list[bytes | None]", redis_client.call(lambda client: client.mget(names)))


def _generation_key(model: type[models.Model], practice_id: UUID) -> str:
    return f"generation:{practice_id}:{model._meta.label_lower}"


def get_or_compute(
    key: str, *, practice_id: UUID, of: tuple[type[models.Model], ...], compute: Callable[[], Any]
) -> Any:
    """Return the cached value of `key` unless a row of the tables `of` has changed in this practice; else `compute()`,
    which must return something that JSON can represent."""
    if any(getattr(model, "uncounted", False) for model in of):
        raise RuntimeError("Nothing invalidates the counts of an uncounted model.")
    if not redis_client.configured():
        return compute()
    total_key = f"total:{practice_id}:{key}"
    generation_keys = [_generation_key(model, practice_id) for model in of]
    try:
        stored, *found = _read((total_key, *generation_keys))
        generations = [
            value.decode() if value else _new_generation(name)
            for name, value in zip(generation_keys, found, strict=True)
        ]
        if stored:
            known = orjson.loads(stored)
            if known[0] == generations:
                return known[1]
        answer = compute()
        value = orjson.dumps([generations, answer])
        redis_client.call(lambda client: client.set(total_key, value, ex=LIFE_SECONDS))
    except redis_client.RedisDown:
        return compute()
    return answer


def _new_generation(name: str) -> str:
    """Start a generation if there is none; two processes that do so at once agree on one."""
    fresh = secrets.token_hex(8)
    earlier = redis_client.call(lambda client: client.set(name, fresh, nx=True, get=True, ex=GENERATION_LIFE_SECONDS))
    return earlier.decode() if isinstance(earlier, bytes) else fresh


def invalidate(model: type[models.Model], practice_id: UUID | None) -> None:
    """Invalidate the counts of this table in this practice once the transaction has committed. An `uncounted` model is
    in none."""
    if practice_id is None or getattr(model, "uncounted", False) or not redis_client.configured():
        return
    transaction.on_commit(lambda: _advance(_generation_key(model, practice_id)))


def _advance(name: str) -> None:
    try:
        command = ("SET", name, secrets.token_hex(8), "EX", GENERATION_LIFE_SECONDS)
        redis_client.call(lambda client: redis_client.run_command(client, *command))
    except redis_client.RedisDown:
        pass  # logged by redis_client.call; the old count expires after LIFE_SECONDS
