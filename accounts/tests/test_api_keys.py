"""API keys: what a program of the practice's may do, what it may not, when it stops, and what the trail says of it."""

import re
from datetime import timedelta

import orjson
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.api_keys import services as api_keys
from accounts.api_keys.words import WORDS
from accounts.models import ApiKey, User
from accounts.roles import FOR_PROGRAMS
from appointments.tests.factories import AppointmentFactory
from audit.models import Event
from audit.tests.whole_trail import whole_trail
from core.api import throttling
from core.permissions import Permission
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.restriction import services as restriction
from patients.tests.factories import PatientFactory

pytestmark = pytest.mark.django_db
ADDRESS = "/api/api-keys"
JSON = "application/json"


def program(key):
    return Client(headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def manager(as_role):
    return as_role("admin")


@pytest.fixture
def make(manager):
    """`make("read_charts")`: what the manager is answered who makes a key with these permissions."""

    def make(*permissions, **fields):
        body = {"name": "Laboratory", "permissions": list(permissions), **fields}
        answer = manager.post(ADDRESS, body, content_type=JSON)
        assert answer.status_code == 201, answer.content
        return answer.json()

    return make


def stored(made):
    return ApiKey.all_practices.select_related("made_by").get(pk=made["id"])


def test_a_key_is_shown_once_and_stored_as_a_hash(make, manager):
    made = make("read_charts", "read_appointments")
    assert re.fullmatch(rf"praxis_{made['prefix']}_[\w-]{{43}}", made["key"])
    assert made["permissions"] == ["read_appointments", "read_charts"]
    assert made["state"] == "live" and made["lastUsedAt"] is None
    secret = made["key"].removeprefix(f"praxis_{made['prefix']}_")
    row = ApiKey.all_practices.values_list().get(pk=made["id"])
    assert not any(secret.encode() in bytes(value) for value in row if isinstance(value, bytes | memoryview))
    assert secret not in str(row)
    (listed,) = manager.get(ADDRESS).json()["apiKeys"]
    assert listed == {name: value for name, value in made.items() if name != "key"}


def test_a_program_does_what_its_permissions_say_and_nothing_else(make, scope, make_user, subtests):
    chart, doctor = PatientFactory(), make_user("doctor")
    visit = AppointmentFactory(patient=chart, doctor=doctor)
    calling = program(make("read_charts", "read_appointments", "find_times")["key"])
    table = [
        (200, "get", "/api/patients"),
        (200, "get", f"/api/patients/{chart.pk}"),
        (200, "get", f"/api/v1/appointments/{visit.pk}"),
        (200, "get", "/api/appointment-types"),
        (403, "get", "/api/records"),
        (403, "patch", f"/api/patients/{chart.pk}"),
        (403, "delete", f"/api/patients/{chart.pk}"),
        (403, "get", "/api/users"),
        (403, "get", "/api/users/me"),
        (403, "get", "/api/users/me/sessions"),
        (403, "get", ADDRESS),
        (403, "post", ADDRESS),
        (403, "get", "/api/audit"),
        (403, "put", f"/api/patients/{chart.pk}/restriction"),
        (403, "post", f"/api/patients/{chart.pk}/emergency-access"),
    ]
    for status, method, address in table:
        with subtests.test(method=method, address=address):
            answer = calling.generic(method.upper(), address, "{}", content_type=JSON)
            assert answer.status_code == status, answer.content
    body = {"email": "new@example.com", "password": "Passw0rd!", "role": "patient"}
    refused = calling.post("/api/auth/register", body, content_type=JSON)
    assert (refused.status_code, refused.json()["detail"]) == (401, "An API key can't be used here.")
    assert calling.get("/calendar/").status_code == 302
    shown = calling.get("/api/appointments").json()["appointments"][0]
    assert shown["reason"] in ("", None)  # read_appointment_text was not given


def test_the_same_query_is_not_shared_with_the_manager_who_made_the_key(make, manager, scope):
    PatientFactory()
    few, more = program(make("read_appointments")["key"]), program(make("read_charts")["key"])
    assert manager.get("/api/patients").json()["total"] == 1
    assert more.get("/api/patients").json()["total"] == 1
    assert few.get("/api/patients").status_code == 403
    acting = api_keys.acting_user(ApiKey.objects.select_related("made_by").first())
    acting.granted = frozenset()
    with pytest.raises(Exception, match="something to find"):  # compiled for what this key has, not for its maker
        list(restriction.visible_key(acting, pk=Patient.objects.get().pk).rows(limit=1))


def test_restricted_charts_stay_closed_also_while_the_maker_has_opened_one(make, manager, scope):
    chart = PatientFactory(restricted=True, medical_history="Told in confidence")
    with practice_scope(chart.practice_id):
        restriction.break_glass(patient_id=chart.pk, by=manager.user, reason="Unconscious")
    assert manager.get(f"/api/patients/{chart.pk}").status_code == 200
    calling = program(make("read_charts", "write_charts")["key"])
    assert calling.get(f"/api/patients/{chart.pk}").status_code == 403
    assert "Told in confidence" not in calling.get("/api/patients").content.decode()
    Patient.objects.filter(pk=chart.pk).update(user=manager.user)  # who works here may be a patient, too
    assert calling.get(f"/api/patients/{chart.pk}").status_code == 403


def test_a_key_that_does_not_work_is_401_and_says_no_more(make, manager, make_user, subtests):
    def refused(key):
        answer = program(key).get("/api/offices")
        assert answer.status_code == 401
        assert answer.json()["detail"] == str(api_keys.NOT_VALID)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    def revoke(made):
        assert manager.delete(f"{ADDRESS}/{made['id']}").status_code == 204
        assert manager.delete(f"{ADDRESS}/{made['id']}").status_code == 204  # as it is

    def expire(made):
        ApiKey.all_practices.filter(pk=made["id"]).update(expires_at=timezone.now())

    def demote(made):
        User.all_practices.filter(pk=manager.user.pk).update(role="staff")

    def deactivate(made):
        User.all_practices.filter(pk=manager.user.pk).update(is_active=False, role="admin")

    for wrong in (
        "praxis_",
        "praxis_12345678_",
        "praxis_12345678_x",
        "praxis_12345678_" + 43 * "x",
        "praxis_\x00_ü",
        "praxis",
    ):
        with subtests.test(key=wrong):
            assert program(wrong.encode().decode("latin-1")).get("/api/offices").status_code == 401
    table = [(revoke, "revoked"), (expire, "expired"), (demote, "maker_gone"), (deactivate, "maker_gone")]
    keys = [make("list_offices") for _ in table]
    refused(keys[0]["key"][:-1])
    refused(keys[0]["key"].replace(keys[0]["prefix"], keys[1]["prefix"]))
    for made, (stop, state) in zip(keys, table, strict=True):
        with subtests.test(stop=stop.__name__):
            assert program(made["key"]).get("/api/offices").status_code == 200 or stop is deactivate
            stop(made)
            refused(made["key"])
            assert api_keys.get_state(stored(made)) == state


def test_what_a_key_may_be_given(make, manager, subtests):
    year = timezone.now() + timedelta(days=365)
    assert abs(stored(make("read_charts")).expires_at - year) < timedelta(minutes=1)
    refused = [
        ({"permissions": []}, "permissions"),
        ({"permissions": ["manage_users"]}, "permissions.0"),
        ({"permissions": ["READ_CHARTS"]}, "permissions.0"),
        ({"permissions": "read_charts"}, "permissions"),
        ({"name": " "}, "name"),
        ({"expiresAt": "2020-01-01"}, "expiresAt"),
        ({"expiresAt": "2199-01-01"}, "expiresAt"),
        ({"scopes": ["read_charts"]}, "scopes"),
    ]
    for change, field in refused:
        with subtests.test(change=change):
            body = {"name": "Laboratory", "permissions": ["read_charts"], **change}
            answer = manager.post(ADDRESS, body, content_type=JSON)
            assert answer.status_code == 400 and list(answer.json()["errors"]) == [field], answer.content
    assert Permission.MANAGE_API_KEYS not in FOR_PROGRAMS
    assert set(WORDS) == FOR_PROGRAMS  # each has a word on the page


def test_the_trail_names_the_key_and_who_made_it(make, manager, scope):
    chart = PatientFactory()
    made = make("read_charts")
    program(made["key"]).get(f"/api/patients/{chart.pk}")
    manager.delete(f"{ADDRESS}/{made['id']}")
    events = [event for event in whole_trail() if event.about in ("accounts.ApiKey", "patients.Patient")]
    kinds = [(event.kind, orjson.loads(event.details).get("api_key"), event.user_id) for event in events]
    manager_id = manager.user.pk
    assert kinds[-3:] == [
        ("data.created", None, manager_id),
        ("chart.read", made["id"], manager_id),
        ("data.changed", None, manager_id),
    ]
    assert not any(word in event.details for event in events for word in ("Laboratory", made["key"]))
    (read, *_rest) = manager.get("/api/audit?event=chart.read").json()["events"]
    assert read["apiKey"] == {"id": made["id"], "name": "Laboratory"}
    assert read["user"]["id"] == str(manager_id)
    accesses = manager.get(f"/api/patients/{chart.pk}/accesses").json()["accesses"]
    assert "Laboratory (API key)" in [access["user"]["name"] for access in accesses if access["user"]]


def test_a_use_is_noted_once_a_minute_and_leaves_no_event_of_its_own(make, scope, django_assert_num_queries):
    made = make("list_offices")
    calling = program(made["key"])
    calling.get("/api/offices")
    first = stored(made).last_used_at
    before = Event.objects.count()
    calling.get("/api/offices")
    assert stored(made).last_used_at == first
    ApiKey.all_practices.filter(pk=made["id"]).update(last_used_at=first - timedelta(minutes=2))
    calling.get("/api/offices")
    assert stored(made).last_used_at > first - timedelta(minutes=1)
    assert Event.objects.count() == before
    with django_assert_num_queries(1):
        api_keys.authenticate(made["key"])


def test_a_program_is_counted_apart_from_people_and_other_programs(make, manager, settings):
    keys = [make("list_offices")["key"] for _ in range(2)]
    throttling._make_limiter.cache_clear()
    settings.RATE_LIMIT_PER_MINUTE = 3
    one, other = map(program, keys)
    assert [one.get("/api/offices").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert other.get("/api/offices").status_code == 200
    assert manager.get("/api/offices").status_code in (200, 429)  # who has made two calls before


def test_the_managers_page_shows_a_key_once_and_revokes_it(enter_as, scope):
    client = enter_as("admin")
    form = {"name": "Laboratory", "permissions": ["read_charts"], "expires_at_0": "", "expires_at_1": ""}
    page = client.post(reverse("admin:accounts_apikey_add"), form).content.decode()
    text = re.search(r"praxis_\w{8}_[\w-]{43}", page)[0]
    assert program(text).get("/api/patients").status_code == 200
    row = ApiKey.objects.get()
    listed = client.get(reverse("admin:accounts_apikey_changelist")).content.decode()
    assert row.prefix in listed and text not in listed
    assert "Read patients" in client.get(reverse("admin:accounts_apikey_change", args=[row.pk])).content.decode()
    client.post(reverse("admin:accounts_apikey_revoke", args=[row.pk]))
    assert program(text).get("/api/patients").status_code == 401
