"""The page of NPI, taxonomy and tax id of the practice and of each doctor."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from accounts.models import User
from billing.claims import services
from billing.codes import validate_npi, validate_tax_id, validate_taxonomy
from billing.models import ProviderIdentity
from core.admin.access_log import log_page_refusal
from core.errors import Invalid
from core.forms import CheckedForm
from core.pages import WorkPage
from core.permissions import Permission


class IdentityForm(CheckedForm):
    doctor = forms.UUIDField(required=False)
    npi = forms.CharField(required=False, max_length=10, validators=[validate_npi])
    taxonomy = forms.CharField(required=False, max_length=10, validators=[validate_taxonomy])
    tax_id = forms.CharField(required=False, max_length=11, validators=[validate_tax_id])


class IdentitiesPage(WorkPage):
    """One form for the practice and one for each doctor; each is saved by itself."""

    needs = Permission.MANAGE_BILLING
    about = ProviderIdentity._meta.label

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show()

    def show(self, mistake: str = "", typed: str | None = None) -> HttpResponse:
        self.read([])
        known = {row.doctor_id: row for row in ProviderIdentity.objects.all()}
        people: list[tuple[UUID | None, str]] = [(None, str(self.request.practice.name))]
        people += [(doctor.pk, doctor.name) for doctor in User.objects.doctors().order_by("pk")]
        rows = [
            {"doctor": pk, "name": name, "number": number}
            | {"values": self._values(known.get(pk), typed == str(pk or ""))}
            for number, (pk, name) in enumerate(people)
        ]
        context = {"rows": rows, "mistake": mistake}
        return render(self.request, "billing/claims/identities.html", context, status=400 if mistake else 200)

    def _values(self, row: ProviderIdentity | None, is_typed: bool) -> dict[str, Any]:
        names = ("npi", "taxonomy", "tax_id")
        if is_typed:
            return {name: self.request.POST.get(name, "") for name in names}
        return {name: getattr(row, name, "") for name in names}

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            given = IdentityForm(request.POST).validated_data
            services.set_identity(by=self.user, doctor_id=given.pop("doctor"), **given)
        except Invalid as invalid:
            log_page_refusal(request, invalid)
            return self.show(invalid.message, request.POST.get("doctor", ""))
        self.done(gettext("Identifiers saved."))
        return redirect("billing-identities")
