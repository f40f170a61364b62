"""The pages on which notes are written and read. What they save goes through the services that the API calls."""

from typing import Any, NamedTuple
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment
from audit.events import AuditEvent
from core.admin.access_log import shows_no_patient
from core.encryption.fields import is_unreadable
from core.errors import NotFound, Refusal, Sentence, StaleVersion
from core.forms import CheckedForm, as_uuid
from core.pages import WorkPage
from core.permissions import Permission
from core.texts import has_visible
from patients.allergies import allergies_of
from patients.models import Patient
from patients.restriction.services import check_access
from records.body_charts.drawing import drawings_with
from records.models import NoteTemplate, Phrase, SessionNote
from records.models.note import SECTIONS, NoteStatus
from records.models.plan import GoalStatus
from records.note_templates.services import template_for
from records.notes import services as notes
from records.notes.pdf import note_pdf
from records.notes.sent import body_of, checked, conflict_answer, refused_answer, says_the_same, stored_answer
from records.notes.serializers import NoteAmendment, NoteChange, SessionNoteInput
from records.plans.progress import plan_of, plans_beside
from records.versions import services as versions
from records.versions.labels import field_label
from records.versions.word_diff import ComparedSection, compare_versions

SIGNED_OUT = _("You've been signed out.")
WRITER = "Praxis-Writer"  # header: whose text the page holds


class Section(NamedTuple):
    name: str
    label: str
    text: str
    last: str
    prompt: str = ""
    is_damaged: bool = False


class NotePage(WorkPage):
    needs = Permission.READ_RECORDS
    about = SessionNote._meta.label

    def get_note(self, note_id: UUID) -> SessionNote:
        return versions.get_entry(SessionNote, by=self.user, pk=note_id)

    def read_notes(self, *rows: Any, about_id: UUID | None = None) -> None:
        self.read(rows, kind=AuditEvent.NOTE_READ, about_id=about_id)

    def page(self, template: str, note: SessionNote, **shown: Any) -> HttpResponse:
        chart = note.patient
        if chart.get_deferred_fields():
            chart.refresh_from_db(fields=["date_of_birth", "allergies"])
        context = {
            "note": note,
            "chart": chart,
            "drawings": drawings_with(note, by=self.user),
            "allergies": allergies_of(chart),
            "age": chart.age_on(self.request.practice.today()),
            "is_author": versions.may_write_for(self.user, note.doctor) and self.user.can(Permission.WRITE_RECORDS),
            **shown,
        }
        return render(self.request, f"records/notes/{template}.html", context)


class Editor(NotePage):
    """The four sections beside those of the patient's last finalised note."""

    def editor(self, note: SessionNote, *, save: str, texts: Any = None, amends: bool = False) -> HttpResponse:
        last = last_finalised(self.user, note)
        shown = [each for each in (note if note.version else None, last) if each is not None]
        if shown:
            self.read_notes(*shown, about_id=shown[0].pk)
        else:
            self.read([note.patient], about=Patient._meta.label)
        templates = [] if amends else list(NoteTemplate.objects.visible_to(self.user))
        usual = template_for(note, templates)
        beside = plans_beside(note, by=self.user)
        return self.page(
            "editor",
            note,
            save=save,
            sections=[_section(note, name, last, texts, usual) for name in SECTIONS],
            templates=[(each, _parts(each)) for each in templates],
            usual=usual,
            phrases=Phrase.objects.visible_to(self.user),
            last=last,
            amends=amends,
            beside=beside,
            plan_id=note.plan_of_care_id or (None if note.version else plan_of(note, beside)),
            goal_statuses=GoalStatus.choices,
            writer=self.user.pk,
            local_date=timezone.localtime(note.date).isoformat(timespec="minutes")[:16],
        )


def _section(note: SessionNote, name: str, last: SessionNote | None, texts: Any, usual: NoteTemplate | None) -> Section:
    given = (texts or {}).get(name)
    text = getattr(note, name) if given is None else given.replace("\r\n", "\n")
    prompt = ""
    if usual:
        prompt = usual.prompts.get(name) or ""
        text = text if note.version else usual.texts.get(name) or ""
    is_damaged = bool(note.version) and is_unreadable(note, name)
    return Section(name, field_label(name), text, getattr(last, name) if last else "", prompt, is_damaged)


def _parts(template: NoteTemplate) -> list[tuple[str, str, str]]:
    """Return the name, the text and the prompt of each section."""
    return [(name, template.texts.get(name) or "", template.prompts.get(name) or "") for name in SECTIONS]


class NewNote(Editor):
    """A note that is stored with the first word of it; where this doctor has begun one already, that one."""

    needs = Permission.WRITE_RECORDS

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        chart = Patient.objects.visible_to(self.user).get_or_refuse(pk=patient_id)
        check_access(self.user, chart)
        visit = self._visit(request, patient_id)
        visit_id = visit.pk if visit else None
        begun = notes.find_begun(by=self.user, patient_id=patient_id, appointment_id=visit_id)
        if begun is not None:
            return redirect("note-edit", begun.pk)
        note = SessionNote(patient=chart, doctor=self.user, appointment=visit, version=0)
        if visit is not None:
            note.date = min(visit.starts_at, note.date)
            note.duration_minutes = visit.minutes
        return self.editor(note, save=reverse("note-save-new", args=[patient_id]))

    def _visit(self, request: HttpRequest, patient_id: UUID) -> Appointment | None:
        if "visit" not in request.GET:
            return None
        visits = Appointment.objects.visible_to(self.user).filter(patient=patient_id)
        visit: Appointment = visits.get_or_refuse(pk=as_uuid(request.GET["visit"]))
        return visit


class EditNote(Editor):
    """One's own draft to write on; any other note to read."""

    def get(self, request: HttpRequest, note_id: UUID) -> HttpResponse:
        note = self.get_note(note_id)
        if note.status == NoteStatus.DRAFT and note.doctor_id == self.user.pk:
            return self.editor(note, save=reverse("note-save", args=[note.pk]))
        self.read_notes(note, about_id=note.pk)
        return self.page("note", note, sections=_sections_of(note), kept=note.versions.count())


class VersionForm(CheckedForm):
    version = forms.IntegerField(
        min_value=1, error_messages=dict.fromkeys(("required", "invalid", "min_value"), _("Open the note again."))
    )


class ReviewNote(NotePage):
    """The second look: the note as it will be, and the button that finalises it."""

    needs = Permission.WRITE_RECORDS

    def get(self, request: HttpRequest, note_id: UUID, error: Sentence = "") -> HttpResponse:
        note = self.get_note(note_id)
        if note.status != NoteStatus.DRAFT:
            return redirect("note-edit", note.pk)
        self.read_notes(note, about_id=note.pk)
        sections = _sections_of(note)
        missing = [section.label for section in sections if not has_visible(section.text)]
        return self.page(
            "review", note, sections=sections, missing=missing, is_empty=len(missing) == len(SECTIONS), error=error
        )

    def post(self, request: HttpRequest, note_id: UUID) -> HttpResponse:
        version = VersionForm(request.POST).validated_data["version"]
        try:
            notes.finalise(by=self.user, note_id=note_id, expected=version)
        except StaleVersion as stale:
            if stale.extra["current"]["status"] == NoteStatus.DRAFT:
                return self.get(request, note_id, error=gettext("The note was changed since. Please look again."))
        said = {"patient": self.get_note(note_id).patient.name}
        self.done(gettext("Finalised: the note of %(patient)s.") % said)
        return redirect("note-edit", note_id)


class AmendNote(Editor):
    """The editor of a finalised note. A POST brings the texts of a draft that was finalised in another window."""

    needs = Permission.WRITE_RECORDS

    def get(self, request: HttpRequest, note_id: UUID) -> HttpResponse:
        note = self.get_note(note_id)
        if note.status == NoteStatus.DRAFT:
            return redirect("note-edit", note.pk)
        versions.check_author(self.user, note.doctor, versions.NOT_AUTHOR)
        return self.editor(note, save=reverse("note-save-amendment", args=[note.pk]), texts=request.POST, amends=True)

    post = get


class PrintNote(NotePage):
    """A finalised note as a PDF on the practice's letterhead."""

    def get(self, request: HttpRequest, note_id: UUID) -> HttpResponse:
        note = self.get_note(note_id)
        self.read_notes(note, about_id=note.pk)
        printed = note_pdf(note, practice=self.request.practice, by=self.user)
        headers = {"Content-Disposition": 'attachment; filename="session-note.pdf"'}
        return HttpResponse(printed, content_type="application/pdf", headers=headers)


class NoteVersions(NotePage):
    """What each version changed; or two of them compared, which `from` and `to` name."""

    def get(self, request: HttpRequest, note_id: UUID) -> HttpResponse:
        note = self.get_note(note_id)
        self.read([note], kind=AuditEvent.VERSIONS_READ, about_id=note.pk)
        kept = versions.list_versions(note)
        by_number = {one.version.number: one.version for one in kept}
        first, second = (request.GET.get(name, "") for name in ("from", "to"))
        compared: list[ComparedSection] = []
        if first or second:
            if not {first, second} <= {str(number) for number in by_number}:
                raise NotFound(gettext("Version not found."))
            compared = compare_versions(by_number[int(first)], by_number[int(second)])
        shown = [
            (one.version, compare_versions(one.before, one.version) if one.before else None) for one in reversed(kept)
        ]
        return self.page(
            "versions", note, kept=shown, numbers=sorted(by_number), first=first, second=second, compared=compared
        )


# --- What the editor's script sends ----------------------------------------------------------------------------------

ANSWERS_NO_PATIENT = "answers what was just sent; the change is logged as one, a conflict as the reading of the note"


class SaveNote(NotePage):
    """Answers in JSON. Whose text it is says a header: in another tab somebody else may have signed in since."""

    http_method_names = ["post"]
    needs = Permission.WRITE_RECORDS

    @shows_no_patient(ANSWERS_NO_PATIENT)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not hasattr(request, "practice"):
            return JsonResponse({"detail": SIGNED_OUT}, status=401)
        if request.headers.get(WRITER) != str(request.user.pk):
            said = gettext("%(person)s is signed in here now.") % {"person": request.user.name}  # type: ignore[union-attr]
            return JsonResponse({"detail": said}, status=401)
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, **route: UUID) -> HttpResponse:
        try:
            return stored_answer(self.save(body_of(request), **route))
        except StaleVersion as stale:
            return self._conflict(stale.extra["current"]["id"])
        except Refusal as refusal:
            if refusal.status in (403, 404):
                raise  # for the audit trail
            return refused_answer(refusal)

    def save(self, body: dict[str, Any], **route: UUID) -> dict[str, Any]:
        """Store what was sent and return the note."""
        changes = checked(NoteChange, body)
        expected = changes.pop("version", 0)
        try:
            return _shape(notes.autosave(by=self.user, expected=expected, **route, **changes))
        except StaleVersion as stale:
            return self._sent_again(stale, changes)

    def _sent_again(self, stale: StaleVersion, changes: dict[str, Any]) -> dict[str, Any]:
        current: dict[str, Any] = dict(stale.extra["current"])
        if current["status"] != NoteStatus.DRAFT or not says_the_same(current, changes):
            raise stale
        if changes.keys() <= {*SECTIONS}:
            return current
        return _shape(notes.autosave(by=self.user, note_id=current["id"], expected=current["version"], **changes))

    def _conflict(self, note_id: UUID) -> HttpResponse:
        note = self.get_note(note_id)
        versions.log_event(AuditEvent.NOTE_READ, note)
        return conflict_answer(note)

    def _refusal(self, sentence: str, status: int) -> HttpResponse:
        return JsonResponse({"detail": sentence}, status=status)


class SaveNewNote(SaveNote):
    def save(self, body: dict[str, Any], **route: UUID) -> dict[str, Any]:
        fields = checked(SessionNoteInput, {**body, "patientId": str(route["patient_id"])})
        try:
            return _shape(notes.begin_draft(by=self.user, **fields))
        except StaleVersion as stale:
            return self._sent_again(stale, {name: fields[name] for name in SECTIONS if name in fields})


class SaveAmendment(SaveNote):
    def save(self, body: dict[str, Any], **route: Any) -> dict[str, Any]:
        changes = checked(NoteAmendment, body)
        expected = changes.pop("version", 0)
        try:
            return _shape(notes.amend_note(by=self.user, expected=expected, **route, **changes))
        except StaleVersion as stale:
            current = dict(stale.extra["current"])
            if current["status"] != NoteStatus.AMENDED or not says_the_same(current, changes):
                raise
            return current


# --- Reading ---------------------------------------------------------------------------------------------------------


def _shape(note: SessionNote) -> dict[str, Any]:
    return {"id": note.pk, "version": note.version}


def _sections_of(note: SessionNote) -> list[Section]:
    return [
        Section(name, field_label(name), getattr(note, name), "", "", is_unreadable(note, name)) for name in SECTIONS
    ]


def last_finalised(user: User, note: SessionNote) -> SessionNote | None:
    """Return the patient's last finalised note besides this one."""
    found = SessionNote.objects.visible_to(user).filter(patient=note.patient_id).exclude(status=NoteStatus.DRAFT)
    last: SessionNote | None = found.exclude(pk=note.pk).with_people().latest_first().first()
    return last
