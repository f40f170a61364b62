"""API serializers of the audit trail."""

from datetime import datetime
from typing import Any

import orjson
from rest_framework import serializers

from accounts.models import ApiKey, User
from accounts.roles import Role
from audit.events import AuditEvent, Outcome
from audit.queries import get_email
from audit_review.entries import Entry
from core.api.pagination import PageQuery
from core.api.serializers import ChoiceField, OutputSerializer, RangeBoundaryField, UUIDField, WithRange
from core.typed import check_day


def check_moment(moment: datetime) -> None:
    """Raise ValidationError for a date out of range."""
    check_day(moment.date())


class CursorQuery(PageQuery):
    page = None  # type: ignore[assignment]
    cursor = serializers.UUIDField(  # type: ignore[assignment]
        required=False, help_text="`next` of the previous page, requested with the same filters."
    )


class TrailQuery(WithRange, CursorQuery):
    patient = UUIDField(required=False, help_text="Events about this chart.")
    user = UUIDField(required=False, help_text="Events caused by this user.")
    event = ChoiceField(choices=AuditEvent.choices, required=False)
    outcome = ChoiceField(choices=Outcome.choices, required=False)

    def get_fields(self) -> dict[str, Any]:
        span = {  # `from` is a Python keyword
            "from": RangeBoundaryField(
                source="start",
                required=False,
                validators=[check_moment],
                help_text="Start, inclusive: a date and time, or a date in the practice's time zone.",
            ),
            "to": RangeBoundaryField(
                source="end",
                last=True,
                required=False,
                validators=[check_moment],
                help_text="End: a date and time, exclusive, or a date, inclusive.",
            ),
        }
        return {**super().get_fields(), **span}


class Who(OutputSerializer[Entry]):
    """The user who caused the event, with the role they had then. The name is null if the practice has no such account
    (any more)."""

    id = serializers.UUIDField(source="event.user_id")
    name = serializers.CharField(allow_null=True)
    role = serializers.CharField(source="event.role")

    @staticmethod
    def get_name(entry: Entry) -> str | None:
        return entry.person.name if entry.person else None


class WhoBrief(OutputSerializer[Entry]):
    """Of a program, its API key's name and the role of who made the key."""

    name = serializers.CharField(allow_null=True)
    role = serializers.CharField(source="event.role")


class Program(OutputSerializer[ApiKey]):
    """The API key by which a program acted in the user's name."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class EventShape(OutputSerializer[Entry]):
    id = serializers.UUIDField(source="event.pk")
    at = serializers.DateTimeField(source="event.at")
    event = serializers.CharField(source="event.kind")
    label = serializers.CharField(help_text="Human-readable name of the event.")  # type: ignore[assignment]
    outcome = serializers.ChoiceField(source="event.outcome", choices=Outcome.choices)
    user = Who(allow_null=True)
    apiKey = Program(source="api_key", allow_null=True)
    email = serializers.CharField(allow_null=True, help_text="The email entered; on sign-in events only.")
    patients = serializers.ListField(child=serializers.UUIDField())
    about = serializers.CharField(source="event.about")
    aboutId = serializers.UUIDField(source="event.about_id", allow_null=True)
    address = serializers.CharField(source="event.address")
    agent = serializers.CharField(source="event.agent")
    requestId = serializers.CharField(source="event.request_id")
    details = serializers.DictField(help_text="Field names, counts and reasons; never field values.")

    @staticmethod
    def get_user(entry: Entry) -> dict[str, Any] | None:
        return Who.to_dict(entry) if entry.event.user_id else None

    @staticmethod
    def get_api_key(entry: Entry) -> dict[str, Any] | None:
        return Program.to_dict(entry.api_key) if entry.api_key else None

    @staticmethod
    def get_email(entry: Entry) -> str | None:
        return get_email(entry.event)

    @staticmethod
    def get_patients(entry: Entry) -> list[str]:
        patients: list[str] = orjson.loads(entry.event.patients)
        return patients

    @staticmethod
    def get_details(entry: Entry) -> dict[str, Any]:
        details: dict[str, Any] = orjson.loads(entry.event.details)
        return details


class EventPage(OutputSerializer[Any]):
    events = EventShape(many=True)
    next = serializers.UUIDField(allow_null=True, help_text="The `cursor` of the next page; null on the last page.")


class AccessShape(OutputSerializer[Entry]):
    """One access to a chart, without the device and the network address, which only the practice may see."""

    id = serializers.UUIDField(source="event.pk")
    at = serializers.DateTimeField(source="event.at")
    event = serializers.CharField(source="event.kind")
    label = serializers.CharField(help_text="Human-readable name of the event.")  # type: ignore[assignment]
    outcome = serializers.ChoiceField(source="event.outcome", choices=Outcome.choices)
    user = WhoBrief(allow_null=True, help_text="Null if no user caused it. Another patient's name is withheld (null).")

    @staticmethod
    def get_user(entry: Entry) -> dict[str, Any] | None:
        return WhoBrief.to_dict(entry) if entry.event.user_id else None

    @classmethod
    def for_viewer(cls, viewer: User, instance: Entry) -> dict[str, Any]:
        return cls.to_dict(cls.shown_to(viewer, instance))

    @staticmethod
    def shown_to(viewer: User, entry: Entry) -> Entry:
        """Return the entry as `viewer` may see it: a patient does not learn who else is a patient."""
        event, person = entry.event, entry.person
        hidden = viewer.role == Role.PATIENT and person is not None and Role.PATIENT in (event.role, person.role)
        return Entry(event, None) if hidden and event.user_id != viewer.pk else entry


class AccessPage(OutputSerializer[Any]):
    accesses = AccessShape(many=True)
    next = serializers.UUIDField(allow_null=True, help_text="The `cursor` of the next page; null on the last page.")
