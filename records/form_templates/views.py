"""The practice's forms and consents."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.versioned import VersionedView
from core.api.versions import ETAG, IF_MATCH, expected_version
from core.permissions import Permission
from records.form_templates import services
from records.form_templates.serializers import (
    FormTemplateChange,
    FormTemplateInput,
    FormTemplateList,
    FormTemplateShape,
)
from records.models import FormTemplate

P = Permission
STALE = stale(FormTemplateShape, "Another version is the newest now.")


class FormTemplates(VersionedView):
    permissions = {"GET": P.ASK_FOR_FORMS, "POST": P.KEEP_FORM_TEMPLATES}
    extra_errors = {"POST": NOT_FOUND}

    @extend_schema(responses={200: FormTemplateList}, summary="List the practice's forms and consents, by name")
    def get(self, request: Request) -> Response:
        found = FormTemplate.objects.prefetch_related("types", "versions")
        shown = [FormTemplateShape.to_dict(template) for template in found]
        return Response({"formTemplates": shown, "total": len(shown)})

    @extend_schema(
        request=FormTemplateInput,
        parameters=[ETAG],
        responses={201: FormTemplateShape},
        summary="Add a form or consent",
    )
    def post(self, request: Request) -> Response:
        template = services.create_template(by=self.caller, **self.checked(FormTemplateInput))
        return self.versioned(FormTemplateShape.to_dict(template), status=201)


class FormTemplateById(VersionedView):
    permissions = {"GET": P.ASK_FOR_FORMS, "PATCH": P.KEEP_FORM_TEMPLATES}
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | STALE}

    def shown(self, form_template_id: UUID) -> dict[str, Any]:
        return FormTemplateShape.to_dict(FormTemplate.objects.get_or_refuse(pk=form_template_id))

    @extend_schema(parameters=[ETAG], responses={200: FormTemplateShape}, summary="Get a form or consent")
    def get(self, request: Request, form_template_id: UUID) -> Response:
        return self.versioned(self.shown(form_template_id))

    @extend_schema(
        request=FormTemplateChange,
        parameters=[IF_MATCH, ETAG],
        responses={200: FormTemplateShape},
        summary="Change a form or consent, or archive it",
        description="Another name, text or question makes a new version. Who was asked and has not answered gets to "
        "see that; what was completed stays as it was.",
    )
    def patch(self, request: Request, form_template_id: UUID) -> Response:
        changes = self.checked_changes(FormTemplateChange, shown=lambda: self.shown(form_template_id))
        expected = expected_version(self.request, changes.pop("version", None))
        services.change_template(by=self.caller, template_id=form_template_id, expected=expected, **changes)
        return self.versioned(self.shown(form_template_id))
