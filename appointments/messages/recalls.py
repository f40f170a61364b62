"""Recalls: so many months after the last visit of a type, patients who have no next one are asked to come again.

A patient is due from the moment at which both are so, and asked if that moment is later than the rule: when the months
are over, or, should a next visit be booked then, when that comes to nothing: it passes, is cancelled or deleted, or
turns out to be one of another type. A visit without a type may be the next one, a visit of another type is not. Only
the last month is looked through, so that no night takes longer because the practice is older; who was due before the
rule was set is looked for once, if its manager wants that.

Nobody looks for next visits that went to another chart. A merge leaves all of both to one, so that nobody loses a next
one. Its undo may take one away, but comes within the month that is looked through (RESTORE_DAYS): who became due
meanwhile is found, and who was due before had a next one of their own or was asked."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from appointments.booking_rules import months_later
from appointments.messages.source import facts_of_chart
from appointments.models import Appointment, AppointmentEvent, AppointmentQuerySet, AppointmentStatus
from core.models import first_key_at
from notifications.messages import planning
from notifications.messages.planning import Draft
from notifications.messages.quiet import end_of_quiet
from notifications.messages.settings import get_settings
from notifications.messages.sources import Facts, source
from notifications.messages.unsent_reasons import UnsentReason
from notifications.models import Message, MessageKind, MessageSettings, MessageStatus
from patients.models import Patient
from practices.services import current_practice

ABOUT = "appointments.Recall"  # the visit that was the last one: `about_id`
LATE = timedelta(days=31)  # is caught up with: a worker that did not run, a visit that was completed late
NEXT_CAME = (MessageStatus.SUPPRESSED, UnsentReason.NEXT)  # before the message was sent
NOT_SENT = Q(status=NEXT_CAME[0], why=NEXT_CAME[1])
AT_ONCE = 500


class Rule(NamedTuple):
    """Visits of this type are recalled after so many months, by a rule that was set at this moment."""

    type_id: UUID
    months: int
    since: datetime


class Retyped(NamedTuple):
    """A patient's visit that was of this type, or of none; `at` is when it was not any more, or earlier its start."""

    patient_id: UUID
    type_id: str | None
    at: datetime


def rules_of(found: MessageSettings, now: datetime) -> list[Rule]:
    long_ago = (now - LATE).isoformat()  # of a rule from before that was kept
    rules = found.recalls.items() if found.channels_of(MessageKind.RECALL) else ()
    return [
        Rule(UUID(key), months, parse_datetime(found.recalls_since.get(key, long_ago)) or now) for key, months in rules
    ]


def plan_recalls(*, now: datetime | None = None) -> int:
    """Plan the recalls that are due in the practice of the scope, and return how many patients that is. Each visit has
    one in its life, unless a next visit came before it was sent: a later run finds it in the ledger."""
    moment, found, count = now or timezone.now(), get_settings(), 0
    rules = {rule: max(rule.since, moment - LATE) for rule in rules_of(found, moment)}
    retyped = _retyped(min(rules.values())) if rules else []
    for rule, since in rules.items():
        patients = _due(rule, moment, since=since) | _left_without_next(rule, moment, since=since)
        patients |= {one.patient_id for one in retyped if one.at >= since and one.type_id in (None, str(rule.type_id))}
        count += _plan(rule, sorted(patients), found, moment)
    return count


def plan_overdue(*, months: int, now: datetime | None = None) -> int:
    """Plan the recalls of those, too, who have been due for up to so many months, and return how many that is."""
    moment, found = now or timezone.now(), get_settings()
    since, _end = current_practice().day_bounds(months_earlier(moment, months))
    rules = rules_of(found, moment)
    return sum(_plan(rule, sorted(_due(rule, moment, since=since)), found, moment) for rule in rules)


def _plan(rule: Rule, patients: Sequence[UUID], found: MessageSettings, now: datetime) -> int:
    """Plan the recalls of those of these patients who are due, some hundred in a transaction."""
    channels, count = found.channels_of(MessageKind.RECALL), 0
    for first in range(0, len(patients), AT_ONCE):
        due = _last_visits(rule, patients[first : first + AT_ONCE], now)
        if not due:
            continue
        with transaction.atomic():
            visits = list(_locked(due))
            # asked once they are locked, so that it has what another run planned meanwhile
            ledger = planning.ledger_of([one.pk for one in visits], MessageKind.RECALL)
            planned = {row.about_id for row in ledger if (row.status, row.why) != NEXT_CAME}
            earlier = Counter(row.about_id for row in ledger)
            left = [visit for visit in visits if visit.pk not in planned]
            rows = [_rows(visit, channels, found, now, earlier[visit.pk]) for visit in left]
            planning.store(list(chain.from_iterable(rows)))
        count += len(left)
    return count


# What follows asks for a month, or for some hundred patients: joined into one statement, PostgreSQL may well read all
# visits that ever were.


def _due(rule: Rule, now: datetime, *, since: datetime) -> set[UUID]:
    """Return the patients of visits whose months were over since then."""
    start, _end = current_practice().day_bounds(months_earlier(since, rule.months))
    visits = _finished(rule).filter(starts_at__gte=start, starts_at__lt=_end_of_due(rule, now))
    return set(visits.values_list("patient_id", flat=True))


def _left_without_next(rule: Rule, now: datetime, *, since: datetime) -> set[UUID]:
    """Return the patients of whom a visit that might have been the next one has passed, was cancelled or was deleted
    since then."""
    ended = Q(starts_at__lte=now) | Q(cancelled_at__gte=since) | Q(deletion__created_at__gte=since)
    visits = Appointment.with_deleted.filter(_may_be(rule.type_id), ended, starts_at__gte=since)
    return set(visits.values_list("patient_id", flat=True))


def _retyped(since: datetime) -> list[Retyped]:
    """Return the visits since then that have become ones of another type since then. Entries are looked up by their
    key, which is a moment and has an index."""
    changes = AppointmentEvent.objects.filter(pk__gte=first_key_at(since), details__moved__typeId__isnull=False)
    changed = list(changes.order_by().values_list("appointment_id", "details__moved__typeId__from", "created_at"))
    visits = Appointment.with_deleted.filter(pk__in={pk for pk, *_ in changed}, starts_at__gte=since)
    known = {pk: (patient, starts) for pk, patient, starts in visits.values_list("pk", "patient_id", "starts_at")}
    return [Retyped(known[pk][0], was, min(at, known[pk][1])) for pk, was, at in changed if pk in known]


def _last_visits(rule: Rule, patients: Sequence[UUID], now: datetime) -> list[UUID]:
    """Return the last finished visits of this type that were so long ago, of those patients who have no next one and
    were not asked about them."""
    finished = _finished(rule).filter(patient__in=patients).order_by("starts_at", "id")
    last = {patient: (start, pk) for patient, start, pk in finished.values_list("patient_id", "starts_at", "pk")}
    coming = _next_visits(now).filter(_may_be(rule.type_id), patient__in=patients)
    booked, end = set(coming.values_list("patient_id", flat=True)), _end_of_due(rule, now)
    visits = {pk for patient, (start, pk) in last.items() if start < end and patient not in booked}
    asked = Message.objects.filter(about_id__in=visits, kind=MessageKind.RECALL).exclude(NOT_SENT)
    return sorted(visits - set(asked.values_list("about_id", flat=True)))


def _locked(visits: Sequence[UUID]) -> AppointmentQuerySet:
    found: AppointmentQuerySet = Appointment.objects.filter(
        pk__in=visits, status=AppointmentStatus.COMPLETED, patient__in=Patient.objects.confirmed()
    )
    found = found.select_for_update(of=("self",)).with_offices().order_by("pk")
    return found.defer("reason", "notes", "last_writes")


def _finished(rule: Rule) -> AppointmentQuerySet:
    visits: AppointmentQuerySet = Appointment.objects.filter(type_id=rule.type_id, status=AppointmentStatus.COMPLETED)
    return visits


def _end_of_due(rule: Rule, now: datetime) -> datetime:
    _start, end = current_practice().day_bounds(months_earlier(now, rule.months))
    return end


def _may_be(type_id: UUID) -> Q:
    return Q(type_id=type_id) | Q(type_id=None)


def _next_visits(now: datetime) -> AppointmentQuerySet:
    visits: AppointmentQuerySet = Appointment.objects.filter(status=AppointmentStatus.SCHEDULED, starts_at__gt=now)
    return visits


def months_earlier(moment: datetime, months: int) -> date:
    """Return the day that is so many months before, in the practice's time zone."""
    return months_later(moment.astimezone(current_practice().tzinfo).date(), -months)


def _rows(
    visit: Appointment, channels: list[str], found: MessageSettings, now: datetime, earlier: int
) -> list[Message]:
    at = end_of_quiet(now, zone=visit.practice.tzinfo, start=found.quiet_from, end=found.quiet_until)
    drafts = [Draft(MessageKind.RECALL, channel, at) for channel in channels]
    occurrence = f"{visit.pk}:recall:{earlier}" if earlier else f"{visit.pk}:recall"
    return planning.build(drafts, about=ABOUT, about_id=visit.pk, occurrence=occurrence, patient_id=visit.patient_id)


@source(ABOUT)
def facts_of_recalls(messages: Sequence[Message], now: datetime) -> dict[UUID, Facts | UnsentReason]:
    """Nothing is sent to patients who have booked the next visit since, or whose last one is no longer completed."""
    patients = {message.patient_id for message in messages}
    known = {
        chart.pk: chart for chart in Patient.objects.confirmed().filter(pk__in=patients).select_related("practice")
    }
    booked = set(_next_visits(now).filter(patient__in=patients).values_list("patient_id", "type_id"))
    visits = Appointment.objects.filter(pk__in={message.about_id for message in messages})
    types = dict(visits.filter(status=AppointmentStatus.COMPLETED).values_list("pk", "type_id"))
    found: dict[UUID, Facts | UnsentReason] = {}
    for message in messages:
        chart = known.get(message.patient_id)
        if chart is None or message.about_id not in types:
            continue
        has_next = booked & {(chart.pk, types[message.about_id]), (chart.pk, None)}
        found[message.pk] = UnsentReason.NEXT if has_next else facts_of_chart(chart, _fields(chart))
    return found


def _fields(chart: Patient) -> Mapping[str, str]:
    link = settings.SITE_URL + reverse("my_page" if chart.user_id else "home")
    return {"name": chart.name, "practice": chart.practice.name, "link": link}
