"""Totals that need not be counted anew on every request (docs/adr/0004).

A total is remembered in Redis beside the generation of each table it was counted from. A write gives its table a new
generation once it has committed, so an older total no longer matches. A total counted while a write commits carries
the old generation and dies with it. Without Redis nothing is remembered: another process could not tell this one.
"""

import secrets
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import orjson
from django.db import models, transaction

from core import redis

LIFE_SECONDS = 30  # bounds what a lost forget (Redis restarted, process killed after the commit) can leave behind
GENERATION_LIFE_SECONDS = 86_400


def _generation_key(model: type[models.Model], practice_id: UUID) -> str:
    return f"generation:{practice_id}:{model._meta.label_lower}"


def remembered(key: str, *, practice_id: UUID, of: tuple[type[models.Model], ...], compute: Callable[[], Any]) -> Any:
    """The remembered answer under `key` as long as no row of the tables `of` changed in this practice; else
    `compute()`, which must answer something that JSON can hold."""
    if not redis.configured():
        return compute()
    total_key = f"total:{practice_id}:{key}"
    generation_keys = [_generation_key(model, practice_id) for model in of]
    try:
        stored, *found = redis.ask(lambda client: client.mget([total_key, *generation_keys]))
        generations = [
            cast("bytes", value).decode() if value else _new_generation(name)
            for name, value in zip(generation_keys, found, strict=True)
        ]
        if stored:
            known = orjson.loads(stored)
            if known[0] == generations:
                return known[1]
        answer = compute()
        value = orjson.dumps([generations, answer])
        redis.ask(lambda client: client.set(total_key, value, ex=LIFE_SECONDS))
    except redis.RedisDown:
        return compute()
    return answer


def _new_generation(name: str) -> str:
    """Start a generation where none is known; two that start it at once agree on one."""
    fresh = secrets.token_hex(8)
    earlier = redis.ask(lambda client: client.set(name, fresh, nx=True, get=True, ex=GENERATION_LIFE_SECONDS))
    return earlier.decode() if isinstance(earlier, bytes) else fresh


def forget(model: type[models.Model], practice_id: UUID | None) -> None:
    """Make every total counted from this table in this practice out of date once the transaction has committed."""
    if practice_id is None or not redis.configured():
        return
    transaction.on_commit(lambda: _advance(_generation_key(model, practice_id)))


def _advance(name: str) -> None:
    try:
        redis.ask(lambda client: client.set(name, secrets.token_hex(8), ex=GENERATION_LIFE_SECONDS))
    except redis.RedisDown:
        pass  # told by redis.ask; LIFE_SECONDS bounds how long the old total stays
