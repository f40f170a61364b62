"""Shapes of join codes in the API."""

from typing import Any

from rest_framework import serializers

from accounts.join_codes import State, state_of
from accounts.models import JoinCode
from core.api.shapes import EdgeField, Shape

MOST_USES = 1_000_000


class JoinCodeInput(serializers.Serializer[Any]):
    doctorId = serializers.UUIDField(
        source="doctor_id", required=False, allow_null=True, help_text="A doctor may leave it out: themself."
    )
    officeId = serializers.UUIDField(source="office_id")
    expiresAt = EdgeField(
        source="expires_at",
        last=True,
        required=False,
        allow_null=True,
        help_text="A moment, without an offset in the practice's local time; or a day there, the whole of it.",
    )
    mostUses = serializers.IntegerField(
        source="most_uses", required=False, allow_null=True, min_value=1, max_value=MOST_USES
    )


class JoinCodeShape(Shape[JoinCode]):
    """A join code without the code, which is shown once, to whoever makes it. Null: it does not expire; it may be used
    as often as people come."""

    id = serializers.UUIDField()
    doctorId = serializers.UUIDField()
    doctorName = serializers.CharField()
    officeId = serializers.UUIDField()
    officeName = serializers.CharField()
    state = serializers.ChoiceField(choices=State.choices)
    uses = serializers.IntegerField()
    mostUses = serializers.IntegerField(allow_null=True)
    expiresAt = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: JoinCode) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "doctorId": instance.doctor_id,
            "doctorName": instance.doctor.name,
            "officeId": instance.office_id,
            "officeName": instance.office.name,
            "state": state_of(instance),
            "uses": instance.uses,
            "mostUses": instance.most_uses,
            "expiresAt": instance.expires_at,
            "created_at": instance.created_at,
        }


class JoinCodeMade(JoinCodeShape):
    """The answer to making one: what the patient types, this once."""

    code = serializers.CharField()

    @classmethod
    def made(cls, instance: JoinCode, code: str) -> dict[str, Any]:
        return {**JoinCodeShape.of(instance), "code": code}


class JoinCodePage(Shape[Any]):
    joinCodes = JoinCodeShape(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    limit = serializers.IntegerField()
