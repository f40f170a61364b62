"""The API of rows with a version (core/tenancy/versioned.py)."""

from collections.abc import Callable, Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from core.api.names import check_something_sent
from core.api.versions import etag, given_version
from core.api.views import ApiView
from core.errors import StaleVersion


class VersionedView(ApiView):
    """Answers with an ETag, and refuses a change of another version with how it is now. Its shape has a `version`, and
    so has the serializer of its changes (core/api/versions.py)."""

    def versioned(self, shown: Mapping[str, Any], status: int = 200) -> Response:
        return Response(shown, status=status, headers=etag(shown["version"]))

    def change_versioned(
        self,
        serializer: type[serializers.Serializer[Any]],
        *,
        shown: Callable[[], Mapping[str, Any]],
        change: Callable[..., Any],
    ) -> Response:
        """Change what the body asks for through a service, which takes `expected` beside the changes; `shown` gives the
        row as the caller may see it. Raises ValidationError, and what the service raises."""
        changes = self.checked_changes(serializer, shown=shown)
        expected = given_version(self.request, changes.pop("version", None))
        check_something_sent(self.request.data, serializer().fields, besides=("version",))
        try:
            change(expected=expected, **changes)
        except StaleVersion as stale:
            raise StaleVersion(stale.detail, current=shown()) from stale
        return self.versioned(shown())
