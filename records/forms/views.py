"""The forms and consents that patients are asked for."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.views import ApiView
from core.permissions import Permission
from patients.deletion.views import DELETE_ERRORS, RestoreView, delete_handler, restore_handler
from patients.restriction.services import emergency_details, resolve_access
from patients.serializers import Chart
from records.forms import review, services
from records.forms.serializers import (
    AskInput,
    CompleteInput,
    FormCodeShape,
    FormPage,
    FormShape,
    FormsQuery,
    ReviewInput,
    WithdrawInput,
)
from records.models import PatientForm

P = Permission
READ, FILL = (P.READ_RECORDS, P.READ_OWN_RECORDS), (P.ASK_FOR_FORMS, P.FILL_OWN_FORMS)
COMPLETED = {"409": "It has been completed already, or the practice has changed the form meanwhile."}
NOT_STORED = {
    "503": "File storage is not available; nothing was stored.",
    "507": "The patient's or the practice's file quota is used up.",
}


class OfForms(ApiView):
    audited_model = PatientForm._meta.label

    def shown(self, forms: Iterable[PatientForm]) -> list[dict[str, Any]]:
        """Return the forms, and note whom that shows."""
        forms = list(forms)
        charts = resolve_access(self.caller, [form.patient for form in forms])
        self.audit_read((form.patient_id for form in forms), hits=len(forms), **emergency_details(charts))
        return [FormShape.to_dict(form) for form in forms]

    def answer(self, form: PatientForm, status: int = 200) -> Response:
        return Response(self.shown([form])[0], status=status)


class Forms(OfForms):
    permissions = {"GET": READ, "POST": FILL}
    audit_events = {"GET": AuditEvent.FORMS_LISTED, "POST": AuditEvent.CREATED}
    extra_errors = {"POST": NOT_FOUND | {"409": "The form is archived."}}

    @extend_schema(
        parameters=[FormsQuery],
        responses={200: FormPage},
        summary="List the forms that patients were asked for, newest first",
        description="Patients see their own.",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(FormsQuery)
        page = Page.taken_from(query)
        found = PatientForm.objects.visible_to(self.caller).filter(**query)
        rows = page.rows(found.with_people().newest_first())
        return Response({"forms": self.shown(rows), "total": page.total(found.count), **page.asked, **page.next})

    @extend_schema(
        request=AskInput,
        responses={201: FormShape},
        summary="Ask a patient for a form",
        description="The one that was asked for before, if it is still to be filled in. Patients ask for what they "
        "need before a visit.",
    )
    def post(self, request: Request) -> Response:
        return self.answer(services.ask(by=self.caller, **self.checked(AskInput)), status=201)


class FormById(OfForms):
    permissions = {"GET": READ, "DELETE": (P.DELETE_CLINICAL, P.ASK_FOR_FORMS)}
    audit_events = {"GET": AuditEvent.FORM_READ, "DELETE": AuditEvent.SOFT_DELETED}
    extra_errors = {"GET": NOT_FOUND, "DELETE": DELETE_ERRORS}

    @extend_schema(responses={200: FormShape}, summary="Get a form with its answers")
    def get(self, request: Request, form_id: UUID) -> Response:
        return self.answer(services.get_form(by=self.caller, form_id=form_id))

    delete = delete_handler(PatientForm)


class RestoreForm(RestoreView):
    permissions = {"POST": (P.DELETE_CLINICAL, P.ASK_FOR_FORMS)}
    audited_model = PatientForm._meta.label

    post = restore_handler(PatientForm)


class CompleteForm(OfForms):
    permissions = {"POST": FILL}
    audit_events = {"POST": AuditEvent.FORM_COMPLETED}
    extra_errors = {"POST": NOT_FOUND | COMPLETED | NOT_STORED}
    one_transaction = False  # the PDF is stored before the form is completed

    @extend_schema(
        request=CompleteInput,
        responses={200: FormShape},
        summary="Answer and sign a form",
        description="A blank required question is refused: `errors` names each by its key, and `name` where the "
        "signature is missing. A PDF of questions, answers and signature is kept in the chart.",
    )
    def post(self, request: Request, form_id: UUID) -> Response:
        sent = self.checked(CompleteInput)
        return self.answer(services.complete(by=self.caller, form_id=form_id, **sent))


class HandOverForm(OfForms):
    permissions = {"POST": P.ASK_FOR_FORMS}
    audit_events = {"POST": AuditEvent.FORM_HANDED_OVER}
    extra_errors = {"POST": NOT_FOUND | {"409": "It has been completed already."}}
    keeps_answers = False  # the code is a secret

    @extend_schema(
        responses={200: FormCodeShape},
        summary="Get a code that opens the form on a tablet",
        description="Once, for 30 minutes, without signing in. A new code replaces the one before it.",
    )
    def post(self, request: Request, form_id: UUID) -> Response:
        code, expires_at = services.hand_over(by=self.caller, form_id=form_id)
        address = settings.SITE_URL + reverse("tablet")
        return Response({"code": code, "address": address, "expiresAt": expires_at})


class WithdrawForm(OfForms):
    permissions = {"POST": FILL}
    audit_events = {"POST": AuditEvent.FORM_WITHDRAWN}
    extra_errors = {"POST": NOT_FOUND | {"409": "It is not completed, or was withdrawn before."}}

    @extend_schema(
        request=WithdrawInput,
        responses={200: FormShape},
        summary="Record that a consent was withdrawn",
        description="What was signed stays as it was.",
    )
    def post(self, request: Request, form_id: UUID) -> Response:
        return self.answer(services.withdraw(by=self.caller, form_id=form_id, **self.checked(WithdrawInput)))


class ReviewForm(OfForms):
    permissions = {"POST": P.ASK_FOR_FORMS}
    audit_events = {"POST": AuditEvent.FORM_REVIEWED}
    extra_errors = {"POST": NOT_FOUND | stale(Chart, "The chart was changed meanwhile, or the form is not completed.")}

    @extend_schema(
        request=ReviewInput,
        responses={200: FormShape},
        summary="Take answers of a form over into the chart",
        description="Only those that are accepted; an answer on allergies or medical history adds lines.",
    )
    def post(self, request: Request, form_id: UUID) -> Response:
        return self.answer(review.review(by=self.caller, form_id=form_id, **self.checked(ReviewInput)))
