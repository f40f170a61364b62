"""People of whom not everything is known: babies and old people without an email, no phone, no address, no date of
birth, a gender that nobody asked for.

Seen in openmrs-esm-patient-management#137 and client-registry#93. What the contract's POST requires it still requires.
"""

from datetime import date

import pytest
from django.urls import reverse

from accounts.tests.second_factors import post
from appointments.tests.factories import AppointmentFactory
from core.errors import Invalid
from core.tenancy.scope import practice_scope
from patients import services
from patients.models import Patient
from patients.registrations.matching import with_matches
from patients.tests.factories import PatientFactory
from tests.admin_forms import errors_of, form_values, page_of, send
from tests.contract.clinic import CHART

pytestmark = pytest.mark.embedded  # validators ask no database

CHARTS, ADD = "/api/patients", reverse("admin:patients_patient_add")
EMPTY = {"email": "", "phone": "", "dateOfBirth": None, "gender": "", "address": ""}
WAYS = {
    "phone": "(212) 555-0144",
    "email": "mother@example.com",
    "address": "12 Main St\nSpringfield",
    "emergencyContact": "Carol Castro (mother), (212) 555-0115",
}


@pytest.fixture
def desk(as_role):
    return as_role("staff")


@pytest.fixture
def manager(enter_as):
    return enter_as("admin")


def opened(desk, **fields):
    answer = post(desk, CHARTS, {"name": "Baby Castro", "incomplete": True, **fields})
    assert answer.status_code == 201, answer.content
    return answer.json()


# --- The API


def test_name_and_one_way_to_reach_somebody_are_enough(desk, subtests):
    for way, value in WAYS.items():
        with subtests.test(way=way):
            chart = opened(desk, **{way: value})

            assert {name: chart.get(name) for name in EMPTY} == {**EMPTY, **({way: value} if way in EMPTY else {})}
            assert chart.get("emergencyContact") == (value if way == "emergencyContact" else None)
            assert desk.get(f"{CHARTS}/{chart['id']}").json() == chart


def test_nobody_to_reach_is_refused(desk, subtests):
    for fields in [
        {},
        {"email": "", "phone": None},
        {"address": "  "},
        {"emergencyContact": "-"},
        {"address": "?"},
        {"address": "\n\r\n"},
        {"address": "N/A"},
        {"address": "none."},
        {"address": "unknown", "emergencyContact": "0"},
        {"emergencyContact": "x"},
        {"email": "   ", "address": "(unbekannt)"},
        {"dateOfBirth": "2026-11-20", "gender": "male"},
    ]:
        with subtests.test(fields=fields):
            answer = post(desk, CHARTS, {"name": "Baby Castro", "incomplete": True, **fields})

            assert (answer.status_code, list(answer.json()["errors"])) == (400, ["phone"])


def test_short_ways_that_say_who_or_where(desk, subtests):
    for fields in (
        {"emergencyContact": "\u738b\u4f1f"},  # a name of two letters
        {"address": "\u6771\u4eac"},
        {"address": "Ulm"},
        {"emergencyContact": "Ana"},
        {"phone": "112"},
        {"phone": "\uff12\uff11\uff12\uff15\uff15\uff15\uff10\uff11\uff14\uff14"},
        {"phone": "\u0662\u0661\u0662\u0665\u0665\u0665\u0660\u0661\u0664\u0664"},
    ):
        with subtests.test(fields=fields):
            opened(desk, **fields)


def test_what_is_unknown_may_be_missing_empty_or_null(desk, subtests):
    for name in EMPTY:
        for value in ("", None):
            with subtests.test(name=name, value=value):
                body = {**CHART, "incomplete": True, name: value}

                assert post(desk, CHARTS, body).json()[name] == EMPTY[name]


@pytest.mark.parametrize(("sent", "shown"), [("unknown", ""), ("", ""), (None, ""), ("other", "other")])
def test_gender(desk, sent, shown):
    assert opened(desk, phone=WAYS["phone"], gender=sent)["gender"] == shown


def test_name_is_needed_and_what_is_given_must_be_right(desk, subtests):
    for fields, field in [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"email": "none"}, "email"),
        ({"phone": "hello"}, "phone"),
        ({"dateOfBirth": "1800-01-01"}, "dateOfBirth"),
        ({"dateOfBirth": "unknown"}, "dateOfBirth"),
        ({"gender": "f"}, "gender"),
        ({"incomplete": "yes"}, "incomplete"),
        ({"incomplete": 1}, "incomplete"),
    ]:
        with subtests.test(fields=fields):
            answer = post(desk, CHARTS, {"name": "Baby Castro", **WAYS, "incomplete": True, **fields})

            assert answer.status_code == 400
            assert field in answer.json()["errors"]


@pytest.mark.parametrize("flag", [{}, {"incomplete": False}])
def test_without_the_word_the_contract_holds(desk, flag, subtests):
    assert post(desk, CHARTS, {**CHART, **flag}).status_code == 201
    for name in EMPTY:
        for value in ("", None):
            with subtests.test(name=name, value=value):
                answer = post(desk, CHARTS, {**CHART, **flag, name: value})

                assert (answer.status_code, list(answer.json()["errors"])) == (400, [name])
        with subtests.test(missing=name):
            body = {**CHART, **flag}
            del body[name]

            assert list(post(desk, CHARTS, body).json()["errors"]) == [name]


def test_contact_person_is_no_business_of_billing(as_role, desk):
    chart = opened(desk, **WAYS)

    seen = as_role("billing").get(f"{CHARTS}/{chart['id']}")

    assert seen.json()["phone"] == WAYS["phone"]
    assert "Carol" not in seen.content.decode()


# --- Whoever reads a chart


@pytest.fixture
def unknown(scope):
    """A chart with nothing but a name and a contact person."""
    return Patient.objects.create(name="Baby Castro", emergency_contact=WAYS["emergencyContact"])


def test_lists_and_search_show_them(desk, unknown, subtests):
    for query in ("", "?search=castro", "?search=ba", "?search=baby+castro"):
        with subtests.test(query=query):
            (row,) = desk.get(f"{CHARTS}{query}").json()["patients"]

            assert row == {"id": str(unknown.pk), "name": "Baby Castro", **EMPTY, "created_at": row["created_at"]}
    for query in ("?search=@", "?search=0", "?search=none"):
        with subtests.test(query=query):
            assert desk.get(f"{CHARTS}{query}").json()["total"] == 0


def test_export_has_what_is_known(manager, as_role, unknown):
    answer = as_role("admin").get(f"{CHARTS}/{unknown.pk}/export")

    assert answer.status_code == 200
    assert len(b"".join(answer.streaming_content)) > 1000


def test_visits_and_dashboards_name_them(as_role, make_user, unknown):
    doctor = make_user("doctor")
    AppointmentFactory(patient=unknown, doctor=doctor)

    (row,) = as_role("staff").get("/api/appointments").json()["appointments"]

    assert row["patientName"] == "Baby Castro"
    assert as_role("admin").get("/api/dashboard/stats").json()["totalPatients"] == 1


def test_what_is_empty_matches_nobody(unknown, scope):
    other = PatientFactory(name="Quite Other", email="", phone="", date_of_birth=None, status="pending")
    alike = PatientFactory(name="Baby Castro", email="", phone="", date_of_birth=None, status="pending")

    matches = [[match.chart.pk for match in one.matches] for one in with_matches([other, alike])]

    assert matches == [[], [unknown.pk]]


def test_registration_is_merged_and_fills_what_was_empty(as_role, unknown, make_user):
    with practice_scope(unknown.practice_id):
        account = make_user("patient", name="Baby Castro", email="b@example.com")
        known = {"phone": WAYS["phone"], "date_of_birth": date(2026, 11, 20)}
        pending = PatientFactory(name="Baby Castro", email="b@example.com", status="pending", user=account, **known)

    answer = post(as_role("staff"), f"/api/registrations/{pending.pk}/confirm", {"patientId": str(unknown.pk)})

    assert answer.status_code == 200
    unknown.refresh_from_db()
    assert (unknown.email, unknown.phone, unknown.date_of_birth) == ("b@example.com", *known.values())


# --- The site


def test_page_takes_a_name_and_one_way(manager, practice, subtests):
    for way, value in {**WAYS, "emergency_contact": WAYS["emergencyContact"]}.items():
        if way == "emergencyContact":
            continue
        with subtests.test(way=way):
            assert manager.post(ADD, {"name": f"Baby {way}", way: value}).status_code == 302
    with practice_scope(practice.pk):
        assert {chart.gender for chart in Patient.objects.all()} == {""}
        assert {chart.date_of_birth for chart in Patient.objects.all()} == {None}


def test_page_refuses_a_name_alone(manager):
    errors = errors_of(manager.post(ADD, {"name": "Baby Castro"}))

    assert errors == {"phone": [services.UNREACHABLE]}


@pytest.mark.parametrize("gender", ["", "other"])
def test_page_takes_any_gender(manager, practice, gender):
    manager.post(ADD, {"name": "Baby Castro", "phone": WAYS["phone"], "gender": gender})

    with practice_scope(practice.pk):
        assert Patient.objects.get().gender == gender


def test_page_says_unknown(manager):
    page = manager.get(ADD).content.decode()

    assert '<option value="" selected>Unknown</option>' in page
    assert '<option value="other">Other</option>' in page


def test_page_shows_and_changes_them(manager, enter_as, unknown):
    assert manager.get(page_of(unknown)).status_code == 200
    assert enter_as("staff").get(page_of(unknown)).status_code == 200  # who may only read
    assert "Baby Castro" in manager.get(reverse("admin:patients_patient_changelist")).content.decode()

    assert send(manager, unknown, name="Rosa Castro").status_code == 302

    unknown.refresh_from_db()
    assert (unknown.name, unknown.email, unknown.date_of_birth) == ("Rosa Castro", "", None)


def test_page_lets_what_was_wrong_be_emptied(manager, own):
    assert send(manager, own.chart, email=None, date_of_birth=None, gender=None).status_code == 302

    with practice_scope(own.practice.pk):
        chart = Patient.objects.get(pk=own.chart.pk)
    assert (chart.email, chart.date_of_birth, chart.gender) == ("", None, "")


def test_last_way_to_reach_somebody_stays(manager, unknown):
    assert "emergency_contact" in form_values(manager, unknown)

    assert errors_of(send(manager, unknown, emergency_contact=None)) == {"phone": [services.UNREACHABLE]}
    with pytest.raises(Invalid):
        services.update_chart(patient=unknown, by=manager.user, emergency_contact="")
