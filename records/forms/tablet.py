"""A form on a tablet that nobody is signed in on: what a code opens, until it is used."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import log
from audit.events import AuditEvent, Outcome
from core.codes import normalise_code
from core.encryption.blind_index import form_code_fingerprint
from core.errors import NotFound
from core.tenancy.scope import installation_scope, practice_scope
from records.forms import services
from records.models import FormCode, PatientForm
from records.models.patient_form import FormChannel, FormState

UNUSABLE = _("This code doesn't work, or not any more. Please ask at the front desk for a new one.")
PER_HOUR = 300  # tries from one address: of 31 ** 8 codes, of which a handful work


class CodeUnusable(NotFound):
    """404: made up, used, expired, or replaced by a newer one."""

    def __init__(self) -> None:
        super().__init__(UNUSABLE)


@contextmanager
def opened(code: str) -> Iterator[tuple[PatientForm, User]]:
    """Open the practice's scope, with the form of the code and who handed it over. Raises CodeUnusable, which is
    logged."""
    with installation_scope():
        found = FormCode.objects.filter(fingerprint=form_code_fingerprint(normalise_code(code))).first()
    if found is None or found.expires_at <= timezone.now():
        raise _refused(found.practice_id if found else None)
    with practice_scope(found.practice_id):
        person = User.objects.filter(pk=found.handed_by_id, is_active=True).first()
        form = PatientForm.objects.with_people().filter(pk=found.form_id, state=FormState.ASKED).first()
        if person is None or form is None:
            raise _refused(found.practice_id)
        yield form, person


@installation_scope()
def _refused(practice_id: UUID | None) -> CodeUnusable:
    log.record(AuditEvent.FORM_CODE_REFUSED, practice_id=practice_id, outcome=Outcome.FAILED)
    return CodeUnusable()


def read(code: str) -> tuple[PatientForm, Any]:
    """Return the form of a code and its practice, and log that it was opened. Raises CodeUnusable, and Forbidden where
    who handed it over may no longer open the chart."""
    with opened(code) as (form, person):
        form = services.get_form(by=person, form_id=form.pk)
        log.record_about(AuditEvent.FORM_OPENED, form, handed_over_by=str(person.pk))
        return form, person


def complete(code: str, *, expected: int, answers: dict[str, str], name: str, strokes: Any) -> None:
    """Complete the form of a code, which is used up by that. Raises CodeUnusable, and what `services.complete`
    raises."""
    with opened(code) as (form, person):
        services.complete(
            by=person,
            form_id=form.pk,
            expected=expected,
            answers=answers,
            name=name,
            strokes=strokes,
            channel=FormChannel.TABLET,
        )


def first_name(form: PatientForm) -> str:
    return form.patient.name.split()[0]
