"""The fields of core/typed.py with the widgets of the admin site."""

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.forms import MultiWidget
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSplitDateTimeWidget, UnfoldAdminTimeWidget

from core import typed
from core.typed import as_typed, parse_time, short_date

__all__ = ["DateTimeWidget", "DateWidget", "TimeWidget", "TypedDateField", "TypedTimeField", "parse_time"]


class TimeWidget(UnfoldAdminTimeWidget):
    """Shows a stored time as pages do, `2:30 PM`."""

    def format_value(self, value: Any) -> str | None:
        return as_typed(value) if isinstance(value, time) else super().format_value(value)


class DateWidget(UnfoldAdminDateWidget):
    """Shows a stored date in digits, as people type it where the practice is."""

    def format_value(self, value: Any) -> str | None:
        day = value.date() if isinstance(value, datetime) else value
        return short_date(day) if isinstance(day, date) else super().format_value(value)


class TypedTimeField(typed.TypedTimeField):
    widget = TimeWidget


class TypedDateField(typed.TypedDateField):
    widget = DateWidget


class DateTimeWidget(UnfoldAdminSplitDateTimeWidget):
    """A date and a time beside each other, each with a name for screen readers."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        date = DateWidget(attrs={"placeholder": _("Date"), "aria-label": _("Date")})
        typed = TimeWidget(attrs={"placeholder": _("Time"), "aria-label": _("Time")})
        MultiWidget.__init__(self, [date, typed], attrs)


class TypedDateTimeField(forms.SplitDateTimeField):
    widget = DateTimeWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        options: dict[str, Any] = {"required": self.fields[0].required, "localize": self.fields[0].localize}
        self.fields = (TypedDateField(**options), TypedTimeField(**options))
