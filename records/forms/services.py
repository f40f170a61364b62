"""Asking patients for forms and consents, and keeping what they answer and sign."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment
from audit import context, log
from audit.events import AuditEvent
from core.codes import random_code
from core.encryption.blind_index import form_code_fingerprint
from core.errors import Conflict, Forbidden
from core.permissions import Permission
from core.tenancy.scope import current_practice_id
from patients.restriction.services import check_access
from patients.services import lock_chart
from practices.services import current_practice
from records.attachments.services import keep_made
from records.forms.answers import checked_answers
from records.forms.pdf import form_pdf
from records.models import Attachment, FormCode, FormTemplate, FormVersion, PatientForm
from records.models.attachment import MAX_NAME_LENGTH
from records.models.patient_form import FormChannel, FormNeed, FormState

CODE_LENGTH = 8
CODE_LASTS = timedelta(minutes=30)

COMPLETED = (
    *("state", "answers", "signature", "address", "channel", "filled_by", "completed_at", "file", "sha256"),
)  # what is written when a form is completed

ARCHIVED = _("This form is archived: nobody is asked for it any more.")
NOT_ASKED_OF_YOU = _("The practice hasn't asked you for this form.")
DONE_ALREADY = _("This form has been completed already.")
NEWER_WORDS = _("The practice has changed this form meanwhile. Please look through it again.")
NOT_COMPLETED = _("This form has not been completed, so there is nothing to withdraw.")


def get_form(*, by: User, form_id: UUID) -> PatientForm:
    """Return the form. Raises NotFound, and Forbidden if its chart is closed to `by`."""
    found: PatientForm = PatientForm.objects.readable_by(by).with_people().get_or_refuse(pk=form_id)
    check_access(by, found.patient)
    return found


# --- Asking -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def ask(*, by: User, patient_id: UUID, template_id: UUID) -> PatientForm:
    """Ask a patient for a form, and return it; the one that was asked for before, if it is still to be filled in.

    Patients ask themselves for what they need before a visit. Raises NotFound, ChartRestricted, Forbidden, and Conflict
    for an archived form."""
    chart = check_access(by, lock_chart(by=by, patient_id=patient_id))  # of parallel calls one asks
    template: FormTemplate = FormTemplate.objects.get_or_refuse(pk=template_id)
    if template.archived_at is not None:
        raise Conflict(ARCHIVED)
    if not by.can(Permission.ASK_FOR_FORMS) and template not in needed_by(chart.pk):
        raise Forbidden(NOT_ASKED_OF_YOU)
    asked = PatientForm.objects.filter(patient=chart, template=template, state=FormState.ASKED).first()
    if asked is not None:
        return get_form(by=by, form_id=asked.pk)
    version = FormVersion.objects.get(template=template, number=template.number)
    form = PatientForm(patient=chart, template=template, version=version, asked_by=by)
    with context.done_by(by):
        form.save()
    return get_form(by=by, form_id=form.pk)


def needed_by(patient_id: UUID) -> list[FormTemplate]:
    """Return the forms that the patient needs before a visit to come and has not completed."""
    now = timezone.now()
    visits = Appointment.objects.filter(patient=patient_id, ends_at__gt=now, status="scheduled").only("patient", "type")
    missing = missing_before(visits)
    found = {template.pk: template for templates in missing.values() for template in templates}
    return sorted(found.values(), key=lambda template: template.name)


def missing_before(visits: Iterable[Appointment]) -> dict[UUID, list[FormTemplate]]:
    """Return what is still to be completed before each of these visits, by the visit's id."""
    visits = list(visits)
    if not visits:
        return {}
    needed = FormTemplate.objects.in_use().exclude(need=FormNeed.OPTIONAL)
    templates = list(needed.prefetch_related("types").order_by("name", "id"))
    if not templates:
        return {}
    completed = PatientForm.objects.filter(
        patient__in={visit.patient_id for visit in visits}, template__in=templates, state=FormState.COMPLETED
    )
    have: set[tuple[UUID, UUID]] = set()
    valid_from = {template.pk: template.valid_from for template in templates}
    for patient_id, template_id, number in completed.values_list("patient_id", "template_id", "version__number"):
        if number >= valid_from[template_id]:
            have.add((patient_id, template_id))
    return {
        visit.pk: [each for each in templates if _is_for(each, visit) and (visit.patient_id, each.pk) not in have]
        for visit in visits
    }


def forms_of(visits: Iterable[Appointment], forms: Iterable[PatientForm]) -> dict[str, Any]:
    """Return what a patient's own page shows of their forms: what they were asked for, what else is needed before these
    visits, and what is completed."""
    asked = [form for form in forms if form.state == FormState.ASKED]
    missing = {template.pk: template for templates in missing_before(visits).values() for template in templates}
    for form in asked:
        missing.pop(form.template_id, None)
    done = [form for form in forms if form.state != FormState.ASKED]
    return {"asked_forms": asked, "needed_forms": list(missing.values()), "done_forms": done}


def _is_for(template: FormTemplate, visit: Appointment) -> bool:
    if template.need == FormNeed.EVERYONE:
        return True
    return any(row.appointment_type_id == visit.type_id for row in template.types.all())


# --- Completing -------------------------------------------------------------------------------------------------------


def complete(
    *,
    by: User,
    form_id: UUID,
    expected: int,
    answers: Mapping[str, str],
    name: str = "",
    strokes: Any = None,
    channel: FormChannel | None = None,
) -> PatientForm:
    """Keep the answers and the signature, and the PDF of them with its hash. `expected` is the number of the version
    that was answered; `by` is who filled it in, or handed over the tablet. Not a single transaction: see `keep_made`.

    Raises NotFound, ChartRestricted, Incomplete, Conflict for a form that is completed or was changed meanwhile,
    QuotaExceeded and StorageUnavailable."""
    form = get_form(by=by, form_id=form_id)
    _check_open(form, expected)
    form.answers, form.signature = checked_answers(form.version, answers, name=name, strokes=strokes)
    form.channel = channel or (FormChannel.STAFF if by.can(Permission.ASK_FOR_FORMS) else FormChannel.PATIENT)
    form.address, form.completed_at = context.current().address or None, timezone.now()
    printed = form_pdf(form, practice=current_practice(), by=by)
    form.sha256, form.filled_by, form.state = hashlib.sha256(printed).hexdigest(), by, FormState.COMPLETED
    with context.done_by(by):
        keep_made(
            by=by,
            patient_id=form.patient_id,
            name=_file_name(form),
            content=printed,
            then=lambda file: _finish(form, file, expected),
        )
    return get_form(by=by, form_id=form.pk)


def _check_open(form: PatientForm, expected: int) -> None:
    if form.state != FormState.ASKED:
        raise Conflict(DONE_ALREADY)
    if form.version.number != expected:
        raise Conflict(NEWER_WORDS)


def _finish(form: PatientForm, file: Attachment, expected: int) -> None:
    """Of parallel attempts one completes the form."""
    locked: PatientForm = _locked(form.pk)
    _check_open(locked, expected)
    form.file = file
    form.save(update_fields={*COMPLETED, "updated_at"})
    FormCode.objects.filter(form_id=form.pk).delete()
    log.record_about(AuditEvent.FORM_COMPLETED, form, channel=form.channel, version=expected, sha256=form.sha256)


def _locked(form_id: UUID) -> PatientForm:
    rows = PatientForm.objects.select_for_update(of=("self",)).select_related("version")
    found: PatientForm = rows.get_or_refuse(pk=form_id)
    return found


def _file_name(form: PatientForm) -> str:
    day = timezone.localdate(form.completed_at, current_practice().tzinfo)
    name = f"{form.version.content['name']} {day:%Y-%m-%d}"
    return f"{name[: MAX_NAME_LENGTH - 4]}.pdf"


# --- On a tablet ------------------------------------------------------------------------------------------------------


@transaction.atomic
def hand_over(*, by: User, form_id: UUID) -> tuple[str, datetime]:
    """Return a code that opens the form once on a tablet that nobody is signed in on, and until when. An earlier one of
    the form no longer works. Raises NotFound, ChartRestricted, and Conflict for a form that is completed."""
    patient_id = get_form(by=by, form_id=form_id).patient_id
    check_access(by, lock_chart(by=by, patient_id=patient_id))
    form = get_form(by=by, form_id=form_id)
    if form.state != FormState.ASKED:
        raise Conflict(DONE_ALREADY)
    now = timezone.now()
    FormCode.objects.filter(expires_at__lte=now).delete()
    FormCode.objects.filter(form_id=form.pk).delete()
    code, ends = random_code(CODE_LENGTH), now + CODE_LASTS
    FormCode(
        fingerprint=form_code_fingerprint(code),
        practice_id=current_practice_id(),
        form_id=form.pk,
        handed_by_id=by.pk,
        expires_at=ends,
    ).save(force_insert=True)
    with context.done_by(by):
        log.record_about(AuditEvent.FORM_HANDED_OVER, form)
    return code, ends


# --- Afterwards -------------------------------------------------------------------------------------------------------


@transaction.atomic
def withdraw(*, by: User, form_id: UUID, reason: str = "") -> PatientForm:
    """Record that the patient has taken back what they signed; the signed file stays. Raises NotFound, ChartRestricted,
    and Conflict for a form that is not completed, or was withdrawn before."""
    patient_id = get_form(by=by, form_id=form_id).patient_id
    check_access(by, lock_chart(by=by, patient_id=patient_id))
    form: PatientForm = PatientForm.objects.select_for_update(of=("self",)).get_or_refuse(pk=form_id)
    if form.state != FormState.COMPLETED:
        raise Conflict(NOT_COMPLETED)
    form.state, form.withdrawn_at, form.withdrawn_by = FormState.WITHDRAWN, timezone.now(), by
    form.withdrawal_reason = reason
    with context.done_by(by):
        form.save()
        log.record_about(AuditEvent.FORM_WITHDRAWN, form)
    return get_form(by=by, form_id=form.pk)


def describe_needed(templates: Iterable[FormTemplate]) -> str:
    """Return `To be signed or filled in: Consent to treatment, Intake`; nothing if nothing is missing."""
    names = ", ".join(template.name for template in templates)
    return gettext("Forms missing: %(names)s") % {"names": names} if names else ""
