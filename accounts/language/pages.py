"""The page on which each person chooses their language."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.language import services
from core.admin.access_log import shows_no_patient
from core.languages import offered, speaking
from core.pages import WorkPage
from core.permissions import Permission


class LanguageForm(forms.Form):
    language = forms.ChoiceField(
        label=_("Language of pages and emails"),
        choices=lambda: [("", gettext("The practice's")), *offered()],
        required=False,
    )


class Language(WorkPage):
    needs = Permission.USE_OWN_ACCOUNT

    @shows_no_patient("one's own account")
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page(LanguageForm(initial={"language": self.user.language}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = LanguageForm(request.POST)
        if not form.is_valid():
            return self.page(form)
        user = services.choose_language(by=self.user, language=form.cleaned_data["language"])
        with speaking((user.language, request.practice.language)):  # type: ignore[attr-defined]
            messages.success(request, gettext("Saved: the language of pages and emails."))
        return redirect("language")

    def page(self, form: LanguageForm) -> HttpResponse:
        return render(self.request, "language/choose.html", {"form": form})
