"""Merging two charts of one person."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from core.api.schema import extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from patients.merging import services as merging
from patients.merging.serializers import MERGED_AWAY, MergeInput, MergeShape, UndoInput, UnmergedShape
from patients.models import Patient

MERGE_ERRORS = MERGED_AWAY | {"409": "A registration is waiting, or the charts have something that one cannot have."}
UNDO_ERRORS = MERGED_AWAY | {
    "409": "Something that has happened since keeps it from being undone.",
    "410": "The 30 days for undoing it are over.",
}


class MergeCharts(ApiView):
    permissions = {"POST": Permission.MERGE_CHARTS}
    audit_events = {"POST": AuditEvent.CHARTS_MERGED}
    audited_model = Patient._meta.label
    extra_errors = {"POST": MERGE_ERRORS}

    @extend_schema(
        request=MergeInput,
        responses={200: MergeShape},
        summary="Merge another chart of the same person (`from`) into this one",
        description="Everything of that chart moves to this one, and its id answers 404 with `mergedInto`. With "
        "`dryRun` nothing is changed. It can be undone for 30 days.",
    )
    def post(self, request: Request, chart_id: UUID) -> Response:
        asked = self.checked(MergeInput)
        is_preview = asked.pop("dry_run")
        act = merging.preview if is_preview else merging.merge
        plan = act(by=self.caller, into=chart_id, source=asked["source"], keep=asked.get("keep", {}))
        kind = AuditEvent.CHART_READ if is_preview else None
        self.audit_read([plan.into.pk, plan.source.pk], kind=kind, about_id=chart_id)
        return Response(MergeShape.to_dict(plan))


class UndoMerge(ApiView):
    permissions = {"POST": Permission.UNDO_MERGES}
    audit_events = {"POST": AuditEvent.MERGE_UNDONE}
    audited_model = Patient._meta.label
    extra_errors = {"POST": UNDO_ERRORS}

    @extend_schema(
        request=UndoInput,
        responses={200: UnmergedShape},
        summary="Undo the merge of another chart (`from`) into this one",
        description="What came from that chart goes back, with what was changed in it since. A value that was changed "
        "since stays.",
    )
    def post(self, request: Request, chart_id: UUID) -> Response:
        merge = merging.undo(by=self.caller, into=chart_id, **self.checked(UndoInput))
        return Response(UnmergedShape.to_dict(merge))
