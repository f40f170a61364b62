"""The practice's consent and intake form: the demo patient has signed the one, and was asked for the other."""

from typing import Any

from accounts.models import User
from appointments.models import AppointmentType
from patients.models import Patient
from records.form_templates.services import create_template
from records.forms.services import ask, complete
from records.models.patient_form import FieldKind, FormChannel, FormNeed

STROKES = [[[80, 260], [160, 90], [230, 280], [330, 120], [420, 260], [560, 170], [760, 220]]]  # drawn with a finger
SIGNATURE = {"kind": FieldKind.SIGNATURE, "label": "Signature", "required": True}
CONSENT: dict[str, Any] = {
    "name": "Consent to treatment",
    "intro": "Please read this before your first treatment, and ask us whatever is not clear to you.",
    "need": FormNeed.TYPES,
    "questions": [
        {"kind": FieldKind.STATEMENT, "label": "Manual treatment can leave you sore for a day or two."},
        {"kind": FieldKind.STATEMENT, "label": "You can stop the treatment at any time, without giving a reason."},
        {"kind": FieldKind.YES_NO, "label": "Do you take blood thinners?", "required": True},
        SIGNATURE,
    ],
}
INTAKE: dict[str, Any] = {
    "name": "New patient intake",
    "intro": "What you tell us here stays between you and the practice.",
    "questions": [
        {"kind": FieldKind.TEXT, "label": "Your phone number", "fills": "phone"},
        {"kind": FieldKind.LONG_TEXT, "label": "Allergies, one on each line", "fills": "allergies"},
        {"kind": FieldKind.DATE, "label": "When did it begin?"},
        {"kind": FieldKind.CHOICE, "label": "How did you find us?", "options": ["A friend", "My doctor", "The web"]},
        SIGNATURE,
    ],
}


def fill(chart: Patient, *, manager: User, desk: User) -> None:
    first_visit = AppointmentType.objects.get(name="First visit")
    consent = create_template(by=manager, type_ids=[first_visit.pk], **CONSENT)
    intake = create_template(by=manager, **INTAKE)
    form = ask(by=desk, patient_id=chart.pk, template_id=consent.pk)
    answers = {question["key"]: "no" for question in form.version.questions if question["kind"] == FieldKind.YES_NO}
    complete(
        by=desk,
        form_id=form.pk,
        expected=1,
        answers=answers,
        name=chart.name,
        strokes=STROKES,
        channel=FormChannel.TABLET,
    )
    ask(by=desk, patient_id=chart.pk, template_id=intake.pk)
