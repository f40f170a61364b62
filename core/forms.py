"""What the forms of pages have in common."""

from typing import Any
from uuid import UUID

from django import forms

from core.errors import Invalid


class CheckedForm(forms.Form):
    @property
    def given(self) -> dict[str, Any]:
        """Return the values. Raises Invalid for the first that is wrong."""
        for name, errors in self.errors.items():
            raise Invalid(name, str(errors[0]))
        return self.cleaned_data


def as_uuid(value: Any) -> UUID | None:
    """Return the id, or None for what is none."""
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError:
        return None
