"""An empty list says how to begin."""

import re

from django.contrib import admin
from django.urls import reverse
from django.utils.html import escape

from appointments.tests.calendar_day import PART
from appointments.tests.factories import AppointmentTypeFactory, WorkingHoursFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory

PAGES = {  # name of the address, with its query: how to begin
    "calendar": ("", "No doctors here yet. Add the first one and their working hours to see free times."),
    "letter-templates": ("", "None yet. Begin with the letter that you write most often, such as a referral."),
    "note-templates": ("", "None yet. Begin with the visit that you write up most often."),
    "form-templates": ("", "No forms yet. Begin with what every patient signs, such as a consent to treatment."),
    "billing-prices": ("", "No services yet. Begin with what you bill most often"),
    "billing": ("", "No invoices yet. Set your prices first, then bill the visits that took place."),
    "billing-report-credit": ("", "No patient has credit. It comes from a deposit"),
    "billing-visits": ("", "No visits are left to bill. A visit appears here once it is done."),
    "duplicates": ("", "No duplicates found. Compare the charts again after an import."),
    "imports": ("", "None yet. Begin with the patients: appointments are matched with their charts."),
    "calendar_waiting": (
        "",
        "Nobody is waiting. Open a free time, choose the patient, and put them on the waiting list.",
    ),
}


def text_of(answer):
    assert answer.status_code == 200, answer.status_code
    return re.sub(r"\s+", " ", answer.content.decode())


def test_empty_pages_say_how_to_begin(practice, enter_as):
    client, silent = enter_as("admin"), []
    for name, (query, hint) in PAGES.items():
        if escape(hint) not in text_of(client.get(reverse(name) + query, **PART)):
            silent.append(name)
    assert silent == []


def test_empty_chart_says_how_to_begin(practice, enter_as):
    with practice_scope(practice.pk):
        chart = PatientFactory()
    client = enter_as("doctor")
    assert "Book a visit or write a note to begin." in text_of(client.get(reverse("chart", args=[chart.pk])))
    assert "No files in this chart yet. Drop one here" in text_of(client.get(reverse("chart_files", args=[chart.pk])))


def test_empty_lists_of_the_admin_site_say_how_to_begin(practice, enter_as):
    client, silent, seen = enter_as("admin"), [], 0
    for model, model_admin in admin.site._registry.items():
        assert model_admin.empty_hint, model
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        answer = client.get(address)
        if answer.status_code != 200 or "praxis-empty" not in answer.content.decode():
            continue
        seen += 1
        text, beginnings = text_of(answer), answer.context["cl"].beginnings
        begins = all(f'href="{address}"' in text for address, _label in beginnings) and "Show all" not in text
        if escape(str(model_admin.empty_hint)) not in text or not begins:
            silent.append(model)
    assert silent == []
    assert seen > 5
    of_staff = text_of(enter_as("staff").get(reverse("admin:appointments_room_changelist")))
    assert "Nothing here yet. The office manager can add the first one." in of_staff


def test_field_without_choices_says_where_to_add_one(practice, enter_as):
    form = text_of(enter_as("admin").get(reverse("admin:appointments_room_add")))
    assert "Nothing to choose from yet." in form
    assert f'href="{reverse("admin:practices_office_add")}"' in form


def test_today_leads_a_manager_through_the_first_steps(practice, enter_as):
    home = reverse("admin:index")
    first = text_of(enter_as("admin").get(home))
    assert "Add when each doctor works" in first and "(done)" not in first
    assert "First steps" not in text_of(enter_as("staff").get(home))
    with practice_scope(practice.pk):
        WorkingHoursFactory(doctor=enter_as("doctor").user)
        for factory in (AppointmentTypeFactory, OfficeFactory, PatientFactory):
            factory()
    assert "First steps" not in text_of(enter_as("admin").get(home))
