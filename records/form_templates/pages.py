"""The pages on which an office manager keeps the practice's forms and consents.

Questions are added, moved and removed by buttons of the form, each of which sends all that was typed, so the page needs
no script."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments.models import AppointmentType
from core.admin.access_log import shows_no_patient
from core.admin.base import add_refusal
from core.errors import Refusal
from core.pages import WorkPage
from core.permissions import Permission
from core.texts import READABLE, validate_line
from records.form_templates import services
from records.form_templates.content import MAX_HINT, MAX_OPTION, MAX_STATEMENT, MOST_OPTIONS, MOST_QUESTIONS, Fills
from records.form_templates.serializers import MAX_INTRO
from records.models import FormTemplate
from records.models.patient_form import FieldKind, FormNeed


class TemplatePage(WorkPage):
    needs = Permission.KEEP_FORM_TEMPLATES

    @shows_no_patient("what forms ask, of no patient")
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().dispatch(request, *args, **kwargs)


class Templates(TemplatePage):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        templates = list(FormTemplate.objects.prefetch_related("types__appointment_type"))
        in_use = [(each, _described(each)) for each in templates if each.archived_at is None]
        archived = [each for each in templates if each.archived_at is not None]
        return render(request, "records/form_templates/list.html", {"in_use": in_use, "archived": archived})


def _described(template: FormTemplate) -> str:
    if template.need != FormNeed.TYPES:
        return str(template.get_need_display())
    names = ", ".join(sorted(row.appointment_type.name for row in template.types.all()))
    return gettext("Before visits of these types: %(types)s") % {"types": names}


class TemplateForm(forms.Form):
    name = forms.CharField(max_length=100, validators=[validate_line], label=_("Name"))
    intro = forms.CharField(
        max_length=MAX_INTRO,
        required=False,
        validators=READABLE,
        label=_("Text above the questions"),
        widget=forms.Textarea({"rows": 5}),
    )
    need = forms.ChoiceField(choices=FormNeed.choices, label=_("Needed"), initial=FormNeed.OPTIONAL)
    types: "forms.ModelMultipleChoiceField[AppointmentType]" = forms.ModelMultipleChoiceField(
        None, required=False, label=_("Types of visits"), widget=forms.CheckboxSelectMultiple
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    sign_again = forms.BooleanField(required=False, label=_("Everybody has to fill it in again"))

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["types"].queryset = AppointmentType.objects.filter(is_active=True)  # type: ignore[attr-defined]
        if is_new:
            del self.fields["sign_again"]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("need") == FormNeed.TYPES and not given.get("types"):
            self.add_error("types", gettext("Choose at least one type of visit."))
        return given


class QuestionForm(forms.Form):
    kind = forms.ChoiceField(choices=FieldKind.choices, label=_("Kind"))
    label = forms.CharField(
        max_length=MAX_STATEMENT,
        required=False,
        validators=READABLE,
        label=_("Question or text"),
        widget=forms.Textarea({"rows": 2}),
    )
    hint = forms.CharField(max_length=MAX_HINT, required=False, validators=READABLE, label=_("Hint below it"))
    options = forms.CharField(
        max_length=MOST_OPTIONS * MAX_OPTION,
        required=False,
        validators=READABLE,
        label=_("Answers to choose from, one on each line"),
        widget=forms.Textarea({"rows": 3}),
    )
    fills = forms.ChoiceField(
        choices=[("", _("Nothing")), *Fills.choices], required=False, label=_("Can be taken over into the chart as")
    )
    required = forms.BooleanField(required=False, label=_("Has to be answered"))


Questions = forms.formset_factory(QuestionForm, extra=0, max_num=MOST_QUESTIONS, absolute_max=MOST_QUESTIONS)
STARTS_WITH = (
    {"kind": FieldKind.STATEMENT, "label": ""},
    {"kind": FieldKind.SIGNATURE, "label": _("Signature"), "required": True},
)


class EditTemplate(TemplatePage):
    def get(self, request: HttpRequest, template_id: UUID | None = None) -> HttpResponse:
        template = self._find(template_id)
        if template is None:
            return self._page(TemplateForm(is_new=True), Questions(initial=STARTS_WITH, prefix="q"), None)
        content = services.newest_version(template).content
        initial = {
            "name": content["name"],
            "intro": content["intro"],
            "need": template.need,
            "types": [row.appointment_type_id for row in template.types.all()],
            "version": template.number,
        }
        questions = [{**each, "options": "\n".join(each["options"])} for each in content["questions"]]
        form = TemplateForm(initial=initial, is_new=False)
        return self._page(form, Questions(initial=questions, prefix="q"), template)

    def post(self, request: HttpRequest, template_id: UUID | None = None) -> HttpResponse:
        template = self._find(template_id)
        form, questions = TemplateForm(request.POST, is_new=template is None), Questions(request.POST, prefix="q")
        does = request.POST.get("do", "save")
        if does != "save":
            form.errors.clear()  # nobody has finished yet
            return self._page(form, self._rearranged(questions, does), template)
        if not (form.is_valid() and questions.is_valid()):
            return self._page(form, questions, template)
        try:
            saved = self._save(form.cleaned_data, questions, template)
        except Refusal as refusal:
            add_refusal(form, refusal)
            return self._page(form, questions, template)
        said = {"form": saved.name, "number": saved.number}
        messages.success(request, gettext("Saved: %(form)s, version %(number)d.") % said)
        return redirect("form-templates")

    def _find(self, template_id: UUID | None) -> FormTemplate | None:
        found: FormTemplate | None = FormTemplate.objects.get_or_refuse(pk=template_id) if template_id else None
        return found

    def _save(self, given: dict[str, Any], questions: Any, template: FormTemplate | None) -> FormTemplate:
        values = {
            "name": given["name"],
            "intro": given["intro"],
            "need": given["need"],
            "type_ids": [kind.pk for kind in given["types"]] if given["need"] == FormNeed.TYPES else [],
            "questions": [
                {**each.cleaned_data, "options": each.cleaned_data["options"].splitlines()} for each in questions
            ],
        }
        if template is None:
            return services.create_template(by=self.user, **values)
        return services.change_template(
            by=self.user,
            template_id=template.pk,
            expected=given["version"] or 0,
            sign_again=given["sign_again"],
            **values,
        )

    def _rearranged(self, questions: Any, does: str) -> Any:
        """Return the questions as typed, after one was added, removed or moved: `add`, `remove-2`, `up-2`."""
        names = QuestionForm.base_fields
        typed = [{name: each[name].value() for name in names} for each in questions.forms]
        what, _separator, number = does.partition("-")
        at = int(number) if number.isdecimal() else -1
        if what == "add":
            typed.append({"kind": FieldKind.TEXT})
        elif what == "remove" and 0 <= at < len(typed):
            del typed[at]
        elif what == "up" and 0 < at < len(typed):
            typed[at - 1], typed[at] = typed[at], typed[at - 1]
        return Questions(initial=typed, prefix="q")

    def _page(self, form: Any, questions: Any, template: FormTemplate | None) -> HttpResponse:
        context = {
            "form": form,
            "questions": questions,
            "template": template,
            "title": gettext("Change a form") if template else gettext("New form"),
        }
        return render(self.request, "records/form_templates/form.html", context)


class Archive(TemplatePage):
    """Archive a form, or use it again."""

    def get(self, request: HttpRequest, template_id: UUID) -> HttpResponse:
        return redirect("form-template-edit", template_id)

    def post(self, request: HttpRequest, template_id: UUID) -> HttpResponse:
        template: FormTemplate = FormTemplate.objects.get_or_refuse(pk=template_id)
        archived = template.archived_at is None
        services.change_template(by=self.user, template_id=template_id, expected=template.number, archived=archived)
        said = gettext("Archived: %(form)s.") if archived else gettext("In use again: %(form)s.")
        messages.success(request, said % {"form": template.name})
        return redirect("form-templates")
