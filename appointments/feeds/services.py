"""Calendar feeds: a person's visits as iCalendar (RFC 5545), under a secret address that any calendar program can read.

The address holds the practice, the feed and 192 random bits, of which only the hash is stored. Whoever has the
address can read the calendar: so it says when, where and what kind of visit, but no clinical text, and a doctor's names
no patient."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from icalendar import Calendar, Event, Timezone

from accounts.models import User
from appointments.models import Appointment, AppointmentQuerySet, AppointmentStatus, CalendarFeed
from audit import context, log
from audit.events import AuditEvent
from core.errors import NotFound
from core.permissions import Permission
from core.tenancy.scope import practice_scope
from patients.models import Patient
from practices.services import current_practice

BACK, AHEAD = timedelta(days=30), timedelta(days=366)
SECRET_BYTES, ID_BYTES = 24, 16
END_OF_CALENDAR = b"END:VCALENDAR\r\n"
UNKNOWN = gettext_lazy("This calendar isn't there any more. Its address may have been replaced.")


@transaction.atomic
def renew(*, by: User) -> str:
    """Return a new token for the feed of `by`; the one before is good for nothing any more."""
    secret = secrets.token_bytes(SECRET_BYTES)
    with context.done_by(by):
        User.objects.select_for_update(of=("self",), no_key=True).get(pk=by.pk)  # two renewals at once queue here
        for earlier in CalendarFeed.objects.filter(user=by):
            earlier.delete()
        feed = CalendarFeed.objects.create(user=by, secret_hash=_hash(secret))
    return urlsafe_b64encode(feed.practice_id.bytes + feed.pk.bytes + secret).decode()


@transaction.atomic
def revoke(*, by: User) -> None:
    """End the feed of `by`, if there is one."""
    with context.done_by(by):
        for feed in CalendarFeed.objects.select_for_update(of=("self",)).filter(user=by):
            feed.delete()


def read(token: str) -> bytes:
    """Return the calendar of this token. Raises NotFound for one that is not that of an active person."""
    practice_id, feed_id, secret = _parts(token)
    with practice_scope(practice_id):
        feed = CalendarFeed.objects.select_related("user").filter(pk=feed_id).first()
        known = bytes(feed.secret_hash) if feed else bytes(hashlib.sha256().digest_size)
        is_right = hmac.compare_digest(_hash(secret), known)
        if feed is None or not is_right or not _may_subscribe(feed.user):
            raise NotFound(UNKNOWN)
        with transaction.atomic():
            _log(feed)
            return _calendar(feed.user, _visits(feed.user))


def _parts(token: str) -> tuple[UUID, UUID, bytes]:
    try:
        raw = urlsafe_b64decode(token.encode("ascii"))
    except (Base64Error, UnicodeEncodeError, ValueError) as error:
        raise NotFound(UNKNOWN) from error
    if len(raw) != 2 * ID_BYTES + SECRET_BYTES:
        raise NotFound(UNKNOWN)
    return UUID(bytes=raw[:ID_BYTES]), UUID(bytes=raw[ID_BYTES : 2 * ID_BYTES]), raw[2 * ID_BYTES :]


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _may_subscribe(user: User) -> bool:
    return user.is_active and user.can(Permission.SUBSCRIBE_TO_OWN_CALENDAR)


def _is_patient(user: User) -> bool:
    return user.can(Permission.READ_OWN_APPOINTMENTS)


def _log(feed: CalendarFeed) -> None:
    charts = Patient.objects.filter(user=feed.user_id) if _is_patient(feed.user) else Patient.objects.none()
    log.record(
        AuditEvent.FEED_READ,
        practice_id=feed.practice_id,
        patients=charts.values_list("pk", flat=True),
        user_id=feed.user_id,
        role=feed.user.role,
        about=CalendarFeed._meta.label,
        about_id=feed.pk,
    )


def _visits(user: User) -> AppointmentQuerySet:
    now = timezone.now()
    mine: AppointmentQuerySet = Appointment.objects.visible_to(user).defer("reason", "notes", "last_writes")
    mine = mine.filter(starts_at__gte=now - BACK, starts_at__lt=now + AHEAD)
    mine = mine if _is_patient(user) else mine.filter(doctor=user)
    return mine.with_offices().select_related("type").order_by("starts_at", "id")


def _calendar(user: User, visits: Iterable[Appointment]) -> bytes:
    practice = current_practice()
    calendar = Calendar()
    calendar.add("prodid", "-//Praxis//Calendar feed//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", practice.name)
    for visit in visits:
        kind = visit.type.name if visit.type else ""
        if _is_patient(user):
            summary = _("%(visit)s, %(practice)s") % {"visit": kind or _("Appointment"), "practice": practice.name}
        else:
            summary = kind or _("Busy")
        calendar.add_component(_event(visit, summary))
    now = timezone.now()
    calendar.add_missing_timezones(first_date=(now - 2 * BACK).date(), last_date=(now + AHEAD + BACK).date())
    return calendar.to_ical()


def visit_as_calendar(visit: Appointment, *, is_cancelled: bool = False) -> bytes:
    """Return one visit as iCalendar, to be attached to a mail: when and where, and nothing of what it is for."""
    event = _event(visit, visit.practice.name, is_cancelled=is_cancelled)
    if link := visit.video_link:
        event.pop("location", None)
        event.add("location", link)
    around = _around_one_visit(visit.tzinfo.key, visit.starts_at.date())
    return around.replace(END_OF_CALENDAR, event.to_ical() + END_OF_CALENDAR)


@lru_cache(maxsize=256)
def _around_one_visit(zone: str, day: date) -> bytes:
    """Return a calendar without its event: reminders of one day are sent one after another, and to find out what it
    says of a zone takes longer than all the rest of an attachment."""
    calendar = Calendar()
    calendar.add("prodid", "-//Praxis//Appointment//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    if zone != "UTC":
        calendar.add_component(
            Timezone.from_tzid(zone, first_date=day - timedelta(days=1), last_date=day + timedelta(days=2))
        )
    return calendar.to_ical()


def _event(visit: Appointment, summary: str, *, is_cancelled: bool = False) -> Event:
    zone = visit.tzinfo
    office = visit.office or visit.doctor.office
    cancelled = is_cancelled or visit.status == AppointmentStatus.CANCELLED
    event = Event()
    event.add("uid", f"{visit.pk}@praxis")
    event.add("sequence", visit.version)
    event.add("dtstamp", visit.updated_at)
    event.add("dtstart", _moment(visit.starts_at, zone))
    event.add("dtend", _moment(visit.ends_at, zone))
    event.add("summary", summary)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if cancelled else "OPAQUE")
    event.add("class", "PRIVATE")
    if office:
        event.add("location", ", ".join(part for part in (office.name, office.address) if part))
    return event


def _moment(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return it in local time with the zone, as calendar programs show it best; in an hour that occurs twice in UTC,
    since local time means the first of them (RFC 5545, 3.3.5), and not every program knows that."""
    local = moment.astimezone(zone)
    occurs_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return moment.astimezone(UTC) if occurs_twice else local
