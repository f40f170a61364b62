"""The pages on which letter templates are kept."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from core.texts import READABLE, validate_line
from records.letters.fields import FIELDS, unknown_fields
from records.letters.serializers import UNKNOWN
from records.models import LetterTemplate
from records.models.letter_template import MAX_LETTER_LENGTH
from records.note_templates.pages import AidForm, AidPage, EditAid, RemoveAid


def validate_fields(text: str) -> None:
    if unknown := unknown_fields(text):
        raise ValidationError(UNKNOWN % {"fields": ", ".join(f"{{{name}}}" for name in unknown)})


class LetterTemplateForm(AidForm):
    name = forms.CharField(max_length=100, validators=[validate_line], label=_("Name"))
    title = forms.CharField(
        max_length=200, validators=[validate_line, validate_fields], label=_("Title, as it is printed")
    )
    text = forms.CharField(
        max_length=MAX_LETTER_LENGTH,
        strip=False,
        validators=[*READABLE, validate_fields],
        label=_("Text"),
        widget=forms.Textarea({"rows": 14}),
    )
    field_order = ("name", "title", "text", "shared")

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {"name": given["name"], "title": given["title"], "text": given["text"].replace("\r\n", "\n")}


class LetterTemplatesPage(AidPage):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        templates = LetterTemplate.objects.visible_to(self.user)
        return render(request, "records/letters/templates.html", {"templates": templates})


class EditLetterTemplate(EditAid):
    model, form = LetterTemplate, LetterTemplateForm
    titles, removal = (_("New letter template"), _("Letter template")), "letter-template-remove"
    template, home = "records/letters/template.html", "letter-templates"

    def initial(self, aid: LetterTemplate) -> dict[str, Any]:
        return {"version": aid.version, "name": aid.name, "title": aid.title, "text": aid.text}

    def more(self) -> dict[str, Any]:
        return {"fields": [(name, field.label) for name, field in FIELDS.items()]}


class RemoveLetterTemplate(RemoveAid):
    model, home = LetterTemplate, "letter-templates"
