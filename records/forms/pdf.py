"""What was signed, as the PDF that is kept: the words of its version, the answers, and who signed when and whence."""

from io import BytesIO
from typing import Any

from django.utils.translation import gettext

from accounts.models import User
from core.regional import in_practice_time
from practices.models import Practice
from records.forms.answers import HIGH, WIDE, in_words
from records.models import PatientForm
from records.models.patient_form import FieldKind, FormChannel
from records.plans.pdf import patient_label
from records.printing.document import SECTION, Document

SIGNATURE_HEIGHT = 72  # points


@in_practice_time
def form_pdf(form: PatientForm, *, practice: Practice, by: User) -> bytes:
    """Return the PDF of a form whose answers, signature, channel, address and time of completion are set."""
    content, printed = form.version.content, BytesIO()
    about = patient_label(form.patient.name, form.patient.date_of_birth)
    document = Document(printed, title=content["name"], about=about, practice=practice, by=by)
    document.small(gettext("Version %(number)d of this form") % {"number": form.version.number})
    document.gap(SECTION)
    document.field(gettext("Patient"), about)
    if content["intro"]:
        document.gap(SECTION)
        document.text(content["intro"])
    document.gap(SECTION)
    for question in content["questions"]:
        _write(document, question, form.answers)
    document.gap(2 * SECTION)
    _write_signature(document, form)
    document.text(_how(form, by))
    if form.address:
        document.text(gettext("Network address: %(address)s") % {"address": form.address})
    document.close()
    return printed.getvalue()


def _write(document: Document, question: dict[str, Any], answers: dict[str, str]) -> None:
    if question["kind"] == FieldKind.STATEMENT:
        document.gap(SECTION / 2)
        document.text(question["label"])
    elif question["kind"] != FieldKind.SIGNATURE:
        answer = answers.get(question["key"], "")
        document.field(question["label"], in_words(question, answer) or gettext("Not answered"))


def _write_signature(document: Document, form: PatientForm) -> None:
    asked = next((each for each in form.version.questions if each["kind"] == FieldKind.SIGNATURE), None)
    if asked is None:
        return
    document.small(asked["label"])
    name, strokes = form.signature.get("name", ""), form.signature.get("strokes")
    if strokes:
        document.drawing(strokes, plane=(WIDE, HIGH), height=SIGNATURE_HEIGHT)
    said = gettext("Signed by %(person)s, %(moment)s") if strokes else gettext("Signed by name: %(person)s, %(moment)s")
    assert form.completed_at is not None
    moment = document.stamp(form.completed_at)
    document.text(said % {"person": name, "moment": moment} if name else gettext("Not signed"))


def _how(form: PatientForm, by: User) -> str:
    if form.channel == FormChannel.PATIENT:
        return gettext("Filled in by %(person)s, signed in to Praxis") % {"person": by.name}
    if form.channel == FormChannel.TABLET:
        return gettext("Filled in on a device of the practice, which %(person)s handed over") % {"person": by.name}
    return gettext("Filled in for the patient by %(person)s") % {"person": by.name}
