"""Export of the audit trail as JSON Lines, which audit/seals/verify_export.py checks on its own (docs/adr/0009).

The first line describes the export. Then, for each practice, every seal follows the events that it covers; if the
export begins later than the trail, the previous seal comes first. The last line covers all lines, and cannot be removed
or forged without a key. Events without a seal are left out.
"""

from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import orjson
from django.utils import timezone

from audit import keys
from audit.models import line
from audit.seals.chain import Chain
from audit.seals.log_reader import ALL_TABLES, practice_ids_in, snapshot

VERSION = 1


def lines(
    *,
    practice_id: UUID | None = None,
    since: datetime | None = None,
    emails: bool = False,
    seen: Callable[[], object] = lambda: None,
) -> Generator[bytes, None, None]:
    """Yield the lines, without line ends. `emails` adds decrypted emails as lines that no seal covers."""
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
    """Yield each line with its type."""
    what = {"version": VERSION, "practice_id": practice_id, "since": since, "exported_at": timezone.now()}
    yield "trail", orjson.dumps({"type": "trail", **what})
    for one in practice_ids_in(*ALL_TABLES) if practice_id is None else [practice_id]:
        yield from _lines_of(one, since, emails)


def _lines_of(practice_id: UUID, since: datetime | None, emails: bool) -> Iterator[tuple[str, bytes]]:
    with Chain(practice_id, since=since) as chain:
        if chain.before:
            yield "seal", chain.before.line()
        for seal, rows in chain:
            for row in rows:
                yield "event", row.line()
                if emails and row.email is not None:
                    shown = {"event_id": UUID(bytes=row.id), "email": row.decrypted_email()}
                    yield "email", orjson.dumps({"type": "email", **shown})
            yield "seal", seal.line()
