"""Serializers of the waiting list."""

from datetime import time
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from accounts.models import User
from appointments.models import Priority, SlotOffer, WaitingListEntry, WaitingState
from appointments.models.appointment_type import LONGEST, SHORTEST
from appointments.waiting_list.services import LASTS, weekdays_of
from core.api.pagination import PageQuery, PageShape
from core.api.serializers import (
    ChoiceField,
    LocalDateTimeField,
    OptionalCharField,
    OptionalDateField,
    OutputSerializer,
    StrictSerializer,
    UUIDField,
)
from core.api.versions import NO_VERSION, version_field
from core.permissions import Permission

LONGEST_OFFER = 24 * 60  # minutes


class TimeOfDayField(serializers.TimeField):
    """A time on the clock of the doctor's office, or none."""

    def __init__(self, help_text: str) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M"], required=False, allow_null=True, help_text=help_text)


class EntryChange(StrictSerializer):
    typeId = UUIDField(source="type_id", required=False, allow_null=True)
    doctorIds = serializers.ListField(
        source="doctor_ids",
        child=UUIDField(),
        max_length=100,
        required=False,
        help_text="Who would do; empty: any doctor.",
    )
    firstDay = OptionalDateField(source="first_day", help_text="Empty: from now on.")
    lastDay = OptionalDateField(source="last_day", help_text="Empty: open.")
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        max_length=7,
        required=False,
        help_text="0 is Monday; empty: any day.",
    )
    earliest = TimeOfDayField(help_text="When a visit may begin at the earliest: 09:00.")
    latest = TimeOfDayField(help_text="When it has to be over: 12:30.")
    priority = serializers.IntegerField(
        min_value=min(Priority), max_value=max(Priority), required=False, help_text="1 urgent, 2 normal, 3 flexible."
    )
    note = OptionalCharField(max_length=2000)
    version = version_field()


class EntryInput(EntryChange):
    version = NO_VERSION
    patientId = UUIDField(source="patient_id")


class WaitingListQuery(PageQuery):
    state = ChoiceField(
        choices=WaitingState.choices, required=False, help_text="Left out: who still waits, with an offer or without."
    )
    patientId = UUIDField(source="patient_id", required=False)
    typeId = UUIDField(source="type_id", required=False)


class MatchesQuery(StrictSerializer):
    doctorId = UUIDField(source="doctor_id")
    date = LocalDateTimeField(help_text="When the free slot begins.")
    minutes = serializers.IntegerField(
        min_value=SHORTEST, max_value=LONGEST, required=False, help_text="How long it is; left out: long enough."
    )


class OfferInput(StrictSerializer):
    doctorId = UUIDField(source="doctor_id")
    date = LocalDateTimeField(help_text="Without an offset: local time of the doctor's office, else the practice's.")
    minutes = serializers.IntegerField(
        source="lasts",
        min_value=1,
        max_value=LONGEST_OFFER,
        default=LASTS,
        help_text="How long the offer stands; not beyond the start of the visit.",
    )


class AcceptInput(StrictSerializer):
    reason = OptionalCharField(max_length=500, help_text="Why the patient comes; the type's name by default.")


class SlotOfferShape(OutputSerializer[SlotOffer]):
    """A slot that is offered to somebody on the waiting list."""

    id = serializers.UUIDField()
    doctorId = serializers.UUIDField(source="doctor_id")
    date = serializers.DateTimeField(source="starts_at")
    endsAt = serializers.DateTimeField(source="ends_at")
    expiresAt = serializers.DateTimeField(source="expires_at")


def _clock(value: time | None) -> str | None:
    return None if value is None else f"{value:%H:%M}"


class EntryShape(OutputSerializer[WaitingListEntry]):
    """Somebody on the waiting list. The note is null if the caller may not read it, because the chart is restricted."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField(source="patient_id")
    patientName = serializers.CharField(source="patient.name")
    typeId = serializers.UUIDField(source="type_id", allow_null=True)
    doctorIds = serializers.ListField(source="doctor_ids", child=serializers.UUIDField())
    firstDay = serializers.DateField(source="first_day", allow_null=True)
    lastDay = serializers.DateField(source="last_day", allow_null=True)
    weekdays = serializers.ListField(child=serializers.IntegerField(), help_text="0 is Monday.")
    earliest = serializers.CharField(allow_null=True)
    latest = serializers.CharField(allow_null=True)
    priority = serializers.IntegerField()
    note = serializers.CharField(allow_null=True)
    state = serializers.ChoiceField(choices=WaitingState.choices)
    since = serializers.DateTimeField(source="created_at")
    appointmentId = serializers.UUIDField(source="appointment_id", required=False, help_text="What was booked.")
    offers = SlotOfferShape(many=True, help_text="What can be accepted.")
    version = serializers.IntegerField()

    @staticmethod
    def get_doctor_ids(row: WaitingListEntry) -> list[Any]:
        return sorted(wanted.doctor_id for wanted in row.wanted_doctors.all())

    @staticmethod
    def get_weekdays(row: WaitingListEntry) -> list[int]:
        return weekdays_of(row.weekdays)

    @staticmethod
    def get_earliest(row: WaitingListEntry) -> str | None:
        return _clock(row.earliest)

    @staticmethod
    def get_latest(row: WaitingListEntry) -> str | None:
        return _clock(row.latest)

    @staticmethod
    def get_state(row: WaitingListEntry) -> str:
        return WaitingState.OFFERED if row.status == WaitingState.WAITING and _open(row) else row.status

    @staticmethod
    def get_offers(row: WaitingListEntry) -> list[dict[str, Any]]:
        return [SlotOfferShape.to_dict(offer) for offer in _open(row)]

    @classmethod
    def for_user(cls, user: User, row: WaitingListEntry) -> dict[str, Any]:
        """Return the entry as `user` may see it. Call `resolve_access` for its patient first."""
        data = cls.to_dict(row)
        may_read = user.can(Permission.READ_APPOINTMENT_TEXT) and not row.patient.is_closed
        return data if may_read else {**data, "note": None}


def _open(row: WaitingListEntry) -> list[SlotOffer]:
    now = timezone.now()
    found = [offer for offer in row.offers.all() if offer.is_open(now)]
    return sorted(found, key=lambda offer: offer.starts_at)


class WaitingListPage(PageShape):
    waitingList = EntryShape(many=True)


class MatchesList(OutputSerializer[Any]):
    matches = EntryShape(many=True)
