"""Recalls: so many months after the last visit of a type, whoever has no next one is asked to come again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import chain
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from appointments.booking_rules import months_later
from appointments.messages.source import facts_of_chart
from appointments.models import Appointment, AppointmentQuerySet, AppointmentStatus
from notifications.messages import planning
from notifications.messages.planning import Draft
from notifications.messages.quiet import end_of_quiet
from notifications.messages.settings import get_settings
from notifications.messages.sources import Facts, source
from notifications.messages.why import Why
from notifications.models import Message, MessageKind, MessageSettings, MessageStatus
from patients.models import Patient
from practices.services import current_practice

ABOUT = "appointments.Recall"  # the visit that was the last one: `about_id`
LATE = timedelta(days=31)  # who was due longer ago, before the practice had a rule, is not written to
NEXT_CAME = (MessageStatus.SUPPRESSED, Why.NEXT)  # before the message was sent: nobody was told
NOT_TOLD = Q(status=NEXT_CAME[0], why=NEXT_CAME[1])
AT_ONCE = 500


def plan_recalls(*, now: datetime | None = None) -> int:
    """Plan the recalls that are due in the practice of the scope, and return how many patients that is. Each visit has
    one in its life, unless a next visit came before it was sent: a later run finds it in the ledger."""
    moment, found = now or timezone.now(), get_settings()
    channels, count = found.channels_of(MessageKind.RECALL), 0
    for type_id, months in found.recalls.items():
        while channels:
            with transaction.atomic():
                visits = list(_due(UUID(type_id), months, moment))
                # asked once they are locked, so that it has what another run planned meanwhile
                ledger = planning.ledger_of([one.pk for one in visits], MessageKind.RECALL)
                planned = {row.about_id for row in ledger if (row.status, row.why) != NEXT_CAME}
                earlier = Counter(row.about_id for row in ledger)
                left = [visit for visit in visits if visit.pk not in planned]
                rows = [_rows(visit, channels, found, moment, earlier[visit.pk]) for visit in left]
                planning.store(list(chain.from_iterable(rows)))
            count += len(left)
            if len(visits) < AT_ONCE:
                break
    return count


def _due(type_id: UUID, months: int, now: datetime) -> AppointmentQuerySet:
    """Return the last finished visits of this type that were so long ago, whose patients have no next one. They are
    locked, so that two runs do not plan the same. Who had a next visit on the day is due once that has passed or fell
    through, however long ago the day was. The latest come first: only once all of the last month are planned are those
    from before it looked through."""
    practice = current_practice()
    last_day = months_earlier(now.astimezone(practice.tzinfo), months)
    later = Appointment.objects.filter(patient=OuterRef("patient"), starts_at__gt=OuterRef("starts_at"))
    recalls = Message.objects.filter(about_id=OuterRef("pk"), kind=MessageKind.RECALL)
    visits: AppointmentQuerySet = Appointment.objects.filter(
        Q(starts_at__gte=last_day - LATE) | Exists(_no_longer_booked(months, now)),
        ~Exists(later.filter(type_id=type_id, status=AppointmentStatus.COMPLETED)),
        ~Exists(_next_visits(now).filter(patient=OuterRef("patient"))),
        ~Exists(recalls.exclude(NOT_TOLD)),
        patient__in=Patient.objects.confirmed(),
        type_id=type_id,
        status=AppointmentStatus.COMPLETED,
        starts_at__lt=last_day,
    )
    visits = visits.select_for_update(of=("self",)).with_offices().order_by("-starts_at", "-id")
    return visits.defer("reason", "notes", "last_writes")[:AT_ONCE]


def _no_longer_booked(months: int, now: datetime) -> AppointmentQuerySet:
    """Return those of the patient's visits that were booked when the recall was due, and have passed, were cancelled or
    were deleted lately. Asked for each patient: a list of all patients PostgreSQL would read through for each visit."""
    since = now - LATE
    latest = OuterRef("starts_at") + (timedelta(days=31 * months) + LATE)  # no month is longer
    passed = Q(starts_at__gte=since, starts_at__lte=now)
    visits: AppointmentQuerySet = Appointment.with_deleted.filter(
        passed | Q(cancelled_at__gte=since) | Q(deletion__created_at__gte=since),
        patient=OuterRef("patient"),
        created_at__lte=latest,
    )
    return visits


def _next_visits(now: datetime) -> AppointmentQuerySet:
    visits: AppointmentQuerySet = Appointment.objects.filter(status=AppointmentStatus.SCHEDULED, starts_at__gt=now)
    return visits


def months_earlier(moment: datetime, months: int) -> datetime:
    """Return the end of the local day that is so many months before."""
    day = months_later(moment.date(), -months)
    return datetime.combine(day + timedelta(days=1), time.min, moment.tzinfo)


def _rows(
    visit: Appointment, channels: list[str], found: MessageSettings, now: datetime, earlier: int
) -> list[Message]:
    at = end_of_quiet(now, zone=visit.practice.tzinfo, start=found.quiet_from, end=found.quiet_until)
    drafts = [Draft(MessageKind.RECALL, channel, at) for channel in channels]
    occurrence = f"{visit.pk}:recall:{earlier}" if earlier else f"{visit.pk}:recall"
    return planning.build(drafts, about=ABOUT, about_id=visit.pk, occurrence=occurrence, patient_id=visit.patient_id)


@source(ABOUT)
def facts_of_recalls(messages: Sequence[Message], now: datetime) -> dict[UUID, Facts | Why]:
    """Whoever has booked since, or whose visit is no finished one any more, is not written to."""
    patients = {message.patient_id for message in messages}
    known = {
        chart.pk: chart for chart in Patient.objects.confirmed().filter(pk__in=patients).select_related("practice")
    }
    booked = set(_next_visits(now).filter(patient__in=patients).values_list("patient_id", flat=True))
    visits = Appointment.objects.filter(pk__in={message.about_id for message in messages})
    finished = set(visits.filter(status=AppointmentStatus.COMPLETED).values_list("pk", flat=True))
    found: dict[UUID, Facts | Why] = {}
    for message in messages:
        chart = known.get(message.patient_id)
        if chart is None or message.about_id not in finished:
            continue
        found[message.pk] = Why.NEXT if chart.pk in booked else facts_of_chart(chart, _fields(chart))
    return found


def _fields(chart: Patient) -> Mapping[str, str]:
    link = settings.SITE_URL + reverse("my_page" if chart.user_id else "home")
    return {"name": chart.name, "practice": chart.practice.name, "link": link}
