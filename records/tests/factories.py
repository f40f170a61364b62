from datetime import date

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from records.attachments import storage
from records.form_templates.services import create_template
from records.models import (
    Attachment,
    BodyChart,
    ChartEntry,
    Goal,
    LetterTemplate,
    Measure,
    MedicalRecord,
    NoteTemplate,
    PatientForm,
    Phrase,
    PlanOfCare,
    SessionNote,
)
from records.models.attachment import FileState, MediaType
from records.models.note import NoteStatus
from records.versions.services import save_version


class MedicalRecordFactory(DjangoModelFactory):
    """Call within a practice's scope, with `patient` and `doctor`."""

    class Meta:
        model = MedicalRecord

    diagnosis = "Lumbar strain"
    prescription = "Ibuprofen 400 mg"
    notes = "Better with rest"


class NoteFactory(DjangoModelFactory):
    """A draft. Call within a practice's scope, with `patient` and `doctor`."""

    class Meta:
        model = SessionNote

    subjective = "Low back pain for three days"
    objective = "Flexion limited to 40 degrees"
    assessment = "Lumbar strain"
    plan = "Rest, ice, come back in a week"


class FinalisedNoteFactory(NoteFactory):
    """A finalised note with its first version."""

    class Meta:
        skip_postgeneration_save = True

    status = NoteStatus.FINALISED
    finalised_at = factory.LazyFunction(timezone.now)

    @factory.post_generation
    def first_version(note, create, extracted, **kwargs):  # noqa: N805 - factory_boy's way
        save_version(note, by=note.doctor)


class ChartEntryFactory(DjangoModelFactory):
    """A problem. Call within a practice's scope, with `patient` and `doctor`."""

    class Meta:
        model = ChartEntry

    kind = "medication"
    text = "Naproxen"


class MeasureFactory(DjangoModelFactory):
    """Pain. Call within a practice's scope, with `patient` and `doctor`."""

    class Meta:
        model = Measure

    kind = "pain"
    reading = factory.LazyFunction(lambda: {"value": "4", "unit": "of_10"})


class BodyChartFactory(DjangoModelFactory):
    """Call within a practice's scope, with `patient` and `doctor`."""

    class Meta:
        model = BodyChart

    marks = factory.LazyFunction(lambda: {"marks": [{"region": "back.lower_back", "sensation": "pain", "level": 7}]})


class LetterTemplateFactory(DjangoModelFactory):
    """The practice's, without `doctor`. Call within its scope."""

    class Meta:
        model = LetterTemplate

    name = factory.Sequence(lambda number: f"Letter {number}")
    title = "Certificate of attendance"
    text = "{patient}, born {date_of_birth}, was here on {last_visit}."


class NoteTemplateFactory(DjangoModelFactory):
    """The practice's, without `doctor`. Call within its scope."""

    class Meta:
        model = NoteTemplate

    name = factory.Sequence(lambda number: f"Template {number}")
    texts = factory.LazyFunction(lambda: {"objective": "Range of motion: "})
    prompts = factory.LazyFunction(lambda: {"subjective": "Since when, and how strong from 0 to 10?"})


class PhraseFactory(DjangoModelFactory):
    """The practice's, without `doctor`. Call within its scope."""

    class Meta:
        model = Phrase

    word = factory.Sequence(lambda number: f"phrase{number}")
    text = "No known allergies"


class PlanFactory(DjangoModelFactory):
    """Call within a practice's scope, with `patient` and `doctor`."""

    class Meta:
        model = PlanOfCare

    title = "Back to work without pain"
    diagnosis = "Lumbar strain"
    frequency = "Twice a week"
    starts_on = date(2026, 11, 2)


class GoalFactory(DjangoModelFactory):
    """Call with `plan`."""

    class Meta:
        model = Goal

    position = factory.Sequence(lambda number: number)
    text = "Lift ten kilograms"
    measure = "Weight lifted without pain"
    target = "10 kg"


def stored_file(*, patient, uploaded_by, content=b"Bone density: normal", **fields):
    """Store a ready file. Call within a practice's scope."""
    shown = {"name": "findings.txt", "media_type": MediaType.TEXT, "state": FileState.READY, **fields}
    row = Attachment(patient=patient, uploaded_by=uploaded_by, size=len(content), **shown)
    row.storage_name = storage.new_name()
    with storage.new_spool(row) as spool:
        storage.save(row.storage_name, spool.fill([content]))
    row.save(force_insert=True)
    return row


CONSENT = {
    "name": "Consent to treatment",
    "intro": "Please read this before your first visit.",
    "questions": [
        {"kind": "statement", "label": "Treatment can cause soreness."},
        {"kind": "yesNo", "label": "Are you pregnant?", "required": True},
        {"kind": "text", "label": "Your phone number", "fills": "phone"},
        {"kind": "longText", "label": "Allergies, one on each line", "fills": "allergies"},
        {"kind": "choice", "label": "How did you find us?", "options": ["A friend", "The web"]},
        {"kind": "date", "label": "Last X-ray"},
        {"kind": "number", "label": "Height in cm"},
        {"kind": "signature", "label": "Signature", "required": True},
    ],
}


def consent_template(*, by, **fields):
    """A form that the practice asks for. Call within its scope."""
    return create_template(by=by, **{**CONSENT, **fields})


def asked_form(*, patient, by, template=None):
    """A consent that the patient was asked for. Call within the practice's scope."""
    template = template or consent_template(by=by)
    version = template.versions.get(number=template.number)
    return PatientForm.objects.create(patient=patient, template=template, version=version, asked_by=by)


def completed_form(*, patient, by, file, **fields):
    """A consent as it is once it was signed, with any file."""
    form = asked_form(patient=patient, by=by)
    form.state, form.completed_at, form.filled_by, form.file = "completed", timezone.now(), by, file
    form.answers, form.signature = {"f2": "no", "f3": "555 0177"}, {"name": "Paula Jensen"}
    form.channel, form.sha256 = "staff", "0" * 64
    for name, value in fields.items():
        setattr(form, name, value)
    form.save()
    return form
