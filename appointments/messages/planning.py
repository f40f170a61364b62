"""Which messages a visit needs. The ledger says what the patient was told, and every change of the visit is compared
with that: who was told nothing is told nothing of a slip that was corrected within minutes."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from appointments.models import Appointment, AppointmentQuerySet, AppointmentStatus
from core.errors import NotFound
from notifications.messages import planning
from notifications.messages.planning import Draft
from notifications.messages.quiet import reminder_time
from notifications.messages.settings import get_settings
from notifications.messages.unsent_reasons import UnsentReason
from notifications.models import Channel, Message, MessageKind, MessageSettings
from notifications.models.message import MAY_HAVE_ARRIVED
from practices.models import Office
from practices.services import NO_SUCH_OFFICE

ABOUT = Appointment._meta.label
CANCELLED = "cancelled"
LAST_REMINDER = timedelta(hours=1)  # before the visit; later, it only comes between them and the way there
VISITS_AT_ONCE = 2_000
COLUMNS = ("practice", "patient", "doctor", "office", "type", "starts_at", "status", "version", "deletion")


def says_of(visit: Appointment) -> str:
    """Return what a patient must know of the visit: when, with whom, and where."""
    if visit.status == AppointmentStatus.CANCELLED:
        return CANCELLED
    moment = visit.starts_at.astimezone(UTC).isoformat(timespec="seconds")
    return f"{moment} {visit.doctor_id.hex[-12:]} {visit.office_id.hex[-12:] if visit.office_id else ''}"


def plan_new(visit: Appointment, *, asked: Callable[[], MessageSettings] = get_settings) -> None:
    """Plan the messages of a new visit by the practice's settings, for which the caller may have asked already."""
    now = timezone.now()
    if visit.status == AppointmentStatus.SCHEDULED and visit.starts_at > now:
        settings = asked()
        drafts = _notices(MessageKind.BOOKED, visit, settings, settings.channels_of(MessageKind.BOOKED))
        if visit.series_id and visit.position:
            drafts = [draft._replace(why=UnsentReason.SERIES) for draft in drafts]  # the first one's lists them all
        planning.store(_rows(visit, [*drafts, *_reminders(visit, settings, now)]))


def follow(visit: Appointment, *, said_before: str, deleted: bool = False) -> None:
    """Plan anew what the visit needs, in the transaction that has changed it, if that matters to its patient."""
    says = CANCELLED if deleted else says_of(visit)
    is_open = visit.status == AppointmentStatus.SCHEDULED and not deleted
    if says == said_before and is_open:
        return
    planning.withdraw([visit.pk])
    now = timezone.now()
    if visit.starts_at <= now or not (is_open or says == CANCELLED):
        return  # it is over: nobody is told
    settings, rows = get_settings(), planning.ledger_of([visit.pk])
    known = [row for row in rows if row.status in MAY_HAVE_ARRIVED or row.why == UnsentReason.SERIES]
    last_said = planning.last_said(known)
    drafts: list[Draft] = []
    for channel in Channel.values:
        kind = _notice_kind(last_said.get(channel), says)
        if kind and channel in settings.channels_of(kind):
            drafts += _notices(kind, visit, settings, [channel], says=says)
    if is_open:
        reminded = {
            (row.channel, row.says)
            for row in rows
            if row.kind == MessageKind.REMINDER and row.status in MAY_HAVE_ARRIVED
        }
        drafts += [one for one in _reminders(visit, settings, now) if (one.channel, one.says) not in reminded]
    planning.store(_rows(visit, drafts, earlier=len(rows)))


def _notice_kind(last_said: str | None, says: str) -> MessageKind | None:
    """Return which notice a patient needs whose last one said this; None if that is still so."""
    if last_said is None or last_said == CANCELLED:
        return None if says == CANCELLED else MessageKind.BOOKED
    if says == CANCELLED:
        return MessageKind.CANCELLED
    return None if last_said == says else MessageKind.MOVED


def _notices(
    kind: str, visit: Appointment, settings: MessageSettings, channels: Iterable[str], *, says: str | None = None
) -> list[Draft]:
    at = planning.notice_time(settings, _zone_of(visit))
    said = says_of(visit) if says is None else says
    why = UnsentReason.QUIET if at >= visit.starts_at else ""
    return [Draft(kind, channel, at, said, why) for channel in channels]


def _zone_of(visit: Appointment) -> ZoneInfo:
    try:
        return visit.tzinfo
    except Office.DoesNotExist as error:  # removed while it was booked: the database refuses the visit as well
        raise NotFound(NO_SUCH_OFFICE) from error


def _reminders(visit: Appointment, settings: MessageSettings, now: datetime) -> list[Draft]:
    says, zone, quiet = says_of(visit), _zone_of(visit), {"start": settings.quiet_from, "end": settings.quiet_until}
    found = []
    for channel, hours in settings.hours_before(visit.type_id).items():
        if hours is None:
            continue
        wanted = visit.starts_at - timedelta(hours=hours)
        at = reminder_time(wanted, latest=visit.starts_at - LAST_REMINDER, zone=zone, **quiet)
        found.append(Draft(MessageKind.REMINDER, channel, at, says, UnsentReason.TOO_LATE if at <= now else ""))
    return found


def _rows(visit: Appointment, drafts: Iterable[Draft], *, earlier: int = 0) -> list[Message]:
    """Return the rows of one state of the visit, of which there were `earlier` ones: restoring one that was deleted
    raises no version."""
    occurrence = f"{visit.pk}:{visit.version}:{earlier}"
    return planning.build(drafts, about=ABOUT, about_id=visit.pk, occurrence=occurrence, patient_id=visit.patient_id)


# --- Many at once -----------------------------------------------------------------------------------------------------


def plan_reminders(visits: Iterable[Appointment], *, settings: MessageSettings, now: datetime) -> int:
    """Plan the reminders of these visits in one go, and return how many rows that were."""
    rows = [row for visit in visits for row in _rows(visit, _reminders(visit, settings, now))]
    planning.store(rows)
    return len(rows)


def plan_missing(*, now: datetime | None = None) -> int:
    """Plan the reminders of upcoming visits of which the ledger has none, such as those that were there before it, or
    came by an import. They are locked while that happens, so that nobody moves them meanwhile."""
    moment, settings, count, after = now or timezone.now(), get_settings(), 0, None
    while True:
        with transaction.atomic():
            visits = list(_without_messages(moment, after))
            count += plan_reminders(visits, settings=settings, now=moment)
        if len(visits) < VISITS_AT_ONCE:
            return count
        after = visits[-1].pk


def _without_messages(now: datetime, after: UUID | None) -> AppointmentQuerySet:
    return _upcoming(now, after, ~Exists(Message.objects.filter(about_id=OuterRef("pk"))))


def _upcoming(now: datetime, after: UUID | None, *which: Any) -> AppointmentQuerySet:
    visits: AppointmentQuerySet = Appointment.objects.filter(
        *which, status=AppointmentStatus.SCHEDULED, starts_at__gt=now
    )
    visits = visits.filter(pk__gt=after) if after else visits
    visits = visits.select_for_update(of=("self",)).order_by("pk").only(*COLUMNS)
    # not joined: thousands of visits share a few doctors and offices, which would be built for each
    return visits.prefetch_related("practice", "office__practice", "doctor__office__practice")[:VISITS_AT_ONCE]


def plan_again(*, now: datetime | None = None) -> int:
    """Plan the reminders of all upcoming visits anew, once the practice has changed when it sends them: those that wait
    are withdrawn, and what would be too late by now is left out."""
    moment, settings, count, after = now or timezone.now(), get_settings(), 0, None
    while True:
        with transaction.atomic():
            visits = list(_upcoming(moment, after))
            count += _plan_again(visits, settings, moment)
        if len(visits) < VISITS_AT_ONCE:
            return count
        after = visits[-1].pk


def _plan_again(visits: list[Appointment], settings: MessageSettings, now: datetime) -> int:
    ids = [visit.pk for visit in visits]
    known: dict[UUID | None, list[Message]] = {}
    for row in planning.ledger_of(ids):
        known.setdefault(row.about_id, []).append(row)
    planning.withdraw(ids, why=UnsentReason.SETTINGS, kinds=[MessageKind.REMINDER])
    new: list[Message] = []
    for visit in visits:
        rows = known.get(visit.pk, [])
        reminded = {row.channel for row in rows if row.kind == MessageKind.REMINDER and row.status in MAY_HAVE_ARRIVED}
        drafts = [one for one in _reminders(visit, settings, now) if not one.why and one.channel not in reminded]
        new += _rows(visit, drafts, earlier=len(rows))
    planning.store(new)
    return len(new)
