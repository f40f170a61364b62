"""How a client says which version of an entry it has read: in `If-Match`, or as `version` in the body."""

import re
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from core.errors import Invalid

MAX_VERSION = 2**31 - 1
_ETAG = re.compile(r'(?:W/)?"(\d{1,10})"')
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description='The version that was read, as in ETag: `"7"`.'
)
ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=[200, 201], description='The version, for If-Match: `"7"`.'
)


NO_VERSION: Any = None  # in place of the field, in a serializer of what is made that inherits from that of changes


def version_field() -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=1,
        max_value=MAX_VERSION,
        required=False,
        help_text="The version that was read; or send it in If-Match.",
    )


def expected_version(request: Request, given: int | None) -> int:
    """Return the version that the caller has read: `given` in the body, or If-Match. Raises Invalid."""
    version = given_version(request, given)
    if version is None:
        raise Invalid("version", _("Send the version that you read, here or in If-Match."))
    return version


def given_version(request: Request, given: int | None) -> int | None:
    """Return the version that the caller has read, None if they do not say. Raises Invalid."""
    header = request.headers.get("If-Match")
    if header is None:
        return given
    etag = _ETAG.fullmatch(header.strip())
    if etag is None:
        raise Invalid("version", _('If-Match takes a single version, such as "7".'))
    if given is not None and given != int(etag[1]):
        raise Invalid("version", _("If-Match names a different version."))
    return int(etag[1])


def etag(version: int) -> dict[str, str]:
    """Return the ETag header for the response of one entry."""
    return {"ETag": f'"{version}"'}
