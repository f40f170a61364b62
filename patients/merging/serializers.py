"""Serializers of merging two charts."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from core.api.schema import Refused
from core.api.serializers import (
    ChoiceField,
    ErrorShape,
    OutputSerializer,
    StrictBooleanField,
    StrictSerializer,
    UUIDField,
)
from patients.merging.services import ACCOUNT, Plan
from patients.merging.values import FIELDS, TEXTS, Difference, Kept, KeptText, to_json
from patients.models import ChartMerge
from patients.registrations.matching import MatchReason


class MergedAwayError(ErrorShape):
    mergedInto = serializers.UUIDField(required=False, help_text="The chart that this one was merged into.")


MERGED_AWAY = {
    "404": Refused("Not found in this practice; or merged into another chart, `mergedInto`.", MergedAwayError)
}


class KeepInput(StrictSerializer):
    """Whose value stays, by field: `into`, the chart of the address, or `from`; of texts also `both`. Without a word
    the value of `into` stays, or `from`'s where it has none, and of allergies and medical history both."""

    def get_fields(self) -> dict[str, Any]:
        return {
            field: ChoiceField(choices=(KeptText if field in TEXTS else Kept).choices, required=False)
            for field in (*FIELDS, ACCOUNT)
        }


class UndoInput(StrictSerializer):
    # `from` is a keyword
    vars()["from"] = UUIDField(source="source", help_text="The chart that is merged away.")


class MergeInput(UndoInput):
    keep = KeepInput(required=False)
    dryRun = StrictBooleanField(
        source="dry_run", required=False, default=False, help_text="Only answer what the merge would do."
    )


class DifferenceShape(OutputSerializer[Difference]):
    """A field in which the two charts differ, and what stays. `primaryDoctor` is an id."""

    field = serializers.ChoiceField(choices=list(FIELDS))
    into = serializers.CharField(source="value_of_into", allow_null=True)
    vars()["from"] = serializers.CharField(source="value_of_source", allow_null=True)
    keep = serializers.ChoiceField(choices=KeptText.choices)
    result = serializers.CharField(source="value_afterwards", allow_null=True)

    @staticmethod
    def get_value_of_into(difference: Difference) -> Any:
        return to_json(difference.into)

    @staticmethod
    def get_value_of_source(difference: Difference) -> Any:
        return to_json(difference.source)

    @staticmethod
    def get_value_afterwards(difference: Difference) -> Any:
        return to_json(difference.result)


class MovedShape(OutputSerializer[Any]):
    """How many rows of a kind go over, deleted ones included: `{"kind": "appointments.Appointment", "name":
    "appointments", "count": 3}`."""

    kind = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField()


class MergeShape(OutputSerializer[Plan]):
    """What a merge does. `account`: whose account stays, null if neither chart has one; with `closesAccount` the other
    chart's account is closed. `undoUntil` is null before the merge is done."""

    patientId = serializers.UUIDField(source="into.id")
    vars()["from"] = serializers.UUIDField(source="source.id")
    because = serializers.ListField(child=serializers.ChoiceField(choices=MatchReason.choices))
    differences = DifferenceShape(many=True)
    moves = MovedShape(many=True)
    account = serializers.ChoiceField(choices=Kept.choices, allow_null=True)
    closesAccount = serializers.BooleanField(source="closes_account")
    undoUntil = serializers.DateTimeField(source="undo_until", allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField(), help_text="Such as two visits at the same time.")

    @staticmethod
    def get_warnings(plan: Plan) -> list[str]:
        return [str(warning) for warning in plan.warnings]

    @staticmethod
    def get_undo_until(plan: Plan) -> Any:
        return plan.merge and plan.merge.undoable_until


class UnmergedShape(OutputSerializer[ChartMerge]):
    """Both charts as two again."""

    patientId = serializers.UUIDField(source="patient_id")
    vars()["from"] = serializers.UUIDField(source="merged_id")
    undoneAt = serializers.DateTimeField(source="undone_at")

    @staticmethod
    def get_undone_at(merge: ChartMerge) -> Any:
        return timezone.now()
