"""The pages of the price list."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments.models import AppointmentType
from billing.models import Service
from billing.money import to_decimal
from billing.prices import services
from core.admin.access_log import shows_no_patient
from core.admin.base import add_refusal
from core.errors import Refusal
from core.pages import WorkPage
from core.permissions import Permission
from core.texts import validate_line


class ServiceForm(forms.Form):
    code = forms.CharField(max_length=20, validators=[validate_line], label=_("Code"))
    name = forms.CharField(max_length=200, validators=[validate_line], label=_("Name"))
    price = forms.DecimalField(min_value=0, max_digits=13, decimal_places=4, label=_("Price"))
    tax_rate = forms.DecimalField(
        min_value=0, max_value=99, max_digits=5, decimal_places=3, initial=0, label=_("Tax rate (percent)")
    )
    tax_included = forms.BooleanField(required=False, label=_("The price includes the tax"))
    is_active = forms.BooleanField(required=False, initial=True, label=_("Offered"))
    appointment_type_ids: "forms.ModelMultipleChoiceField[AppointmentType]" = forms.ModelMultipleChoiceField(
        None,  # of the practice, which is not known yet
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Visits of these types bring it to an invoice"),
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    form_field_names = {"taxRate": "tax_rate", "appointmentTypeIds": "appointment_type_ids"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["appointment_type_ids"].queryset = AppointmentType.objects.all()  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        given.pop("version")
        return {**given, "appointment_type_ids": [kind.pk for kind in given["appointment_type_ids"]]}


class PriceListPage(WorkPage):
    http_method_names = ["get", "head"]
    needs = Permission.READ_BILLING

    @shows_no_patient("what the practice bills for")
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        context = {"services": services.listed(), "may_bill": self.user.can(Permission.MANAGE_BILLING)}
        return render(request, "billing/prices.html", context)


class EditService(WorkPage):
    needs = Permission.MANAGE_BILLING

    @shows_no_patient("what the practice bills for")
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, service_id: UUID | None = None) -> HttpResponse:
        service = services.get_service(service_id) if service_id else None
        return self.show(ServiceForm(initial=_initial(service) if service else None), service)

    def show(self, form: ServiceForm, service: Service | None) -> HttpResponse:
        context = {"form": form, "service": service, "prices": service.prices.all() if service else []}
        return render(self.request, "billing/service.html", context, status=400 if form.errors else 200)

    def post(self, request: HttpRequest, service_id: UUID | None = None) -> HttpResponse:
        form = ServiceForm(request.POST)
        service = services.get_service(service_id) if service_id else None
        if not form.is_valid():
            return self.show(form, service)
        try:
            if service:
                version = form.cleaned_data["version"]
                services.change_service(by=self.user, service_id=service.pk, expected=version, **form.values())
            else:
                services.add_service(by=self.user, **form.values())
        except Refusal as refusal:
            add_refusal(form, refusal)
            return self.show(form, service)
        self.done(gettext("Saved: %(service)s.") % {"service": form.cleaned_data["name"]})
        return redirect("billing-prices")


def _initial(service: Service) -> dict[str, Any]:
    names = ("code", "name", "tax_rate", "tax_included", "is_active", "version")
    return {
        **{name: getattr(service, name) for name in names},
        "price": to_decimal(service.price, service.currency),
        "appointment_type_ids": [link.appointment_type_id for link in service.of_types.all()],
    }
