"""That something is new in a practice, told from the process of a change to those of open connections: by Redis, or
within the only process. A hint makes an update quick. One that is lost costs a second: the hub asks the database."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import redis.asyncio
import structlog
from django.conf import settings
from redis.exceptions import RedisError

from core.cache import redis_client
from notifications import events

logger = structlog.get_logger("praxis.live")
CHANNEL = "praxis:live"
AGAIN_AFTER = 1.0  # seconds, where Redis is out of reach
_here: list[Callable[[UUID], None]] = []  # the hub of this process


@events.on_commit
def on_event(event: events.Event) -> None:
    give(event.practice_id)


def give(practice_id: UUID) -> None:
    """Tell all hubs, once the change is committed."""
    for tell in _here:
        tell(practice_id)
    if redis_client.configured():
        with suppress(redis_client.RedisDown):
            redis_client.call(lambda client: redis_client.run_command(client, "PUBLISH", CHANNEL, practice_id.bytes))


def hear(tell: Callable[[UUID], None]) -> None:
    _here[:] = [tell]


async def listen(tell: Callable[[UUID], None]) -> None:
    """Hear the hints of other processes, for ever."""
    if not redis_client.configured():
        return
    while True:
        try:
            client = redis.asyncio.from_url(settings.REDIS_URL, health_check_interval=30)
            async with client, client.pubsub(ignore_subscribe_messages=True) as channel:
                await channel.subscribe(CHANNEL)
                async for message in channel.listen():
                    tell(UUID(bytes=message["data"]))
        except (RedisError, OSError, ValueError) as error:
            logger.warning("live updates ask the database alone", error=type(error).__name__)
        await asyncio.sleep(AGAIN_AFTER)
