"""Where each role lands after signing in, and that its menus offer what it may open, and nothing else."""

import re

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import LoginSession
from core.tenancy.scope import practice_scope
from dashboard.menu import PAGES

LISTS = "/admin/patients/patient/"
EVERYBODYS = [
    "Search",
    "Today",
    "Patients",
    "Practice",
    "Offices",
    "Rooms",
    "Appointment types",
    "Working hours",
    "Time off",
]
CLINICAL = ["Calendar", "Appointments", "Medical records", "Session notes", "Plans of care", "Files"]
MANAGERS = ["Emergency access", "Deleted", "People", "Invitations", "Join codes", "API keys", "Audit trail"]
MANAGERS += ["Numbers", "Import", "Forms and consents", "Messages to patients", "Webhooks", "Background jobs"]
SIDEBARS = {
    "admin": {*EVERYBODYS, *CLINICAL, *MANAGERS, "Billing", "Templates and phrases", "Duplicates", "Privacy"},
    "doctor": {"My day", *EVERYBODYS, *CLINICAL, "Templates and phrases"},
    "staff": {*EVERYBODYS, *CLINICAL, "Billing", "Duplicates"},
    "billing": {*EVERYBODYS, "Billing"},
}
WORK_MENUS = {
    "admin": ["Calendar", "Billing", "Today", "Patients"],
    "doctor": ["My day", "Calendar", "Today", "Patients"],
    "staff": ["Calendar", "Billing", "Today", "Patients"],
    "billing": ["Billing", "Today", "Patients"],
    "patient": ["My page"],
}
HOMES = {"admin": "/admin/", "doctor": "/my-day/", "staff": "/calendar/", "billing": "/billing/", "patient": "/me/"}
ACCOUNT = ["Change password", "Security", "Active sessions", "Language"]
SIDEBAR = {
    str(item["title"]): str(item["link"])
    for group in settings.UNFOLD["SIDEBAR"]["navigation"]
    for item in group["items"]
}
OF_A_SUPERUSER = {"Switch practice", "System"}  # the first leads others back to Today


def sign_in(client, user, address="/"):
    return client.post(address, {"username": user.email, "password": "Passw0rd!"})


def test_each_role_lands_where_its_day_begins(make_user, subtests):
    for role, home in HOMES.items():
        with subtests.test(role=role):
            client, user = Client(), make_user(role)
            assert sign_in(client, user).url == home
            assert client.get("/").url == home  # signed in already
            assert client.get(home).status_code == 200
            assert LoginSession.objects.get(user=user).channel == "admin_site"
            assert client.post("/sign-out/").url == "/"
            assert client.get(home).status_code == 302


def test_sign_in_leads_back_to_what_the_role_may_open(make_user, subtests):
    people = {role: make_user(role) for role in HOMES}
    table = [
        ("staff", f"{LISTS}?q=ann", f"{LISTS}?q=ann"),
        ("staff", f"{LISTS}add/", "/calendar/"),
        ("staff", "/admin/trail/", "/calendar/"),
        ("admin", "/admin/trail/", "/admin/trail/"),
        ("admin", f"{LISTS}01890000-0000-7000-8000-000000000000/confirm/", "/admin/"),
        ("billing", "/calendar/", "/billing/"),
        ("patient", LISTS, "/me/"),
        ("patient", "/me/", "/me/"),
        ("patient", "/me/data/", "/me/"),  # which takes a form alone, as do the next two
        ("doctor", "/calendar/book/", "/my-day/"),
        ("doctor", "/notes/templates/import/", "/my-day/"),
        ("doctor", "/me/", "/my-day/"),
        ("doctor", "/api/patients", "/my-day/"),
        ("doctor", "/nowhere/", "/my-day/"),
        ("doctor", "/", "/my-day/"),
        ("doctor", "https://evil.example/calendar/", "/my-day/"),
        ("doctor", "//evil.example/calendar/", "/my-day/"),
    ]
    for role, asked, leads_to in table:
        with subtests.test(role=role, asked=asked):
            client = Client()
            assert sign_in(client, people[role], reverse("home", query={"next": asked})).url == leads_to
            assert client.get("/", {"next": asked}).url == leads_to


def links(page, start):
    """Return `{title: address}` of the first element that begins with `start`."""
    part = re.search(rf"{start}.*?</nav>|{start}.*\Z", page, re.DOTALL)[0]
    found = re.findall(r'<a [^>]*?href="([^"]+)"[^>]*>(.*?)</a>', part, re.DOTALL)
    return {re.sub(r"<[^>]+>|\s+", " ", text).strip().split("  ")[-1].strip(): address for address, text in found}


@pytest.mark.slow  # opens every page of the menus, as each role
def test_menus_offer_what_opens_and_nothing_else(enter_as, own, subtests):
    for role in HOMES:
        client = enter_as(role)
        offered = set()
        if role in SIDEBARS:
            groups = client.get("/admin/").context["sidebar_navigation"]
            shown = {str(item["title"]): str(item["link"]) for group in groups for item in group["items"]}
            with subtests.test(role=role, menu="sidebar"):
                assert set(shown) == SIDEBARS[role]
            offered |= set(shown.values())
        if role in WORK_MENUS:
            first = {"patient": "/me/", "billing": "/billing/"}.get(role, "/calendar/")
            page = client.get(first).content.decode()
            menu = links(page, '<nav aria-label="Pages">')
            with subtests.test(role=role, menu="work"):
                assert list(menu) == WORK_MENUS[role]
            offered |= set(menu.values())
            account = links(page.partition("</details>")[0], '<details class="account">') if role != "patient" else {}
            with subtests.test(role=role, menu="account"):
                assert ('<details class="account">' in page) == bool(account)
                assert {client.get(address).status_code for address in account.values()} <= {200}
                assert [*account][:4] == ([] if role == "patient" else ACCOUNT)
        pages = {address for title, address in SIDEBAR.items() if title not in OF_A_SUPERUSER}
        pages |= {reverse(name) for name, _title in PAGES}
        assert offered <= pages
        for address in sorted(pages):
            with subtests.test(role=role, page=address):
                status = client.get(address, follow=True).status_code
                assert status == 200 if address in offered else status in (403, 404)


def test_doctors_and_the_front_desk_see_no_list_of_people_and_no_join_code(enter_as, own, subtests):
    code = own.practice.join_code
    settings_page = reverse("admin:practices_practice_change", args=[own.practice.pk])
    for role, may in {"admin": True, "doctor": False, "staff": False, "billing": False}.items():
        client = enter_as(role)
        with subtests.test(role=role):
            assert (code in client.get(settings_page).content.decode()) == may
            assert client.get("/admin/accounts/user/").status_code == (200 if may else 403)
            assert 'href="/admin/accounts/user/"' not in client.get("/admin/").content.decode() or may


def test_billing_sees_whom_to_reach_and_nothing_clinical(enter_as, own):
    with practice_scope(own.practice.pk):
        own.chart.allergies, own.chart.medical_history, own.chart.emergency_contact = "Latex", "Asthma", "Ben, 555 0100"
        own.chart.save()
    client = enter_as("billing")
    assert "Ann Ownwood" in client.get(LISTS).content.decode()
    page = client.get(reverse("admin:patients_patient_change", args=[own.chart.pk])).content.decode()
    assert own.chart.email in page
    for hidden in ("Latex", "Asthma", "Ben, 555", "Diagnosis Ownwood", "Plan Ownwood", "scan-Ownwood", "Blood type"):
        assert hidden not in page
    for kept in ("appointments_appointment", "records_medicalrecord", "records_planofcare", "records_attachment"):
        assert client.get(reverse(f"admin:{kept}_changelist")).status_code == 403
