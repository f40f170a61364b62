"""The page of fees for missed visits."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from billing.models import BillingPolicy, Service
from billing.policies import services
from core.forms import CheckedForm
from core.pages import WorkPage
from core.permissions import Permission


class PolicyForm(CheckedForm):
    no_show_fee = forms.UUIDField(required=False)
    late_cancellation_fee = forms.UUIDField(required=False)


class PolicyPage(WorkPage):
    needs = Permission.MANAGE_BILLING
    about = BillingPolicy._meta.label

    def get(self, request: HttpRequest) -> HttpResponse:
        self.read([])
        offered = Service.objects.filter(is_active=True).order_by("code")
        return render(request, "billing/policy.html", {"policy": services.policy(), "services": offered})

    def post(self, request: HttpRequest) -> HttpResponse:
        given = PolicyForm(request.POST).validated_data
        services.set_policy(by=self.user, **{f"{name}_id": value for name, value in given.items()})
        self.done(gettext("Saved: the fees for missed visits."))
        return redirect("billing-policy")
