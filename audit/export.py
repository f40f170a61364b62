"""The trail as JSON Lines that audit/verify_export.py checks by themselves (docs/adr/0009).

A first line that says what this is; then of each practice every seal behind the events that it covers, and in front
of them the seal before, where the export begins later than the trail; a last line over all lines, which nobody can
cut off or write anew without a key. What no seal covers is not in it.
"""

from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import orjson
from django.utils import timezone

from audit import keys
from audit.chain import Chain
from audit.models import line
from audit.rows import EVERYWHERE, practices, snapshot

VERSION = 1


def lines(
    *,
    practice_id: UUID | None = None,
    since: datetime | None = None,
    emails: bool = False,
    seen: Callable[[], object] = lambda: None,
) -> Generator[bytes, None, None]:
    """Each without its line end. `emails`: as lines of their own, which no seal covers, in clear."""
    counts, everything = {"trail": 0, "event": 0, "seal": 0, "email": 0}, sha256()
    with snapshot():
        for kind, one in _lines(practice_id, since, emails):
            counts[kind] += 1
            everything.update(one + b"\n")
            yield one
            if kind == "event":
                seen()
    key_id = keys.newest_key_id()
    content = orjson.dumps({"type": "end", "counts": counts, "key_id": key_id, "digest": everything.hexdigest()})
    yield line(content, keys.mac(content, key_id=key_id, purpose="export"))


def _lines(practice_id: UUID | None, since: datetime | None, emails: bool) -> Iterator[tuple[str, bytes]]:
    """With the type that each of them names."""
    what = {"version": VERSION, "practice_id": practice_id, "since": since, "exported_at": timezone.now()}
    yield "trail", orjson.dumps({"type": "trail", **what})
    for one in practices(*EVERYWHERE) if practice_id is None else [practice_id]:
        yield from _lines_of(one, since, emails)


def _lines_of(practice_id: UUID, since: datetime | None, emails: bool) -> Iterator[tuple[str, bytes]]:
    with Chain(practice_id, since=since) as chain:
        if chain.before:
            yield "seal", chain.before.line()
        for seal, rows in chain:
            for row in rows:
                yield "event", row.line()
                if emails and row.email is not None:
                    shown = {"event_id": UUID(bytes=row.id), "email": row.shown_email()}
                    yield "email", orjson.dumps({"type": "email", **shown})
            yield "seal", seal.line()
