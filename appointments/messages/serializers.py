"""Serializers of a visit's messages."""

from typing import Any

from rest_framework import serializers

from core.api.serializers import OutputSerializer
from notifications.messages.unsent_reasons import explain
from notifications.models import Channel, Message, MessageKind, MessageStatus


class MessageShape(OutputSerializer[Message]):
    """A message about a visit or a bill: sent, planned or not sent, and why. Without its address and text."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=MessageKind.choices)
    channel = serializers.ChoiceField(choices=Channel.choices)
    status = serializers.ChoiceField(choices=MessageStatus.choices)
    plannedFor = serializers.DateTimeField(source="planned_for")
    sentAt = serializers.DateTimeField(source="sent_at", allow_null=True)
    why = serializers.CharField(allow_null=True, help_text="A sentence that says why it was not sent, or failed.")

    @staticmethod
    def get_why(message: Message) -> str | None:
        return explain(message) or None


class VisitMessages(OutputSerializer[Any]):
    messages = MessageShape(many=True)
