"""What the forms of pages have in common."""

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.errors import Invalid
from core.typed import PickedDateField

EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)


class CheckedForm(forms.Form):
    @property
    def validated_data(self) -> dict[str, Any]:
        """Return the values. Raises Invalid for the first that is wrong, with what the field is called where it has a
        label, since not every page can show it beside the field."""
        for name, errors in self.errors.items():
            label = self.fields[name].label if name in self.fields else None
            raise Invalid(name, f"{label}: {errors[0]}" if label else str(errors[0]))
        return self.cleaned_data


class DaysForm(forms.Form):
    """The days from `first` to `last`."""

    latest = LATEST
    first = PickedDateField(required=False, label=_("From"))
    last = PickedDateField(required=False, label=_("To"))

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        first, last = given.get("first"), given.get("last")
        if any(day and not EARLIEST <= day <= self.latest for day in (first, last)):
            raise forms.ValidationError(gettext("Enter a date between 2000 and 2099."))
        if first and last and first > last:
            raise forms.ValidationError(gettext("The end date is before the start date."))
        return given


def as_uuid(value: Any) -> UUID | None:
    """Return the id, or None for what is none."""
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError:
        return None
