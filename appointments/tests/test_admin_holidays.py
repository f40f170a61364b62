"""The office manager takes public holidays on a page of the admin site."""

import re

from django.urls import reverse
from django.utils import translation

from appointments.models import ScheduleException
from appointments.time_rules import INVALID_DATE
from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from practices.tests.factories import OfficeFactory

LIST = reverse("admin:appointments_scheduleexception_changelist")
PAGE = reverse("admin:appointments_scheduleexception_holidays")
BAVARIA = {"country": "DE", "region": "DE-BY", "year": "2031"}
BOX = re.compile(r'<input type="checkbox" name="dates" value="(\S+)"[^>]*?( checked| disabled)?>')


def boxes(page):
    """Return the days of the page, each with how its box is."""
    return {day: how.strip() for day, how in BOX.findall(page)}


def days_off(practice, **where):
    with practice_scope(practice.pk):
        found = ScheduleException.objects.filter(doctor=None, kind="off", **where).order_by("starts_at")
        return {str(one.starts_at.astimezone(one.tzinfo).date()): one.reason for one in found}


def test_manager_takes_public_holidays(enter_as, practice):
    manager = enter_as("admin")
    assert PAGE in manager.get(LIST).content.decode()
    first = manager.get(PAGE).content.decode()
    assert '<option value="US" selected>United States' in first  # where New York is
    assert '<option value="US-NY">New York' in first

    page = manager.get(PAGE, BAVARIA).content.decode()
    offered = boxes(page)
    assert offered["2031-06-12"] == "checked" and set(offered.values()) == {"checked"}  # Corpus Christi, not in Berlin
    assert "2031-06-12" not in boxes(manager.get(PAGE, {**BAVARIA, "region": "DE-BE"}).content.decode())
    of_another_country = manager.get(PAGE, {**BAVARIA, "country": "CH", "region": "DE-BE"}).content.decode()
    assert '<option value="" selected>Whole country' in of_another_country

    chosen = {**BAVARIA, "dates": ["2031-01-01", "2031-06-12"]}
    added = manager.post(PAGE, chosen, follow=True).content.decode()
    assert "2 days off were added." in added and f'<a href="{LIST}">Show time off</a>' in added
    assert days_off(practice, office=None) == {"2031-01-01": "New Year's Day", "2031-06-12": "Corpus Christi"}
    marked = boxes(added)
    assert {day for day, how in marked.items() if how == "disabled"} == {"2031-01-01", "2031-06-12"}
    made = whole_trail().filter(about="appointments.ScheduleException", kind=AuditEvent.CREATED)
    assert [event.user_id for event in made] == [manager.user.pk] * 2

    again = manager.post(PAGE, {**chosen, "dates": [*chosen["dates"], "2031-12-25"]}, follow=True).content.decode()
    assert "1 day off was added." in again
    assert "closed on these days already" in manager.post(PAGE, chosen, follow=True).content.decode()
    assert len(days_off(practice)) == 3

    whole_year = {**BAVARIA, "dates": [day for day, how in marked.items() if how == "checked"]}
    assert "Add selected" not in manager.post(PAGE, whole_year, follow=True).content.decode()
    with practice_scope(practice.pk):
        practice.timezone = "UTC"  # of no country
        practice.save()
    page = manager.get(PAGE)
    assert "Choose a country" in page.content.decode() and not page.context["form"].errors


def test_holidays_of_an_office_and_what_is_refused(enter_as, practice, foreign, subtests):
    with practice_scope(practice.pk):
        practice.language = "de"
        practice.save()
        office = OfficeFactory(name="Augsburg", timezone="Europe/Berlin")
    manager = enter_as("admin")
    here = {**BAVARIA, "region": "DE-Augsburg", "office": str(office.pk)}
    assert manager.post(PAGE, {**here, "dates": "2031-08-08"}, follow=True).redirect_chain
    assert days_off(practice, office=office) == {"2031-08-08": "Augsburger Hohes Friedensfest"}
    for sent, said in (
        ([], "Kreuzen Sie mindestens einen Tag an."),
        (["2031-08-09"], "09.08.2031 ist dort kein gesetzlicher Feiertag."),
        (["tomorrow"], INVALID_DATE),
    ):
        with subtests.test(sent=sent):
            answer = manager.post(PAGE, {**here, "dates": sent})
            with translation.override("de"):
                assert [str(message) for message in answer.context["messages"]] == [str(said)]
    for field, value in (
        *(("year", "1999"), ("country", "XX"), ("region", "DE-QQ"), ("office", str(foreign.office.pk))),
        *(("year", "x"), ("country", ""), ("office", "x")),
    ):
        with subtests.test(field=field, value=value):
            answer = manager.post(PAGE, {**here, "dates": ["2031-01-01"], field: value})
            assert answer.status_code == 200 and field in answer.context["form"].errors
    assert len(days_off(practice)) == 1

    for role in ("doctor", "staff", "billing"):
        other = enter_as(role)
        assert other.get(PAGE).status_code == other.post(PAGE, {**BAVARIA, "dates": "2031-01-01"}).status_code == 403
        assert PAGE not in other.get(LIST).content.decode()
    assert len(days_off(practice)) == 1
