"""The forms of a chart's admin pages."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.models import User
from core.admin.base import ServiceForm
from core.texts import READABLE
from patients.models import Gender
from patients.registrations.services import DeclineReason
from patients.restriction.serializers import MIN_REASON_LENGTH
from patients.serializers import check_birth_date


class DeclineForm(forms.Form):
    reason = forms.ChoiceField(choices=DeclineReason.choices, required=False)


class ChartForm(ServiceForm):
    confirm_new = forms.BooleanField(required=False)  # asked for in templates/admin/patients/patient/may_be_twice.html

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            del self.fields["confirm_new"]
        if "date_of_birth" in self.fields:
            self.fields["date_of_birth"].validators.append(check_birth_date)
        if "primary_doctor" in self.fields:
            offered = Q(pk__in=User.objects.doctors().values("pk")) | Q(pk=self.instance.primary_doctor_id)
            self.fields["primary_doctor"].queryset = User.objects.filter(offered).order_by("id")  # type: ignore[attr-defined]
        if "gender" in self.fields:
            self.fields["gender"].choices = [("", gettext("Unknown")), *Gender.choices]  # type: ignore[attr-defined]


def _reason_field(label: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        min_length=MIN_REASON_LENGTH,
        max_length=2000,
        validators=READABLE,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class EmergencyForm(forms.Form):
    """The reason for breaking the glass; stored encrypted and shown to the reviewer."""

    reason = _reason_field(_("Reason for emergency access"))


class LiftForm(forms.Form):
    """Why a restriction is to be lifted; stored encrypted and shown to the second person."""

    why = _reason_field(_("Why the restriction should be lifted"))
