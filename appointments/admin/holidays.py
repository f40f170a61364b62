"""The page on which the office manager closes the practice, or an office, on public holidays."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from babel import Locale, UnknownLocaleError
from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import get_language, gettext, ngettext, to_locale
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods
from unfold.widgets import CHECKBOX_CLASSES, UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from appointments.schedule.holidays import choose, countries, holidays_of, regions_of
from appointments.schedule.services import closed_days, take_holidays
from appointments.time_rules import INVALID_DATE
from core.admin.access_log import log_page_refusal, shows_no_patient
from core.admin.base import P, current_user
from core.admin.needs import needs
from core.errors import Invalid, Refusal
from practices.models import Office
from practices.services import current_practice

PAGE = "admin:appointments_scheduleexception_holidays"
NONE_TICKED = _("Tick at least one day.")


class HolidaysForm(forms.Form):
    year = forms.IntegerField(label=_("Year"), min_value=2000, max_value=2099, widget=UnfoldAdminIntegerFieldWidget)
    country = forms.ChoiceField(label=_("Country"), widget=UnfoldAdminSelectWidget)
    region = forms.ChoiceField(label=_("Region"), required=False, widget=UnfoldAdminSelectWidget)
    office: Any = forms.ModelChoiceField(
        label=_("Office"), queryset=None, required=False, empty_label=_("All offices"), widget=UnfoldAdminSelectWidget
    )

    def __init__(self, sent: dict[str, Any]) -> None:
        """What was sent, or the practice's country and the year to come."""
        country = str(sent.get("country") or current_practice().region)
        if not sent.get("region", "").startswith(f"{country}-"):  # that of another country, which was chosen before
            sent = {**sent, "region": ""}
        known = countries()
        begun = {"year": _next_year_to_plan(), "country": country if country in known else ""}
        is_to_begin = not (begun["country"] or sent.get("country"))  # UTC is no country's: nothing is wrong yet
        super().__init__(None if is_to_begin else {**begun, **sent}, initial=begun)
        fields: dict[str, Any] = self.fields
        fields["country"].choices = [("", gettext("Choose a country")), *_by_name(known)]
        regions = regions_of(country) if country in known else {}
        # as ISO 3166-2 writes them, so that BE in Switzerland isn't BE in Germany
        named = [(f"{country}-{code}", name) for code, name in regions.items()]
        fields["region"].choices = [("", gettext("Whole country")), *named]
        fields["office"].queryset = Office.objects.order_by("name", "id")
        fields["office"].label_from_instance = lambda office: office.name

    def holidays(self) -> dict[date, str]:
        """Return the days and their names in the practice's language. Raises Invalid."""
        cleaned = self.cleaned_data
        language = current_practice().language or get_language() or "en"
        region = cleaned["region"].partition("-")[2]
        return holidays_of(cleaned["country"], cleaned["year"], region, language)

    def office_id(self) -> Any:
        office = self.cleaned_data["office"]
        return office and office.pk

    def query_values(self) -> dict[str, Any]:
        """Return the values as an address has them."""
        return {**self.cleaned_data, "office": self.office_id() or ""}

    def place(self) -> str:
        """Return the region's name and the country's, or the country's alone."""
        names = [dict(self.fields[name].choices)[self.cleaned_data[name]] for name in ("region", "country")]  # type: ignore[attr-defined]
        return ", ".join(str(name) for name in (names if self.cleaned_data["region"] else names[1:]))


def _next_year_to_plan() -> int:
    """Return the year of a month from now: in December next year's days are what is missing."""
    return (current_practice().today() + timedelta(days=31)).year


def _by_name(codes: list[str]) -> list[tuple[str, str]]:
    """Return the countries with their names in the page's language."""
    try:
        names = Locale.parse(to_locale(get_language() or "en")).territories
    except UnknownLocaleError:
        names = Locale("en").territories
    return sorted(((code, names.get(code, code)) for code in codes), key=lambda pair: pair[1])


@require_http_methods(["GET", "HEAD", "POST"])
@needs(P.MANAGE_SCHEDULES)
@shows_no_patient("when the practice is closed")
def holidays_page(request: HttpRequest) -> HttpResponse:
    """Show the days of a year, and add those that were ticked on a POST."""
    form = HolidaysForm((request.POST if request.method == "POST" else request.GET).dict())
    shown: dict[str, Any] = {}
    if form.is_valid():
        ticked: list[str] | None = None
        try:
            if request.method == "POST":
                ticked = request.POST.getlist("dates")
                return _added(request, form, ticked)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            messages.error(request, _sentence(refusal))
        days = _days(form, ticked)
        are_open = not all(one["is_closed"] for one in days)
        shown = {"place": form.place(), "asked": form.query_values(), "days": days, "are_open": are_open}
    context = {**admin.site.each_context(request), "title": gettext("Public holidays"), "form": form, **shown}
    context["checkbox_classes"] = " ".join(CHECKBOX_CLASSES)
    return TemplateResponse(request, "admin/appointments/scheduleexception/holidays.html", context)


def _sentence(refusal: Refusal) -> str:
    return refusal.message if isinstance(refusal, Invalid) else refusal.detail


def _days(form: HolidaysForm, ticked: list[str] | None) -> list[dict[str, Any]]:
    """Return the days to tick: those that are not over, unless somebody ticked others."""
    found, today = form.holidays(), current_practice().today()
    closed = closed_days(found, office_id=form.office_id())
    return [
        {
            "day": day,
            "name": name,
            "is_closed": day in closed,
            "is_ticked": day >= today if ticked is None else str(day) in ticked,
        }
        for day, name in found.items()
    ]


def _added(request: HttpRequest, form: HolidaysForm, ticked: list[str]) -> HttpResponse:
    """Close on the ticked days, and return to the page, which marks them. Raises Invalid for a day that is none."""
    if not ticked:
        raise Invalid("dates", NONE_TICKED)
    try:
        dates = [date.fromisoformat(text) for text in ticked]
    except ValueError as error:
        raise Invalid("dates", INVALID_DATE) from error
    made = take_holidays(by=current_user(request), names=choose(form.holidays(), dates), office_id=form.office_id())
    text = gettext("You're closed on these days already.")
    if made:
        number = {"count": len(made)}
        text = ngettext("%(count)s day off was added.", "%(count)s days off were added.", len(made)) % number
    link = reverse("admin:appointments_scheduleexception_changelist")
    text = format_html('{} <a href="{}">{}</a>', text, link, gettext("Show time off"))
    (messages.success if made else messages.info)(request, text)
    return redirect(f"{reverse(PAGE)}?{urlencode(form.query_values())}")
