"""The versions of an entry: the base of these views for notes, records and plans. Each names its `model`."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from accounts.roles import Permission
from audit.events import Kind
from core.api.schema import NOT_FOUND
from core.api.views import ApiView
from patients.restriction import emergencies
from records import versions
from records.models.entry import Amendable
from records.version_serializers import VersionBrief, VersionList, VersionQuery, VersionShape

SEE_RECORDS = (Permission.READ_RECORDS, Permission.READ_OWN_RECORDS)
list_schema = extend_schema(
    responses={200: VersionList}, summary="Every version that was kept, the first one first", description=""
)
one_schema = extend_schema(
    parameters=[VersionQuery],
    responses={200: VersionShape},
    summary="What one version said, and what it changed",
    description="",
)


class VersionsView(ApiView):
    permissions = {"GET": SEE_RECORDS}
    trail = {"GET": Kind.VERSIONS_READ}
    extra_errors = {"GET": NOT_FOUND}
    model: ClassVar[type[Amendable]]

    def answer_all(self, pk: UUID) -> Response:
        entry = self._opened(pk)
        kept = versions.listed(entry)
        return Response({"versions": [VersionBrief.of(one) for one in kept], "total": len(kept)})

    def answer_one(self, pk: UUID, number: int) -> Response:
        entry = self._opened(pk)
        return Response(VersionShape.of(versions.one(entry, number, self.checked_query(VersionQuery).get("against"))))

    def _opened(self, pk: UUID) -> Any:
        entry: Any = versions.opened(self.model, by=self.caller, pk=pk)
        self.saw([entry.patient_id], about_id=entry.pk, **emergencies([entry.patient]))
        return entry
