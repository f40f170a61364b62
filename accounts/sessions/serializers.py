"""Serializers of login sessions."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from accounts.models import LoginSession, SignInChannel
from accounts.sessions.devices import describe_device
from core.api.serializers import OutputSerializer


class SessionShape(OutputSerializer[LoginSession]):
    id = serializers.UUIDField()
    device = serializers.CharField(help_text="From the User-Agent header, such as Chrome on Windows.")
    address = serializers.CharField(allow_null=True)
    lastSeen = serializers.DateTimeField(source="last_seen_at", help_text="To the minute.")
    created_at = serializers.DateTimeField()
    kind = serializers.ChoiceField(
        source="channel", choices=SignInChannel.choices, help_text="How the session was started."
    )
    current = serializers.BooleanField(help_text="The session of this request.")

    @staticmethod
    def get_device(session: LoginSession) -> str:
        return describe_device(session.agent)

    @staticmethod
    def get_current(_: LoginSession) -> bool:
        return False  # set by `seen_from`

    @classmethod
    def seen_from(cls, here: UUID | None, session: LoginSession) -> dict[str, Any]:
        """Return the session's dict; `here` is the id of the request's own session."""
        return {**cls.to_dict(session), "current": session.pk == here}


class SessionList(OutputSerializer[Any]):
    sessions = SessionShape(many=True)


class Ended(OutputSerializer[int]):
    ended = serializers.IntegerField(source="*", help_text="How many sessions were ended.")
