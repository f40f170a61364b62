"""What is filled into messages about visits, when they are sent."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache, partial
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone, translation

from appointments.feeds.services import visit_as_calendar
from appointments.messages.planning import ABOUT, CANCELLED, says_of
from appointments.messages.tokens import LinkKind, link_of
from appointments.models import Appointment, AppointmentStatus, SlotOffer
from appointments.schedule.availability import visits_of
from core.formats import format_day, format_time
from integrations.email import Attachment
from notifications.messages.sources import Facts, source
from notifications.messages.texts import BY_VIDEO, FURTHER
from notifications.messages.unsent_reasons import UnsentReason
from notifications.models import Message, MessageKind
from patients.models import Patient
from practices.models import Office


@source(ABOUT)
def facts_of_visits(messages: Sequence[Message], now: datetime) -> dict[UUID, Facts | UnsentReason]:
    ids = {message.about_id for message in messages}
    visits = Appointment.with_deleted.filter(pk__in=ids).with_offices().select_related("patient", "type")
    visits = visits.defer("reason", "notes", "last_writes", *(f"patient__{name}" for name in _unused_columns()))
    known = {visit.pk: visit for visit in visits}
    found: dict[UUID, Facts | UnsentReason] = {}
    for message in messages:
        visit = known.get(message.about_id)
        if visit is None or visit.patient.deletion_id:
            continue
        says = CANCELLED if visit.deletion_id else says_of(visit)
        found[message.pk] = UnsentReason.CHANGED if message.says != says else _facts(message, visit)
    return found


def _unused_columns() -> list[str]:
    used = {"name", "email", "phone", "user", "deletion", "practice", "status", "id"}
    return [field.name for field in Patient._meta.concrete_fields if field.name not in used]


def _facts(message: Message, visit: Appointment) -> Facts:
    is_cancelled = message.kind == MessageKind.CANCELLED
    return Facts(
        email=_email(visit.patient),
        phone=visit.patient.phone,
        region=visit.practice.region,
        zone=visit.tzinfo,
        fields=partial(_fields, visit),
        until=visit.starts_at,
        attachments=lambda: (
            Attachment("appointment.ics", visit_as_calendar(visit, is_cancelled=is_cancelled), "text/calendar"),
        ),
    )


def facts_of_chart(chart: Patient, fields: Mapping[str, str]) -> Facts:
    """Return what a message about no coming visit is made of: the fields say the same in every language."""
    practice = chart.practice
    return Facts(
        email=_email(chart),
        phone=chart.phone,
        region=practice.region,
        zone=practice.tzinfo,
        fields=lambda _language: fields,
    )


def _email(chart: Patient) -> str:
    """Return the address; empty also for the mark of one that cannot be decrypted."""
    return chart.email if "@" in chart.email else ""


def _fields(visit: Appointment, language: str) -> Mapping[str, str]:
    return {
        **place_and_time(visit.starts_at, visit, language),
        "name": visit.patient.name,
        "practice": visit.practice.name,
        "doctor": visit.doctor.name,
        "link": link_of(LinkKind.VISIT, visit.practice_id, visit.pk, visit.starts_at),
        "series": _series(visit, language),
        **_video(visit, language),
    }


def _video(visit: Appointment, language: str) -> dict[str, str]:
    """Return where to meet instead of at the office, if the visit is by video."""
    link = visit.video_link
    return {"video": f"{BY_VIDEO[language]} {link}", "office": "", "address": ""} if link else {}


def _series(visit: Appointment, language: str) -> str:
    """Return a line for each further visit of the series, of which there is no message of its own."""
    if not visit.series_id:
        return ""
    others = Appointment.objects.filter(series=visit.series_id, status=AppointmentStatus.SCHEDULED)
    others = others.filter(starts_at__gt=visit.starts_at).order_by("starts_at").only("starts_at")
    times = [place_and_time(other.starts_at, visit, language) for other in others]
    return "\n".join([FURTHER[language], *(f"{each['date']}, {each['time']}" for each in times)]) if times else ""


def place_and_time(moment: datetime, visit: Appointment, language: str) -> dict[str, str]:
    """Return the merge fields that say when and where, in this language."""
    office: Office | None = visit.office or visit.doctor.office
    local = moment.astimezone(visit.tzinfo)
    return {
        "date": _day_in_words(local.date(), visit.practice.tzinfo, language),
        "time": _time_in_words(local.time(), visit.practice.tzinfo, language),
        "office": office.name if office else "",
        "address": " ".join(office.address.split()) if office else "",
        "phone": office.phone if office else "",
    }


# Reminders that go out one after another are about visits of one day, at the same few times of it. The form is that of
# the practice's region, which its time zone names.


@lru_cache(maxsize=256)
def _day_in_words(day: date, zone: ZoneInfo, language: str) -> str:
    with translation.override(language), timezone.override(zone):
        return format_day(day, "LONG_DATE_FORMAT")


@lru_cache(maxsize=512)
def _time_in_words(at: time, zone: ZoneInfo, language: str) -> str:
    with translation.override(language), timezone.override(zone):
        return format_time(at, "TIME_IN_TEXT_FORMAT")


@source(SlotOffer._meta.label)
def facts_of_offers(messages: Sequence[Message], now: datetime) -> dict[UUID, Facts | UnsentReason]:
    offers = SlotOffer.objects.filter(pk__in={message.about_id for message in messages})
    offers = offers.select_related("entry__patient", "doctor__office__practice", "practice")
    known = {offer.pk: offer for offer in offers}
    found: dict[UUID, Facts | UnsentReason] = {}
    open_ones: dict[UUID, SlotOffer] = {}  # by message: there may be two about one
    for message in messages:
        offer = known.get(message.about_id)
        if offer is None or offer.entry.patient.deletion_id:
            continue
        if not offer.is_open(now):
            found[message.pk] = UnsentReason.CHANGED if now < offer.expires_at else UnsentReason.TOO_LATE
            continue
        open_ones[message.pk] = offer
    visits = visits_of(list(open_ones.values()))
    return found | {
        pk: _facts_of_offer(offer, visit) for (pk, offer), visit in zip(open_ones.items(), visits, strict=True)
    }


def _facts_of_offer(offer: SlotOffer, visit: Appointment) -> Facts:
    chart = offer.entry.patient

    def fields(language: str) -> Mapping[str, str]:
        return {
            **place_and_time(offer.starts_at, visit, language),
            "name": chart.name,
            "practice": offer.practice.name,
            "doctor": offer.doctor.name,
            "link": link_of(LinkKind.OFFER, offer.practice_id, offer.pk, offer.expires_at),
        }

    return Facts(
        email=_email(chart),
        phone=chart.phone,
        region=offer.practice.region,
        zone=visit.tzinfo,
        fields=fields,
        until=offer.expires_at,
    )
