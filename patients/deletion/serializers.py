"""Serializers of the deletions and legal holds API."""

from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from rest_framework import serializers

from accounts.models import display_name
from core.api.pagination import PageQuery, PageShape
from core.api.serializers import ChoiceField, OutputSerializer, StrictCharField, StrictSerializer, UUIDField
from core.formats import format_date
from patients.deletion.services import DELETABLES
from patients.models import Deletion, LegalHold

MAX_REASON_LENGTH = 1000
NAMES = [kind.name for kind in DELETABLES.values()]  # all apps have registered theirs before the URLs are loaded


class DeletionInput(StrictSerializer):
    reason = StrictCharField(
        max_length=MAX_REASON_LENGTH, help_text="The reason; stored encrypted and shown to office managers."
    )


class HoldInput(StrictSerializer):
    reason = StrictCharField(max_length=MAX_REASON_LENGTH, help_text="Who asked for it and why; stored encrypted.")


class DeletedQuery(PageQuery):
    kind = ChoiceField(choices=NAMES, required=False)
    patientId = UUIDField(source="patient_id", required=False)


class Deleted(NamedTuple):
    """A deletion as listed. `kept_until` is None if it is not a clinical record; `is_closed`: the caller has no
    access."""

    deletion: Deletion
    kept_until: datetime | None
    is_closed: bool = False

    @property
    def message(self) -> str:
        return f"{DELETABLES[self.deletion.about].parts_message} {self._dates}".strip()

    @property
    def _dates(self) -> str:
        practice = self.deletion.practice
        until = format_date(self.deletion.restorable_until, practice.tzinfo)
        if self.kept_until is None or self.kept_until <= self.deletion.restorable_until:
            return _("It can be restored until %(until)s, and is deleted permanently after that.") % {"until": until}
        return ngettext(
            "It can be restored until %(until)s, and is not deleted permanently before %(kept)s, because the practice "
            "keeps clinical records for %(years)d year.",
            "It can be restored until %(until)s, and is not deleted permanently before %(kept)s, because the practice "
            "keeps clinical records for %(years)d years.",
            practice.retention_years,
        ) % {
            "until": until,
            "kept": format_date(self.kept_until, practice.tzinfo),
            "years": practice.retention_years,
        }


class HiddenShape(OutputSerializer[Deleted]):
    """`keptUntil`: until when a clinical record is kept for the practice's retention period before it is deleted
    permanently. Null if it is not a clinical record."""

    id = serializers.UUIDField(source="deletion.about_id")
    deletedAt = serializers.DateTimeField(source="deletion.created_at")
    restorableUntil = serializers.DateTimeField(source="deletion.restorable_until")
    keptUntil = serializers.DateTimeField(source="kept_until", allow_null=True)
    message = serializers.CharField(help_text="The same as a sentence.")


class RestoredShape(OutputSerializer[Any]):
    id = serializers.UUIDField()
    restoredAt = serializers.DateTimeField()


class DeletedShape(OutputSerializer[Deleted]):
    """A deleted chart, or a deleted part of one. `reason` is null if the chart is closed to the caller."""

    kind = serializers.ChoiceField(choices=NAMES)
    id = serializers.UUIDField(source="deletion.about_id")
    patientId = serializers.UUIDField(source="deletion.patient_id")
    patientName = serializers.CharField(source="deletion.patient.name")
    deletedAt = serializers.DateTimeField(source="deletion.created_at")
    deletedById = serializers.UUIDField(source="deletion.deleted_by_id")
    deletedByName = serializers.CharField(source="deletion.deleted_by_name")
    reason = serializers.CharField(allow_null=True)
    restorableUntil = serializers.DateTimeField(source="deletion.restorable_until")
    keptUntil = serializers.DateTimeField(source="kept_until", allow_null=True)
    legalHold = serializers.BooleanField(source="deletion.on_hold")

    @staticmethod
    def get_kind(deleted: Deleted) -> str:
        return DELETABLES[deleted.deletion.about].name

    @staticmethod
    def get_reason(deleted: Deleted) -> str | None:
        return None if deleted.is_closed else deleted.deletion.reason


class DeletedPage(PageShape):
    deleted = DeletedShape(many=True)


class HoldShape(OutputSerializer[LegalHold]):
    patientId = serializers.UUIDField(source="patient_id")
    placedAt = serializers.DateTimeField(source="created_at")
    placedById = serializers.UUIDField(source="placed_by_id")


class HoldState(OutputSerializer[LegalHold]):
    """Without a hold, only `held` is present. `reason` is null if the chart is closed to the caller."""

    held = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True, required=False)
    placedById = serializers.UUIDField(source="placed_by_id", required=False)
    placedByName = serializers.CharField(source="placed_by_name", required=False)
    placedAt = serializers.DateTimeField(source="created_at", required=False)

    @staticmethod
    def get_held(hold: LegalHold) -> bool:
        return True

    @staticmethod
    def get_reason(hold: LegalHold) -> str | None:
        return None if hold.patient.is_closed else hold.reason

    @staticmethod
    def get_placed_by_name(hold: LegalHold) -> str:
        return display_name(getattr(hold, "placed_by", None))
