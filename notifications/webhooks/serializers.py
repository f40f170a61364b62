"""Serializers of webhooks."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from core.api.pagination import PageShape
from core.api.serializers import (
    ChoiceField,
    CredentialField,
    OutputSerializer,
    StrictBooleanField,
    StrictSerializer,
)
from core.choices import PublicTextChoices
from integrations.web_post.contract import MAX_URL
from notifications.events import EventType
from notifications.models import Delivery, JobState, Webhook


class WebhookEvent(PublicTextChoices):
    """What may be sent. "changed" is sent for a new one too."""

    APPOINTMENT_CHANGED = EventType.APPOINTMENT_CHANGED.value, _("Appointment changed")
    APPOINTMENT_DELETED = EventType.APPOINTMENT_DELETED.value, _("Appointment deleted")
    PATIENT_CHANGED = EventType.PATIENT_CHANGED.value, _("Chart changed")
    PATIENT_DELETED = EventType.PATIENT_DELETED.value, _("Chart deleted")


class DeliveryStatus(PublicTextChoices):
    WAITING = "waiting", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


_STATUS = {JobState.WAITING: "waiting", JobState.DONE: "delivered", JobState.FAILED: "failed"}


def _events_field(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=ChoiceField(choices=WebhookEvent.choices), allow_empty=False, max_length=20, **options
    )


class WebhookChange(StrictSerializer):
    url = CredentialField(
        max_length=MAX_URL, required=False, help_text="Begins with https://, and is a public address."
    )
    events = _events_field(required=False)
    active = StrictBooleanField(source="is_active", required=False, help_text="Whether events are sent.")


class WebhookInput(StrictSerializer):
    url = CredentialField(max_length=MAX_URL, help_text="Begins with https://, and is a public address.")
    events = _events_field()


class WebhookShape(OutputSerializer[Webhook]):
    """Where events are sent."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.ChoiceField(choices=WebhookEvent.choices))
    active = serializers.BooleanField(source="is_active")
    createdAt = serializers.DateTimeField(source="created_at")


class WebhookMade(WebhookShape):
    """The same with its secret, which is shown once."""

    secret = serializers.CharField(help_text="Signs what is sent: docs/clients.md. It is not shown again.")


class WebhookList(OutputSerializer[Any]):
    webhooks = WebhookShape(many=True)
    total = serializers.IntegerField()


class DeliveryShape(OutputSerializer[Delivery]):
    """An event that was sent, or will be."""

    id = serializers.UUIDField()
    type = serializers.ChoiceField(choices=WebhookEvent.choices)
    aboutId = serializers.UUIDField(source="about_id", help_text="`id` of the event: of the changed row.")
    version = serializers.IntegerField(allow_null=True)
    eventId = serializers.UUIDField(source="event_key")
    happenedAt = serializers.DateTimeField(source="happened_at")
    status = serializers.ChoiceField(choices=DeliveryStatus.choices)
    attempts = serializers.IntegerField()
    attemptedAt = serializers.DateTimeField(source="attempted_at", allow_null=True)
    answered = serializers.IntegerField(allow_null=True, help_text="The HTTP status of the last answer.")
    error = serializers.CharField(help_text="Why the last attempt did not succeed; empty if it did.")

    @staticmethod
    def get_status(row: Delivery) -> str:
        return _STATUS[JobState(row.state)]


class DeliveryPage(PageShape):
    deliveries = DeliveryShape(many=True)
