"""Serializers of join codes."""

from typing import Any

from rest_framework import serializers

from accounts.join_codes.services import JoinCodeState, get_join_code_state
from accounts.models import JoinCode
from core.api.pagination import PageShape
from core.api.serializers import OutputSerializer, RangeBoundaryField, StrictSerializer, UUIDField

MAX_USES = 1_000_000


class JoinCodeInput(StrictSerializer):
    doctorId = UUIDField(
        source="doctor_id", required=False, allow_null=True, help_text="Optional for doctors, who get their own code."
    )
    officeId = UUIDField(source="office_id")
    expiresAt = RangeBoundaryField(
        source="expires_at",
        last=True,
        required=False,
        allow_null=True,
        help_text="A time, in the practice's time zone unless it has an offset; or a date, to the end of that day.",
    )
    mostUses = serializers.IntegerField(
        source="most_uses", required=False, allow_null=True, min_value=1, max_value=MAX_USES
    )


class JoinCodeShape(OutputSerializer[JoinCode]):
    """A join code without its text, which only the response to creating it contains. Null: no expiry, or unlimited
    uses."""

    id = serializers.UUIDField()
    doctorId = serializers.UUIDField(source="doctor_id")
    doctorName = serializers.CharField(source="doctor.name")
    officeId = serializers.UUIDField(source="office_id")
    officeName = serializers.CharField(source="office.name")
    state = serializers.ChoiceField(choices=JoinCodeState.choices)
    uses = serializers.IntegerField()
    mostUses = serializers.IntegerField(source="most_uses", allow_null=True)
    expiresAt = serializers.DateTimeField(source="expires_at", allow_null=True)
    created_at = serializers.DateTimeField()

    get_state = staticmethod(get_join_code_state)


class JoinCodeMade(JoinCodeShape):
    """A new join code with its text, shown only here."""

    code = serializers.CharField()

    @classmethod
    def made(cls, instance: JoinCode, code: str) -> dict[str, Any]:
        return {**JoinCodeShape.to_dict(instance), "code": code}


class JoinCodePage(PageShape):
    joinCodes = JoinCodeShape(many=True)
