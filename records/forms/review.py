"""Taking answers over into the chart: only after a person has looked, field by field."""

from collections.abc import Collection
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context, log
from audit.events import AuditEvent
from core.encryption.fields import is_unreadable
from core.errors import Conflict, Invalid
from core.formats import format_day
from core.permissions import Permission
from patients.allergies import means_none_known
from patients.models import Patient
from patients.restriction.services import check_access
from patients.services import CLINICAL_FIELDS, lock_chart, update_chart
from records.form_templates.content import COLUMNS, Fills
from records.forms.services import get_form
from records.models import PatientForm
from records.models.patient_form import FormState

ADDED_TO = {Fills.ALLERGIES, Fills.MEDICAL_HISTORY}  # an answer never takes a line away from these

NOTHING_TO_REVIEW = _("This form has not been completed. Look again once the patient has sent it.")
NOT_ANSWERED = _("The form has no answer for this field of the chart.")


class Difference(NamedTuple):
    """An answer that the chart does not have. `after` is what the chart would say."""

    fills: Fills
    before: Any
    after: Any
    may_accept: bool

    @property
    def label(self) -> str:
        return str(self.fills.label)

    @property
    def shown_before(self) -> str:
        return format_day(self.before) if isinstance(self.before, date) else str(self.before or "")

    @property
    def shown_after(self) -> str:
        return format_day(self.after) if isinstance(self.after, date) else str(self.after)


def may_hold_news(form: PatientForm) -> bool:
    """Return whether somebody should look at the answers: nobody has yet, and some belong into the chart."""
    if form.state != FormState.COMPLETED or form.reviewed_at is not None:
        return False
    return any(question["fills"] and form.answers.get(question["key"]) for question in form.version.questions)


def differences(*, by: User, form: PatientForm, chart: Patient) -> list[Difference]:
    """Return the answers that the chart does not have, in the form's order."""
    found = []
    for question in form.version.questions:
        answer = form.answers.get(question["key"], "")
        if not question["fills"] or not answer:
            continue
        fills = Fills(question["fills"])
        before = getattr(chart, COLUMNS[fills])
        after = _after(fills, before, answer)
        if after != before:
            found.append(Difference(fills, before, after, _may_write(by, chart, COLUMNS[fills])))
    return found


def _after(fills: Fills, before: Any, answer: str) -> Any:
    if fills == Fills.DATE_OF_BIRTH:
        return date.fromisoformat(answer)
    if fills not in ADDED_TO:
        return ", ".join(answer.splitlines())  # these fields of the chart have one line
    kept = [] if means_none_known(before) else before.splitlines()
    if kept and fills == Fills.ALLERGIES and means_none_known(answer):
        return before  # somebody has to ask
    known = {line.strip().casefold() for line in kept}
    new = [line.strip() for line in answer.splitlines() if line.strip() and line.strip().casefold() not in known]
    return "\n".join([*kept, *new]) if new else before


def _may_write(by: User, chart: Patient, column: str) -> bool:
    if is_unreadable(chart, column):
        return False
    return by.can(Permission.WRITE_CHARTS) or (by.can(Permission.WRITE_CLINICAL_FIELDS) and column in CLINICAL_FIELDS)


@transaction.atomic
def review(*, by: User, form_id: UUID, expected: int, accept: Collection[str]) -> PatientForm:
    """Write the accepted answers into the chart, and keep who has looked. `expected` is the version of the chart that
    they were compared with. Raises NotFound, ChartRestricted, Forbidden for what is not theirs to change, StaleVersion,
    Invalid, and Conflict for a form that is not completed."""
    patient_id = get_form(by=by, form_id=form_id).patient_id
    chart = check_access(by, lock_chart(by=by, patient_id=patient_id))
    form = get_form(by=by, form_id=form_id)
    if form.state == FormState.ASKED:
        raise Conflict(NOTHING_TO_REVIEW)
    news = {each.fills: each for each in differences(by=by, form=form, chart=chart)}
    for fills in accept:
        if fills not in news:
            raise Invalid("accept", NOT_ANSWERED)
    changes = {COLUMNS[fills]: each.after for fills, each in news.items() if fills in accept}
    update_chart(patient=chart, by=by, expected=expected, **changes)
    form.reviewed_at, form.reviewed_by = timezone.now(), by
    with context.done_by(by):
        form.save(update_fields={"reviewed_at", "reviewed_by", "updated_at"})
        log.record_about(AuditEvent.FORM_REVIEWED, form, fields=sorted(changes))
    return get_form(by=by, form_id=form.pk)
