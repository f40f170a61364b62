"""Serializers of API keys."""

from typing import Any

from rest_framework import serializers

from accounts.api_keys.services import ApiKeyState, get_state, permission_name
from accounts.api_keys.words import WORDS
from accounts.models import ApiKey
from core.api.pagination import PageShape
from core.api.serializers import ChoiceField, OutputSerializer, RangeBoundaryField, StrictCharField, StrictSerializer
from core.choices import PublicTextChoices
from core.texts import validate_line

ProgramPermission = PublicTextChoices(  # type: ignore[call-overload]
    "ProgramPermission", [(one.name, (permission_name(one), word)) for one, word in WORDS.items()]
)


class ApiKeyInput(StrictSerializer):
    name = StrictCharField(max_length=120, validators=[validate_line], help_text="Which program it is for.")
    permissions = serializers.ListField(
        child=ChoiceField(choices=ProgramPermission.choices), allow_empty=False, max_length=len(ProgramPermission)
    )
    expiresAt = RangeBoundaryField(
        source="expires_at",
        last=True,
        required=False,
        allow_null=True,
        help_text="A time, in the practice's time zone unless it has an offset; or a date, to the end of that day. "
        "A year from now if left out, two years at most.",
    )


class ApiKeyShape(OutputSerializer[ApiKey]):
    """An API key without its text, which only the response to creating it contains. `lastUsedAt` may be a minute
    behind."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="The key begins with praxis_ and this.")
    permissions = serializers.ListField(child=serializers.ChoiceField(choices=ProgramPermission.choices))
    state = serializers.ChoiceField(choices=ApiKeyState.choices)
    madeByName = serializers.CharField(source="made_by.name")
    expiresAt = serializers.DateTimeField(source="expires_at")
    lastUsedAt = serializers.DateTimeField(source="last_used_at", allow_null=True)
    created_at = serializers.DateTimeField()

    get_state = staticmethod(get_state)


class ApiKeyMade(ApiKeyShape):
    """A new API key with its text, shown only here."""

    key = serializers.CharField()

    @classmethod
    def made(cls, instance: ApiKey, key: str) -> dict[str, Any]:
        return {**ApiKeyShape.to_dict(instance), "key": key}


class ApiKeyPage(PageShape):
    apiKeys = ApiKeyShape(many=True)
