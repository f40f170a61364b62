"""The search of every page: what each role finds, and that the trail tells and the address doesn't."""

import pytest
from django.test import Client

from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory

PART = {"Praxis-Part": "1"}


@pytest.fixture
def clinic(practice, other_practice, make_user):
    people = {role: make_user(role) for role in ("admin", "doctor", "staff", "billing", "patient")}
    make_user("doctor", name="Dr. Jensen Ortega")
    with practice_scope(practice.pk):
        PatientFactory(name="Paula Jensen", phone="555 0144")
        PatientFactory(name="Karl Jensen", restricted=True, phone="555 0155")
    with practice_scope(other_practice.pk):
        PatientFactory(name="Olga Jensen")
    return people


def found(user, query):
    client = Client()
    client.force_login(user)
    answer = client.post("/search/", {"q": query}, headers=PART)
    assert answer.status_code == 200
    return answer.content.decode()


def test_each_role_finds_what_it_may_open(clinic, subtests):
    for role in ("admin", "doctor", "staff", "billing"):
        with subtests.test(role=role):
            page = found(clinic[role], "jensen")
            assert "Paula Jensen" in page and "555 0144" in page and "Karl Jensen" in page
            assert "555 0155" not in page and "Olga" not in page
            assert ("Ortega" in page) == (role != "billing")
            assert ("/admin/accounts/user/" in page) == (role == "admin")
            trail = found(clinic[role], "audit trail")
            assert ("/admin/trail/" in trail) == (role == "admin")
            assert "Nothing found" in found(clinic[role], "xyzzy")
            assert found(clinic[role], " ").strip() == ""
    client = Client()
    client.force_login(clinic["patient"])
    assert client.post("/search/", {"q": "jensen"}).status_code == 403
    assert 'id="praxis-search"' not in client.get("/search/", follow=True).content.decode()


def test_a_search_is_in_the_trail_without_its_words(clinic):
    found(clinic["staff"], "paula jensen")
    event = [each for each in whole_trail() if each.kind == AuditEvent.CHARTS_SEARCHED][-1]
    assert event.user_id == clinic["staff"].pk and len(event.patients) > 2
    assert "paula" not in str(event.details).casefold()


def test_every_page_has_the_search(clinic):
    client = Client()
    client.force_login(clinic["staff"])
    for address in ("/calendar/", "/search/", "/admin/", "/admin/patients/patient/"):
        page = client.get(address).content.decode()
        assert 'id="praxis-search"' in page and "/static/praxis/search/search" in page, address
    whole = client.post("/search/", {"q": "paula"}).content.decode()
    assert "<h1>Search</h1>" in whole and "Paula Jensen" in whole
