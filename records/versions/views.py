"""Views of the versions of an entry: the base for notes, records and plans. Each subclass sets its `model`."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework.response import Response

from audit.events import AuditEvent
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from patients.restriction.services import emergency_details
from records.models.entry import Amendable
from records.versions import services as versions
from records.versions.serializers import VersionBrief, VersionList, VersionQuery, VersionShape

SEE_RECORDS = (Permission.READ_RECORDS, Permission.READ_OWN_RECORDS)
list_schema = extend_schema(responses={200: VersionList}, summary="List all versions, oldest first", description="")
one_schema = extend_schema(
    parameters=[VersionQuery],
    responses={200: VersionShape},
    summary="Get a version and what it changed",
    description="",
)


class VersionsView(ApiView):
    permissions = {"GET": SEE_RECORDS}
    audit_events = {"GET": AuditEvent.VERSIONS_READ}
    extra_errors = {"GET": NOT_FOUND}
    model: ClassVar[type[Amendable]]

    def respond_with_list(self, pk: UUID) -> Response:
        entry = self._opened(pk)
        kept = versions.list_versions(entry)
        return Response({"versions": [VersionBrief.to_dict(one) for one in kept], "total": len(kept)})

    def respond_with_version(self, pk: UUID, number: int) -> Response:
        entry = self._opened(pk)
        return Response(
            VersionShape.to_dict(versions.get_version(entry, number, self.checked_query(VersionQuery).get("against")))
        )

    def _opened(self, pk: UUID) -> Any:
        entry: Any = versions.get_entry(self.model, by=self.caller, pk=pk)
        self.audit_read([entry.patient_id], about_id=entry.pk, **emergency_details([entry.patient]))
        return entry
