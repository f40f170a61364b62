"""Serializers of the appointments API."""

from typing import Any

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from accounts.models import User
from appointments.models import Appointment, AppointmentStatus, CancelReason, SeriesScope
from appointments.models.appointment_type import LONGEST, SHORTEST
from core.api.pagination import NextShape, PageQuery
from core.api.serializers import (
    ChoiceField,
    DateTimeField,
    DayField,
    LocalDateTimeField,
    OptionalCharField,
    OutputSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
    UUIDField,
    WithRange,
    range_fields,
)
from core.api.versions import version_field
from core.permissions import Permission

NOT_OF_CHANGES = gettext_lazy("Leave this out where you ask for changes.")


class OverlapField(StrictBooleanField):
    """Whether a patient may have two appointments at one time, such as with two doctors who treat them together."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            source="allow_overlap",
            help_text="For the practice's people, who are warned of a patient who is with another doctor then: with "
            "`false` that is a 409. A patient gets the 409 always, and may not send `true`.",
        )


class PastField(StrictBooleanField):
    """Whether somebody means to enter a visit of a day that has passed."""

    def __init__(self) -> None:
        super().__init__(
            source="allow_past",
            required=False,
            help_text="For the practice's people: enter a visit that took place before today (else 400).",
        )


class TypeField(UUIDField):
    def __init__(self) -> None:
        super().__init__(
            source="type_id", required=False, allow_null=True, help_text="How long it takes, unless `minutes` says so."
        )


class RoomField(UUIDField):
    def __init__(self) -> None:
        super().__init__(
            source="room_id",
            required=False,
            allow_null=True,
            help_text="For the practice's people. The visit is at the room's office.",
        )


class MinutesField(serializers.IntegerField):
    def __init__(self) -> None:
        super().__init__(
            required=False,
            min_value=SHORTEST,
            max_value=LONGEST,
            help_text="For the practice's people; otherwise the type's, or the practice's usual length.",
        )


class BookingInput(StrictSerializer):
    patientId = UUIDField(source="patient_id")
    doctorId = UUIDField(source="doctor_id")
    date = LocalDateTimeField(
        help_text="Without an offset: local time of the appointment's office, else the practice's."
    )
    reason = StrictCharField(max_length=500)
    notes = OptionalCharField(max_length=5000)
    officeId = UUIDField(
        source="office_id", required=False, allow_null=True, help_text="Defaults to where the doctor works then."
    )
    typeId = TypeField()
    roomId = RoomField()
    minutes = MinutesField()
    holdId = UUIDField(
        source="hold_id", required=False, help_text="Your hold of this slot, which ends with the booking."
    )
    allowOverlap = OverlapField()
    allowPast = PastField()


class ChangeInput(StrictSerializer):
    """The fields to change; the others keep their value. Without a version, a field that someone else has changed since
    the caller last saw the appointment is refused with 409."""

    version = version_field()
    doctorId = UUIDField(source="doctor_id", required=False)
    date = LocalDateTimeField(
        required=False,
        help_text="Without an offset: local time of the appointment's office (`officeId` if given, else its own, "
        "else the doctor's), else the practice's.",
    )
    status = ChoiceField(choices=AppointmentStatus.choices, required=False)
    cancelReason = ChoiceField(
        source="cancel_reason",
        choices=CancelReason.choices,
        required=False,
        help_text="With the status cancelled, or for an appointment that is.",
    )
    reason = StrictCharField(max_length=500, required=False)
    notes = OptionalCharField(max_length=5000)
    officeId = UUIDField(source="office_id", required=False, help_text="Without `date` the moment stays the same.")
    typeId = TypeField()
    roomId = RoomField()
    minutes = MinutesField()
    allowOverlap = OverlapField()
    allowPast = PastField()
    scope = ChoiceField(
        choices=SeriesScope.choices,
        default=SeriesScope.THIS,
        help_text="Of a series: change this visit, it and what follows, or all. Visits that are over, cancelled or "
        "completed stay as they are, and so does what was changed in one alone.",
    )


class AppointmentQuery(WithRange, PageQuery):
    date = DayField(
        required=False,
        help_text="A day in the practice's time zone, whatever the office.",
    )
    status = ChoiceField(choices=AppointmentStatus.choices, required=False)
    doctorId = UUIDField(
        source="doctor_id",
        required=False,
        help_text="A colleague's list. For a doctor it is their own by default, unless `patientId` is given.",
    )
    officeId = UUIDField(source="office_id", required=False)
    roomId = UUIDField(source="room_id", required=False)
    patientId = UUIDField(source="patient_id", required=False)
    seriesId = UUIDField(source="series_id", required=False)
    typeId = UUIDField(source="type_id", required=False)
    updatedSince = DateTimeField(
        source="updated_since",
        required=False,
        help_text="What was added, changed or deleted since then, in the order of the changes: everybody's unless "
        "`doctorId` says whose. With `cursor`, which each answer has as `next`, the moment only says that changes are "
        "asked for. Instead of `page` and `date`.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "updated_since" in attrs:
            left_out = {"date"} if attrs["page"] == 1 else {"date", "page"}
            if named := left_out & attrs.keys():
                raise serializers.ValidationError({name: [NOT_OF_CHANGES] for name in named})
        return super().validate(attrs)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **range_fields()}


class AppointmentShape(OutputSerializer[Appointment]):
    """An appointment. Reason and notes are null if the caller may not read them, because of their role or because the
    chart is restricted."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField(source="patient_id")
    patientName = serializers.CharField(source="patient.name")
    doctorId = serializers.UUIDField(source="doctor_id")
    doctorName = serializers.CharField(source="doctor.name")
    date = serializers.DateTimeField(source="starts_at")
    endsAt = serializers.DateTimeField(source="ends_at")
    typeId = serializers.UUIDField(source="type_id", required=False, help_text="Present if it has a type.")
    videoLink = serializers.CharField(
        source="video_link", required=False, help_text="Where to meet, if it is by video and still to take place."
    )
    status = serializers.ChoiceField(choices=AppointmentStatus.choices)
    reason = serializers.CharField(allow_null=True)
    notes = serializers.CharField(allow_null=True)
    officeId = serializers.UUIDField(
        source="office_id", required=False, help_text="Present if the appointment has an office."
    )
    confirmedAt = serializers.DateTimeField(source="confirmed_at", required=False, help_text="Present if it is.")
    arrivedAt = serializers.DateTimeField(source="arrived_at", required=False, help_text="The same.")
    startedAt = serializers.DateTimeField(source="started_at", required=False, help_text="The same.")
    finishedAt = serializers.DateTimeField(source="finished_at", required=False, help_text="The same.")
    noShowAt = serializers.DateTimeField(source="no_show_at", required=False, help_text="The same.")
    cancelledAt = serializers.DateTimeField(source="cancelled_at", required=False, help_text="The same.")
    cancelReason = serializers.ChoiceField(
        source="cancel_reason",
        choices=CancelReason.choices,
        required=False,
        help_text="Present if it was said, and the caller may read why patients come.",
    )
    cancelledLate = serializers.BooleanField(
        source="cancelled_late",
        required=False,
        help_text="Whether fewer than the practice's `cancellationHours` were left.",
    )
    roomId = serializers.UUIDField(source="room_id", required=False, help_text="Present if it has a room.")
    version = serializers.IntegerField(help_text="Increases with each change.")
    seriesId = serializers.UUIDField(source="series_id", required=False, help_text="Present if it is one of a series.")
    warnings = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text='What speaks against the time, such as "outside working hours": only where one of the practice\'s '
        "people has just booked or moved it.",
    )

    @staticmethod
    def get_warnings(row: Appointment) -> list[str] | None:
        return [str(warning) for warning in row.warnings] or None

    @staticmethod
    def get_cancel_reason(row: Appointment) -> str | None:
        return row.cancel_reason or None

    @classmethod
    def for_user(cls, user: User, instance: Appointment) -> dict[str, Any]:
        """Return the appointment as `user` may see it. Call `resolve_access` for its patient first."""
        data = cls.to_dict(instance)
        may_read = user.can(Permission.READ_APPOINTMENT_TEXT) or user.can(Permission.READ_OWN_APPOINTMENTS)
        if may_read and not instance.patient.is_closed:
            return data
        data.pop("cancelReason", None)
        return {**data, "reason": None, "notes": None}


class DeletedAppointment(OutputSerializer[Appointment]):
    id = serializers.UUIDField()
    deletedAt = serializers.DateTimeField(source="deletion.created_at")


class AppointmentPage(NextShape):
    appointments = AppointmentShape(many=True)
    total = serializers.IntegerField(
        help_text="With `updatedSince`, how many changes are left, those of this answer included."
    )
    deleted = DeletedAppointment(
        many=True, required=False, help_text="With `updatedSince`: which of the changed ones are deleted."
    )
