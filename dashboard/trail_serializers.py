"""Shapes of the audit trail in the API."""

from datetime import datetime
from typing import Any

import orjson
from rest_framework import serializers

from accounts.models import User
from accounts.roles import Role
from appointments.serializers import check_day
from audit.events import Kind, Outcome
from audit.reading import email_of
from core.api.pages import PageQuery
from core.api.shapes import EdgeField, Shape
from dashboard.trail import Entry


def check_moment(moment: datetime) -> None:
    """Raises ValidationError."""
    check_day(moment.date())


class CursorQuery(PageQuery):
    page = None  # type: ignore[assignment]
    cursor = serializers.UUIDField(
        required=False, help_text="`next` of the page before, asked for with the same filters."
    )


class TrailQuery(CursorQuery):
    patient = serializers.UUIDField(required=False, help_text="Events that tell of this chart.")
    user = serializers.UUIDField(required=False, help_text="What this person did.")
    event = serializers.ChoiceField(choices=Kind.choices, required=False)
    outcome = serializers.ChoiceField(choices=Outcome.choices, required=False)

    def get_fields(self) -> dict[str, Any]:
        span = {  # `from` is no name for an attribute
            "from": EdgeField(
                source="start",
                required=False,
                validators=[check_moment],
                help_text="A moment, included, or a day of the practice's calendar.",
            ),
            "to": EdgeField(
                source="end",
                last=True,
                required=False,
                validators=[check_moment],
                help_text="A moment, not included, or a day, the whole of it.",
            ),
        }
        return {**super().get_fields(), **span}

    def validate(self, query: dict[str, Any]) -> dict[str, Any]:
        if "start" in query and "end" in query and query["start"] >= query["end"]:
            raise serializers.ValidationError({"to": ["Nothing lies between `from` and this."]})
        return query


class Who(Shape[Entry]):
    """Somebody as they were when it happened. The name is null where the practice does not know them (any more)."""

    id = serializers.UUIDField()
    name = serializers.CharField(allow_null=True)
    role = serializers.CharField()

    def to_representation(self, instance: Entry) -> dict[str, Any]:
        event, person = instance
        return {"id": event.user_id, "name": person and person.name, "role": event.role}


class WhoBrief(Shape[Entry]):
    name = serializers.CharField(allow_null=True)
    role = serializers.CharField()

    def to_representation(self, instance: Entry) -> dict[str, Any]:
        return {"name": instance.person and instance.person.name, "role": instance.event.role}


class EventShape(Shape[Entry]):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    event = serializers.CharField()
    label = serializers.CharField(help_text="The event in words.")  # type: ignore[assignment]
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    user = Who(allow_null=True)
    email = serializers.CharField(allow_null=True, help_text="Sign-in events alone: the email that was given.")
    patients = serializers.ListField(child=serializers.UUIDField())
    about = serializers.CharField()
    aboutId = serializers.UUIDField(allow_null=True)
    address = serializers.CharField()
    agent = serializers.CharField()
    requestId = serializers.CharField()
    details = serializers.DictField(help_text="Names of fields, counts, reasons; never a value.")

    def to_representation(self, instance: Entry) -> dict[str, Any]:
        event = instance.event
        return {
            "id": event.pk,
            "at": event.at,
            "event": event.kind,
            "label": instance.label,
            "outcome": event.outcome,
            "user": Who.of(instance) if event.user_id else None,
            "email": email_of(event),
            "patients": orjson.loads(event.patients),
            "about": event.about,
            "aboutId": event.about_id,
            "address": event.address,
            "agent": event.agent,
            "requestId": event.request_id,
            "details": orjson.loads(event.details),
        }


class EventPage(Shape[Any]):
    events = EventShape(many=True)
    next = serializers.UUIDField(allow_null=True, help_text="The `cursor` of the next page; null on the last.")


class AccessShape(Shape[Entry]):
    """One access to a chart. From which device and address is the practice's own business."""

    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    event = serializers.CharField()
    label = serializers.CharField(help_text="The event in words.")  # type: ignore[assignment]
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    user = WhoBrief(allow_null=True, help_text="Null where no person did it. Another patient's name is withheld: null.")

    def to_representation(self, instance: Entry) -> dict[str, Any]:
        event = instance.event
        return {
            "id": event.pk,
            "at": event.at,
            "event": event.kind,
            "label": instance.label,
            "outcome": event.outcome,
            "user": WhoBrief.of(instance) if event.user_id else None,
        }

    @classmethod
    def seen_by(cls, user: User, instance: Entry) -> dict[str, Any]:
        """Who else is a patient here is no patient's business."""
        event, person = instance
        hidden = user.role == Role.PATIENT and person is not None and Role.PATIENT in (event.role, person.role)
        return cls.of(Entry(event, None) if hidden and event.user_id != user.pk else instance)


class AccessPage(Shape[Any]):
    accesses = AccessShape(many=True)
    next = serializers.UUIDField(allow_null=True, help_text="The `cursor` of the next page; null on the last.")
