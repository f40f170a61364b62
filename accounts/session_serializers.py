"""Shapes of sessions."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from accounts.devices import device_of
from accounts.models import Door, Session
from core.api.shapes import Shape


class SessionShape(Shape[Session]):
    id = serializers.UUIDField()
    device = serializers.CharField(help_text="As the browser or app named itself: Chrome on Windows.")
    address = serializers.CharField(allow_null=True)
    lastSeen = serializers.DateTimeField(help_text="To the minute.")
    created_at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=Door.choices, help_text="The door that it was begun at.")
    current = serializers.BooleanField(help_text="The session of this very call.")

    @classmethod
    def seen_from(cls, here: UUID | None, session: Session) -> dict[str, Any]:
        """`here`: the session of the call."""
        return {**cls.of(session), "current": session.pk == here}

    def to_representation(self, instance: Session) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "device": device_of(instance.agent),
            "address": instance.address,
            "lastSeen": instance.last_seen_at,
            "created_at": instance.created_at,
            "kind": instance.door,
            "current": False,
        }


class SessionList(Shape[Any]):
    sessions = SessionShape(many=True)


class Ended(Shape[int]):
    ended = serializers.IntegerField(help_text="How many sessions there were.")

    def to_representation(self, instance: int) -> dict[str, Any]:
        return {"ended": instance}
