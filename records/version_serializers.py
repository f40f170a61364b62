"""How a client says which version it has read, and shapes of versions in the API."""

import re
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from core.api.shapes import Shape, Strict, Text
from core.errors import Invalid
from records.versions import Compared

REASON_LENGTH = 1000
MOST = 2**31 - 1
_ETAG = re.compile(r'(?:W/)?"(\d{1,10})"')
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description='The version that was read, as ETag has it: `"7"`.'
)
ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=[200, 201], description='The version, as If-Match takes it: `"7"`.'
)


class ChangeInput(Strict):
    version = serializers.IntegerField(
        min_value=1, max_value=MOST, required=False, help_text="The version that was read; or say it in If-Match."
    )


class AmendmentInput(ChangeInput):
    """Why, and the fields to change; those left out stay as they are."""

    reason = Text(max_length=REASON_LENGTH)


def expected_version(request: Request, given: int | None) -> int:
    """The version that the caller has read: `given` in the body, or in If-Match. Raises Invalid."""
    header = request.headers.get("If-Match")
    if header is None and given is None:
        raise Invalid("version", "Say which version you have read, here or in If-Match.")
    if header is None:
        return given or 0
    etag = _ETAG.fullmatch(header.strip())
    if etag is None:
        raise Invalid("version", 'If-Match takes one version, like "7".')
    if given is not None and given != int(etag[1]):
        raise Invalid("version", "If-Match names another version.")
    return int(etag[1])


def etag(version: int) -> dict[str, str]:
    """The header that goes with the answer of one entry."""
    return {"ETag": f'"{version}"'}


class VersionQuery(serializers.Serializer[Any]):
    against = serializers.IntegerField(
        min_value=1, max_value=MOST, required=False, help_text="The number to compare with; else the one before."
    )


class VersionBrief(Shape[Compared]):
    number = serializers.IntegerField()
    authorId = serializers.UUIDField()
    authorName = serializers.CharField()
    createdAt = serializers.DateTimeField()
    reason = serializers.CharField(allow_blank=True)
    changed = serializers.ListField(child=serializers.CharField(), help_text="Against the version before.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {**_head(instance.version), "changed": list(instance.changes)}


class VersionList(Shape[Any]):
    versions = VersionBrief(many=True)
    total = serializers.IntegerField()


class Change(serializers.Serializer[Any]):
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class VersionShape(Shape[Compared]):
    number = serializers.IntegerField()
    authorId = serializers.UUIDField()
    authorName = serializers.CharField()
    createdAt = serializers.DateTimeField()
    reason = serializers.CharField(allow_blank=True)
    content = serializers.DictField(child=serializers.JSONField(allow_null=True))
    against = serializers.IntegerField(allow_null=True)
    changes = serializers.DictField(child=Change(), help_text="By field, against the version it is compared with.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {
            **_head(instance.version),
            "content": instance.version.content,
            "against": instance.before.number if instance.before else None,
            "changes": instance.changes,
        }


def _head(version: Any) -> dict[str, Any]:
    return {
        "number": version.number,
        "authorId": version.author_id,
        "authorName": version.author.name,
        "createdAt": version.created_at,
        "reason": version.reason,
    }
