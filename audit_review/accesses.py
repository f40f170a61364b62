"""Who saw or changed a chart between two moments: what a practice has to tell after a breach (45 CFR 164.404)."""

import heapq
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from audit import queries
from audit.models import Event
from core.tenancy.scope import current_practice_id
from patients.models import Patient

EVENTS_PER_PART = 500


def accesses_to(chart: Patient, *, start: datetime, end: datetime) -> Iterator[Event]:
    """Yield the events that name the chart, or one that was merged into it, from `start` and before `end`, newest
    first. They are read some at a time."""
    wanted = queries.EventFilter(practice_id=current_practice_id(), start=start, end=end)
    merged = Patient.with_deleted.filter(merged_into=chart.pk).values_list("pk", flat=True)
    ids = [chart.pk, *merged]
    ways = [_all(replace(wanted, patient=one)) for one in ids]
    last: UUID | None = None
    for event in heapq.merge(*ways, key=lambda event: event.pk, reverse=True):
        if event.pk != last:  # one that names both, as the merge itself does
            yield event
        last = event.pk


def _all(wanted: queries.EventFilter) -> Iterator[Event]:
    after: UUID | None = None
    while True:
        events, after = queries.page(wanted, after=after, limit=EVENTS_PER_PART)
        yield from events
        if after is None:
            return
