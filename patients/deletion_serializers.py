"""Shapes of what is deleted, and of legal holds, in the API."""

from datetime import datetime
from typing import Any, NamedTuple

from rest_framework import serializers

from accounts.models import known_as
from core.api.pages import PageQuery
from core.api.shapes import Shape, Text
from patients.deletions import KINDS
from patients.models import Deletion, LegalHold

LONGEST_REASON = 1000
NAMES = [kind.name for kind in KINDS.values()]  # the apps have named theirs before any address is known


class DeletionInput(serializers.Serializer[Any]):
    reason = Text(max_length=LONGEST_REASON, help_text="Why; encrypted, and shown to the office managers.")


class HoldInput(serializers.Serializer[Any]):
    reason = Text(max_length=LONGEST_REASON, help_text="Who asks for it and why; encrypted.")


class DeletedQuery(PageQuery):
    kind = serializers.ChoiceField(choices=NAMES, required=False)
    patientId = serializers.UUIDField(source="patient_id", required=False)


class Deleted(NamedTuple):
    """`kept_until`: None for what is no clinical record. `is_closed`: the chart, to whoever looks."""

    deletion: Deletion
    kept_until: datetime | None
    is_closed: bool = False

    @property
    def in_words(self) -> str:
        parts = KINDS[self.deletion.about].parts_said
        restorable = f"{parts} It can be restored until {self.deletion.restorable_until:%d %B %Y}".strip()
        if self.kept_until is None or self.kept_until <= self.deletion.restorable_until:
            return f"{restorable}, and is removed for good after that."
        years = self.deletion.practice.retention_years
        return (
            f"{restorable}, and is not removed for good before {self.kept_until:%d %B %Y}: the practice keeps clinical "
            f"records for {years} years."
        )


class HiddenShape(Shape[Deleted]):
    """`keptUntil`: what is younger than the practice's years of retention is hidden, and not removed for good before.
    Null for what is no clinical record."""

    id = serializers.UUIDField()
    deletedAt = serializers.DateTimeField()
    restorableUntil = serializers.DateTimeField()
    keptUntil = serializers.DateTimeField(allow_null=True)
    message = serializers.CharField(help_text="The same in a sentence.")

    def to_representation(self, instance: Deleted) -> dict[str, Any]:
        return {
            "id": instance.deletion.about_id,
            "deletedAt": instance.deletion.created_at,
            "restorableUntil": instance.deletion.restorable_until,
            "keptUntil": instance.kept_until,
            "message": instance.in_words,
        }


class RestoredShape(Shape[Any]):
    id = serializers.UUIDField()
    restoredAt = serializers.DateTimeField()


class DeletedShape(Shape[Deleted]):
    """Somebody has deleted a chart, or one thing of it. `reason` is null where the chart is closed to the caller."""

    kind = serializers.ChoiceField(choices=NAMES)
    id = serializers.UUIDField()
    patientId = serializers.UUIDField()
    patientName = serializers.CharField()
    deletedAt = serializers.DateTimeField()
    deletedById = serializers.UUIDField()
    deletedByName = serializers.CharField()
    reason = serializers.CharField(allow_null=True)
    restorableUntil = serializers.DateTimeField()
    keptUntil = serializers.DateTimeField(allow_null=True)
    legalHold = serializers.BooleanField()

    def to_representation(self, instance: Deleted) -> dict[str, Any]:
        deletion = instance.deletion
        return {
            "kind": KINDS[deletion.about].name,
            "id": deletion.about_id,
            "patientId": deletion.patient_id,
            "patientName": deletion.patient.name,
            "deletedAt": deletion.created_at,
            "deletedById": deletion.deleted_by_id,
            "deletedByName": deletion.deleter,
            "reason": None if instance.is_closed else deletion.reason,
            "restorableUntil": deletion.restorable_until,
            "keptUntil": instance.kept_until,
            "legalHold": deletion.on_hold,
        }


class DeletedPage(Shape[Any]):
    deleted = DeletedShape(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    limit = serializers.IntegerField()


class HoldShape(Shape[LegalHold]):
    patientId = serializers.UUIDField()
    placedAt = serializers.DateTimeField()
    placedById = serializers.UUIDField()

    def to_representation(self, instance: LegalHold) -> dict[str, Any]:
        return {
            "patientId": instance.patient_id,
            "placedAt": instance.created_at,
            "placedById": instance.placed_by_id,
        }


class HoldState(Shape[LegalHold]):
    """A chart that is on no hold has `held` alone. `reason` is null where the chart is closed to the caller."""

    held = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True, required=False)
    placedById = serializers.UUIDField(required=False)
    placedByName = serializers.CharField(required=False)
    placedAt = serializers.DateTimeField(required=False)

    def to_representation(self, instance: LegalHold) -> dict[str, Any]:
        return {
            "held": True,
            "reason": None if instance.patient.is_closed else instance.reason,
            "placedById": instance.placed_by_id,
            "placedByName": known_as(getattr(instance, "placed_by", None)),
            "placedAt": instance.created_at,
        }
