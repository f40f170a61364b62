"""The serializers of versions."""

from typing import Any

from rest_framework import serializers

from core.api.serializers import OutputSerializer, StrictCharField, StrictSerializer
from core.api.versions import MAX_VERSION, version_field
from records.versions.services import ComparedVersion

MAX_REASON_LENGTH = 1000


class ChangeInput(StrictSerializer):
    version = version_field()


class AmendmentInput(ChangeInput):
    """The reason, and the fields to change; omitted fields stay as they are."""

    reason = StrictCharField(max_length=MAX_REASON_LENGTH)


class VersionQuery(serializers.Serializer[Any]):
    against = serializers.IntegerField(
        min_value=1,
        max_value=MAX_VERSION,
        required=False,
        help_text="The version to compare with; by default the previous one.",
    )


class VersionBrief(OutputSerializer[ComparedVersion]):
    number = serializers.IntegerField(source="version.number")
    authorId = serializers.UUIDField(source="version.author_id")
    authorName = serializers.CharField(source="version.author.name")
    createdAt = serializers.DateTimeField(source="version.created_at")
    reason = serializers.CharField(source="version.reason", allow_blank=True)
    changed = serializers.ListField(
        child=serializers.CharField(), help_text="The fields that changed since the previous version."
    )

    @staticmethod
    def get_changed(compared: ComparedVersion) -> list[str]:
        return list(compared.changes)


class VersionList(OutputSerializer[Any]):
    versions = VersionBrief(many=True)
    total = serializers.IntegerField()


class Change(serializers.Serializer[Any]):
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class VersionShape(OutputSerializer[ComparedVersion]):
    number = serializers.IntegerField(source="version.number")
    authorId = serializers.UUIDField(source="version.author_id")
    authorName = serializers.CharField(source="version.author.name")
    createdAt = serializers.DateTimeField(source="version.created_at")
    reason = serializers.CharField(source="version.reason", allow_blank=True)
    content = serializers.DictField(source="version.content", child=serializers.JSONField(allow_null=True))
    against = serializers.IntegerField(allow_null=True)
    changes = serializers.DictField(child=Change(), help_text="By field, compared with `against`.")

    @staticmethod
    def get_against(compared: ComparedVersion) -> int | None:
        return compared.before.number if compared.before else None
