"""The pages on which templates and phrases for notes are kept, exported and imported."""

from typing import Any
from uuid import UUID

import orjson
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from appointments.models import AppointmentType
from core.admin.access_log import shows_no_patient
from core.admin.base import add_refusal
from core.errors import Refusal, StaleVersion
from core.pages import WorkPage
from core.permissions import Permission
from core.texts import READABLE, validate_line
from records.models import NoteTemplate, Phrase
from records.models.note import MAX_SECTION_LENGTH, SECTIONS
from records.models.note_template import MAX_PHRASE_LENGTH, validate_word
from records.note_templates import services
from records.note_templates.serializers import MAX_PROMPT_LENGTH, AidsFile
from records.versions.labels import field_label

NOT_READABLE = _(
    "This is not a file of templates and phrases. Choose one that was saved here with “Export all as a file”."
)


class AidPage(WorkPage):
    needs = Permission.KEEP_NOTE_TEMPLATES

    @shows_no_patient("what notes are begun with, of no patient")
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().dispatch(request, *args, **kwargs)

    @property
    def writes(self) -> bool:
        return self.user.can(Permission.WRITE_RECORDS)


class TemplatesPage(AidPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.listed()

    def listed(self, *, said: str = "", error: str = "") -> HttpResponse:
        templates = NoteTemplate.objects.visible_to(self.user).select_related("appointment_type")
        context = {
            "templates": templates,
            "phrases": Phrase.objects.visible_to(self.user),
            "writes": self.writes,
            "said": said,
            "error": error,
        }
        return render(self.request, "records/note_templates/list.html", context)


class AidForm(forms.Form):
    """`shared` is asked where there is a choice: for something new, of those who write notes."""

    shared = forms.BooleanField(
        required=False, label=_("For everyone in the practice"), help_text=_("Otherwise only you see it.")
    )
    version = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput())
    form_field_names = {"appointmentTypeId": "appointment_type_id"}

    def __init__(self, *args: Any, asks_whose: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not asks_whose:
            del self.fields["shared"]


class TemplateForm(AidForm):
    name = forms.CharField(max_length=100, validators=[validate_line], label=_("Name"))
    appointment_type_id: "forms.ModelChoiceField[AppointmentType]" = forms.ModelChoiceField(
        None,  # of the practice, which is not known yet
        required=False,
        label=_("Use it for visits of this type"),
        empty_label=_("No type: picked by hand"),
    )

    field_order = ("name", "appointment_type_id", "shared")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["appointment_type_id"].queryset = AppointmentType.objects.all()  # type: ignore[attr-defined]
        for name in SECTIONS:
            label = field_label(name)
            self.fields[name] = forms.CharField(
                max_length=MAX_SECTION_LENGTH,
                required=False,
                strip=False,
                validators=READABLE,
                label=label,
                widget=forms.Textarea({"rows": 4}),
            )
            self.fields[f"{name}_prompt"] = forms.CharField(
                max_length=MAX_PROMPT_LENGTH,
                required=False,
                validators=READABLE,
                label=gettext("%(section)s: what to ask while it is empty") % {"section": label},
            )

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        kind = given["appointment_type_id"]
        return {
            "name": given["name"],
            "appointment_type_id": kind and kind.pk,
            "texts": {name: given[name].replace("\r\n", "\n") for name in SECTIONS},
            "prompts": {name: given[f"{name}_prompt"] for name in SECTIONS},
        }


class PhraseForm(AidForm):
    word = forms.CharField(
        max_length=30,
        validators=[validate_line, validate_word],
        label=_("Word"),
        help_text=_("What you type after the slash."),
    )
    text = forms.CharField(
        max_length=MAX_PHRASE_LENGTH,
        strip=False,
        validators=READABLE,
        label=_("Text"),
        widget=forms.Textarea({"rows": 4}),
    )
    field_order = ("word", "text", "shared")

    def values(self) -> dict[str, Any]:
        return {"word": self.cleaned_data["word"], "text": self.cleaned_data["text"].replace("\r\n", "\n")}


class EditAid(AidPage):
    model: Any
    form: type[AidForm]
    titles: tuple[Any, Any]
    removal: str  # the name of the address that removes one
    template, home = "records/note_templates/form.html", "note-templates"

    def get(self, request: HttpRequest, **route: UUID) -> HttpResponse:
        aid = self._find(route)
        return self._page(self.form(initial=self.initial(aid) if aid else {}, asks_whose=self._asks(aid)), aid)

    def post(self, request: HttpRequest, **route: UUID) -> HttpResponse:
        aid = self._find(route)
        form = self.form(request.POST, asks_whose=self._asks(aid))
        if not form.is_valid():
            return self._page(form, aid)
        values: dict[str, Any] = form.values()  # type: ignore[attr-defined]
        try:
            if aid:
                expected = form.cleaned_data["version"]
                services.change_aid(self.model, by=self.user, pk=aid.pk, expected=expected, **values)
            else:
                shared = not self.writes or form.cleaned_data["shared"]
                services.create_aid(self.model, by=self.user, shared=shared, **values)
        except StaleVersion as stale:  # what was typed stays, and may be saved over what the colleague wrote
            add_refusal(form, stale)
            form.data = {**request.POST.dict(), "version": self._find(route).version}
            return self._page(form, aid)
        except Refusal as refusal:
            add_refusal(form, refusal)
            return self._page(form, aid)
        self.done(gettext("Saved: %(name)s.") % {"name": values.get("name") or values["word"]})
        return redirect(self.home)

    def more(self) -> dict[str, Any]:
        """Return what else the page shows."""
        return {}

    def initial(self, aid: Any) -> dict[str, Any]:
        raise NotImplementedError

    def _find(self, route: dict[str, UUID]) -> Any:
        pk = next(iter(route.values()), None)
        return None if pk is None else self.model.objects.visible_to(self.user).get_or_refuse(pk=pk)

    def _asks(self, aid: Any) -> bool:
        return aid is None and self.writes

    def _page(self, form: AidForm, aid: Any) -> HttpResponse:
        context = {
            "form": form,
            "title": self.titles[aid is not None],
            "home": reverse(self.home),
            "removal": reverse(self.removal, args=[aid.pk]) if aid else "",
            **self.more(),
        }
        return render(self.request, self.template, context)


class EditTemplate(EditAid):
    model, form = NoteTemplate, TemplateForm
    titles, removal = (_("New template"), _("Template")), "note-template-remove"

    def initial(self, aid: NoteTemplate) -> dict[str, Any]:
        prompts = {f"{name}_prompt": text for name, text in aid.prompts.items()}
        return {
            "version": aid.version,
            "name": aid.name,
            "appointment_type_id": aid.appointment_type_id,
            **aid.texts,
            **prompts,
        }


class EditPhrase(EditAid):
    model, form = Phrase, PhraseForm
    titles, removal = (_("New phrase"), _("Phrase")), "phrase-remove"

    def initial(self, aid: Phrase) -> dict[str, Any]:
        return {"version": aid.version, "word": aid.word, "text": aid.text}


class RemoveAid(AidPage):
    """Remove it, or with `undo` put it back."""

    http_method_names = ["post"]
    model: Any
    home, kept = "note-templates", _("Notes that were begun with it stay as they are.")

    def post(self, request: HttpRequest, **route: UUID) -> HttpResponse:
        (pk,) = route.values()
        if "undo" in request.POST:
            back = services.put_back_aid(self.model, by=self.user, pk=pk)
            self.done(gettext("Put back: %(name)s.") % {"name": back})
        else:
            removed = services.remove_aid(self.model, by=self.user, pk=pk)
            said = gettext("Removed: %(name)s.") % {"name": removed}
            self.done(f"{said} {self.kept}", undo=request.path)
        return redirect(self.home)


class RemoveTemplate(RemoveAid):
    model = NoteTemplate


class RemovePhrase(RemoveAid):
    model = Phrase


class ExportFile(AidPage):
    """A file of what one sees: the practice's and one's own."""

    def get(self, request: HttpRequest) -> HttpResponse:
        exported = {
            "noteTemplates": [
                {"name": each.name, "texts": each.texts, "prompts": each.prompts}
                for each in NoteTemplate.objects.visible_to(self.user)
            ],
            "phrases": [{"word": each.word, "text": each.text} for each in Phrase.objects.visible_to(self.user)],
        }
        headers = {"Content-Disposition": 'attachment; filename="note-templates.json"'}
        body = orjson.dumps(exported, option=orjson.OPT_INDENT_2)
        return HttpResponse(body, content_type="application/json", headers=headers)


class ImportFile(TemplatesPage):
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        shared = not self.writes or "shared" in request.POST
        try:
            aids = _read(request.FILES.get("file"))
            count = services.import_aids(
                by=self.user, shared=shared, templates=aids["noteTemplates"], phrases=aids["phrases"]
            )
        except (ValidationError, Refusal) as error:
            return self.listed(error=error.detail if isinstance(error, Refusal) else str(error.messages[0]))
        sentence = ngettext(
            "%(number)d template or phrase imported.", "%(number)d templates and phrases imported.", count
        )
        return self.listed(said=sentence % {"number": count})


def _read(file: Any) -> dict[str, Any]:
    """Return what the file holds. Raises ValidationError."""
    try:
        sent = AidsFile(data=orjson.loads(file.read() if file else b""))
    except orjson.JSONDecodeError as error:
        raise ValidationError(NOT_READABLE) from error
    if not sent.is_valid():
        raise ValidationError(NOT_READABLE)
    found: dict[str, Any] = sent.validated_data
    return found
