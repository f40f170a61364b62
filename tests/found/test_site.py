"""The site as people met it (a run through it as clinic staff, 2026-11-29): names, times, lists, printing, starting."""

import io
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import jsonschema
import pytest
import redis
from django.contrib import admin
from django.core.management import call_command
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator
from redis.backoff import NoBackoff
from redis.retry import Retry

from appointments.models import Appointment
from audit.models import Event
from config.management.commands.serve import Command
from core.cache import redis_client
from core.tenancy.scope import practice_scope
from core.typed import parse_time
from dashboard.tests.test_admin_saving import CHART
from demo.cases import CASES, cases_of
from demo.people import MALE, YOUNGEST, make_random
from demo.people import person as make_person
from patients.models import Patient
from patients.tests.factories import PatientFactory
from practices.models import Practice
from tests.admin_forms import form_values, page_of, send

pytestmark = pytest.mark.production  # pages cost most, as in test_admin*.py


ROOT = Path(__file__).resolve().parents[2]
ID_AS_NAME = re.compile(r"\b[A-Z][a-z]+(?: [a-z]+)* [0-9a-f]{6}\b")  # "Doctor ca1e64", "Legal hold 6e4277"
ADD = "admin:appointments_appointment_add"
LIST = "admin:appointments_appointment_changelist"


def visible_text(answer):
    page = re.sub(r"(?s)<(script|style).*?</\1>", "", answer.content.decode())
    return re.sub(r"<[^>]+>", " ", page)


# --- Names


ROWS = ["doctor", "office", "join_code", "practice", "chart", "pending"]
ROWS += ["appointment", "record", "note", "plan", "file", "deletion", "emergency"]


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("role", ["admin", "staff"])
def test_no_page_shows_an_id_as_a_name(enter_as, own, role, name):
    """Praxis: "Doctor ca1e64" as the primary doctor of every chart, "Note deb37e" and "Deletion 6e4277" as titles."""
    with practice_scope(own.practice.pk):
        Patient.objects.filter(pk=own.chart.pk).update(primary_doctor=own.doctor)
    client, row = enter_as(role), getattr(own, name)
    for address in (page_of(row), reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_changelist")):
        assert ID_AS_NAME.findall(visible_text(client.get(address, follow=True))) == []


def test_row_is_called_what_people_call_it(enter_as, own):
    own.chart.primary_doctor = own.doctor
    with practice_scope(own.practice.pk):
        own.chart.save()
    client = enter_as("staff")
    assert own.doctor.name in visible_text(client.get(page_of(own.chart)))
    assert "Ann Ownwood, " in visible_text(client.get(page_of(own.appointment)))
    assert "Ann Ownwood, Plan Ownwood" in visible_text(client.get(page_of(own.plan)))


def test_what_was_saved_is_named(enter_as, own):
    """Praxis: "The appointment “Appointment f3fb59” was added"; "The person “Doctor 6481b1” was added"."""
    client = enter_as("admin")
    booked = client.post(reverse(ADD), visit(own), follow=True)
    assert "Added: Ann Ownwood, Jan 6, 2031, 2:30 PM ." in tidy(visible_text(booked))

    chart = client.post(reverse("admin:patients_patient_add"), {**CHART, "_continue": ""}, follow=True)
    assert "Added: Rosa Müller ." in tidy(visible_text(chart))
    assert chart.context["original"].name == "Rosa Müller"


def test_trail_names_a_deleted_chart(enter_as, own):
    """Its id stood there; only a chart that is gone for good has no name left."""
    client = enter_as("admin")
    client.get(page_of(own.chart))
    client.post(reverse("admin:patients_patient_delete", args=[own.chart.pk]), {"reason": "Entered twice"})
    page = client.get(reverse("admin:trail")).content.decode()
    assert "Ann Ownwood (deleted)" in page
    cells = re.findall(r'(?s)<td data-label="Patients">(.*?)</td>', page)
    assert cells and not any(f">{own.chart.pk}" in cell for cell in cells)


def test_message_that_names_a_patient_waits_encrypted(enter_as, own):
    client = enter_as("admin")
    client.post(reverse("admin:patients_patient_add"), CHART)
    kept = client.cookies["messages"].value
    assert kept and b"Rosa" not in kept.encode()
    client.cookies["messages"] = "made-up"
    assert client.get(reverse("admin:index")).status_code == 200


def test_browsers_history_names_no_patient(enter_as, own):
    title = re.search(r"(?s)<title>(.*?)</title>", enter_as("admin").get(page_of(own.chart)).content.decode())[1]
    assert "Ownwood" not in title and not ID_AS_NAME.search(title)


# --- Times as people type them


TYPED = {
    "14:30": ["2:30 pm", "2:30 PM", "2.30pm", "2:30 p.m.", "1430", "14:30", "14.30", "14:30:00", "14h30", "2 30 pm"],
    "16:30": ["1630 hrs", "16:30 Uhr", "16h30"],
    "09:00": ["9h", "9 Uhr", "9am"],
    "14:31": ["2:31\u202fPM", "\uff12:31 pm", " 2:31 P.M. "],  # a narrow blank as browsers print, a full-width digit
    "14:00": ["2pm", "2 p.m.", "14:00", "2p", "14h", "14 Uhr"],
    "12:00": ["noon", "12 pm", "12:00 p.m.", "12 noon", "midday"],
    "00:00": ["midnight", "12 am", "0:00", "12:00 AM"],
    "09:05": ["9:05", "9:05 am", "0905", "905"],
}


@pytest.mark.parametrize(("meant", "typed"), [(meant, typed) for meant, all_ in TYPED.items() for typed in all_])
def test_time_is_taken_as_it_is_typed(meant, typed):
    """Praxis: "2:30 pm" refused on a page that says "2:30 p.m."."""
    assert parse_time(typed).strftime("%H:%M") == meant


@pytest.mark.parametrize(
    ("zone", "typed", "meant"),
    [
        ("America/New_York", "5/1/2001", date(2001, 5, 1)),
        ("America/New_York", "8 March 1979", date(1979, 3, 8)),
        ("Europe/London", "5/1/2001", date(2001, 1, 5)),
        ("Europe/London", "8 Mar 1979", date(1979, 3, 8)),
        ("Europe/Berlin", "5.1.2001", date(2001, 1, 5)),
        ("Europe/Berlin", "31.12.99", date(1999, 12, 31)),
        ("Asia/Tokyo", "2001/1/5", date(2001, 1, 5)),
        ("Asia/Tokyo", "5/1/2001", None),  # may mean either
        ("Europe/London", "2001-01-05", date(2001, 1, 5)),
    ],
)
def test_date_is_taken_as_the_practices_region_writes_it(enter_as, own, practice, zone, typed, meant):
    """Praxis: a chart in London got May 1 for 5/1, and one in Berlin no 5.1. at all."""
    Practice.objects.filter(pk=practice.pk).update(timezone=zone)

    answer = send(enter_as("admin"), own.chart, date_of_birth=typed)

    with practice_scope(practice.pk):
        born = Patient.objects.get(pk=own.chart.pk).date_of_birth
    assert (answer.status_code, born) == ((302, meant) if meant else (200, own.chart.date_of_birth))


@pytest.mark.parametrize(
    "typed", ["2", "12", "24:00", "14:30 am", "9:60", "half past two", "1:2", "", "99999", "pm", "2.12.26"]
)
def test_what_may_mean_two_times_or_none_is_refused(typed):
    with pytest.raises(ValueError):
        parse_time(typed)


def visit(own, **fields):
    when = {"starts_at_0": "2031-01-06", "starts_at_1": "2:30 pm"}
    row = {"patient": own.chart.pk, "doctor": own.doctor.pk, "office": "", "reason": "Neck pain", "notes": ""}
    return {**row, **when, **fields}


def test_every_time_field_takes_it(enter_as, own, subtests):
    client = enter_as("admin")
    for typed in ("2:30 p.m.", "1530", "4.30pm"):
        with subtests.test(typed=typed):
            assert client.post(reverse(ADD), visit(own, starts_at_1=typed)).status_code == 302
    with practice_scope(own.practice.pk):
        latest = Appointment.objects.latest("id")
    assert latest.starts_at == datetime(2031, 1, 6, 21, 30, tzinfo=UTC)
    assert send(client, latest, starts_at_1="5:30 pm").status_code == 302

    code = {"doctor": own.doctor.pk, "office": own.office.pk, "most_uses": ""}
    expires = {"expires_at_0": "2090-01-06", "expires_at_1": "5 p.m."}
    made = client.post(reverse("admin:accounts_joincode_add"), code | expires).content.decode()
    assert "Valid until Jan 6, 2090, 5:00 PM." in made


def test_form_shows_times_as_the_lists_do(enter_as, own):
    client = enter_as("admin")
    client.post(reverse(ADD), visit(own))
    with practice_scope(own.practice.pk):
        latest = Appointment.objects.latest("id")
    assert 'value="2:30 PM"' in client.get(page_of(latest)).content.decode()
    assert form_values(client, latest)["starts_at_1"] == "14:30:00"
    answer = client.post(reverse(ADD), visit(own, starts_at_1="half past two"))
    assert "Enter a time such as 2:30 PM." in answer.content.decode()


# --- Lists


def test_after_booking_the_list_opens_at_the_booked_day(enter_as, own):
    """Praxis: it opened at the latest day of all, weeks away from the new row."""
    client = enter_as("admin")
    client.post(reverse(ADD), visit(own, starts_at_1="4 pm"))
    answer = client.post(reverse(ADD), visit(own), follow=True)
    assert answer.redirect_chain[-1][0] == f"{reverse(LIST)}?when=2031-01-06"
    times = [row.starts_at.hour for row in answer.context["cl"].result_list]
    assert times == [19, 21]  # from the morning on
    assert "Jan 6, 2031" in visible_text(answer)
    with practice_scope(own.practice.pk):
        latest = Appointment.objects.latest("id")
    moved = send(client, latest, starts_at_0="2031-01-07")
    assert moved.url == f"{reverse(LIST)}?when=2031-01-07"
    assert client.get(reverse(LIST), {"when": "2031-13-07"}).context["cl"].result_count == 3


def test_all_rows_of_a_list_can_be_printed(enter_as, own):
    """Praxis: 5 of 74 rows on paper."""
    client = enter_as("staff")
    with practice_scope(own.practice.pk):
        PatientFactory.create_batch(26)
    page = client.get(reverse("admin:patients_patient_changelist"))
    total = page.context["cl"].result_count
    assert f"Print {total} rows" in visible_text(page) and total > 25
    printed = re.search(r'<a href="([^"#]*)#print"', page.content.decode())[1]
    assert len(client.get(reverse("admin:patients_patient_changelist") + printed).context["cl"].result_list) == total


def test_list_too_long_to_print_says_so(enter_as, own, monkeypatch):
    patients = admin.site.get_model_admin(type(own.chart))
    monkeypatch.setattr(patients, "list_max_show_all", 1)
    page = visible_text(enter_as("staff").get(reverse("admin:patients_patient_changelist")))
    assert "To print this list, narrow it to 1 row with" in tidy(page)


def test_empty_list_says_so_in_a_word(enter_as, own):
    """Praxis: "This page yielded into no results. Create a new item", to staff who cannot create one."""
    client = enter_as("staff")
    assert "No matches." in visible_text(client.get(reverse("admin:patients_patient_changelist"), {"q": "xyzzy"}))


def test_restricting_a_chart_asks_first(enter_as, own):
    """Praxis: one click shut the manager out at once."""
    page = enter_as("admin").get(page_of(own.chart)).content.decode()
    form = re.search(r"(?s)<summary>Restrict this chart…</summary>(.*?)</details>", page)[1]
    assert "Restrict this chart?" in form and "Only the primary doctor can undo this" in tidy(form)


# --- The patient picker


def suggestions(client, term):
    asked = {"app_label": "appointments", "model_name": "appointment", "field_name": "patient", "term": term}
    return [found["text"] for found in client.get(reverse("admin:autocomplete"), asked).json()["results"]]


def test_picker_tells_people_of_one_name_apart(enter_as, own):
    """Praxis: three equal Paula Jensens."""
    with practice_scope(own.practice.pk):
        PatientFactory(name="Paula Jensen", date_of_birth="1985-03-04", phone="(212) 555-0104")
        PatientFactory(name="Paula Jensen", date_of_birth="1990-12-31", phone="")
        PatientFactory(name="Paula Jensen", date_of_birth="2001-01-01", phone="(212) 555-0199", restricted=True)
    assert set(suggestions(enter_as("admin"), "paula jensen")) == {
        "Paula Jensen, born Mar 4, 1985, (212) 555-0104",
        "Paula Jensen, born Dec 31, 1990",
        "Paula Jensen (restricted chart)",
    }


def test_trail_filter_is_told_as_a_reading(enter_as, own):
    """It shows the date of birth and the phone of the patient who was picked, also where no event is theirs."""
    client = enter_as("admin")
    page = client.get(reverse("admin:trail"), {"patient": str(own.pending.pk), "outcome": "failed"})
    assert "Pending Ownwood, born " in page.content.decode()
    with practice_scope(own.practice.pk):
        event = Event.objects.filter(kind="trail.read").latest("id")
    assert str(own.pending.pk) in event.patients


def tidy(text):
    return " ".join(text.split())


# --- Starting and operating


class TestServe:
    """Praxis: the banner of `make run` said nothing while Redis was down, and sign-in answered 503."""

    @pytest.fixture
    def banner(self, db):
        def banner():
            said = io.StringIO()
            Command(stdout=said)._print_addresses()
            return said.getvalue()

        return banner

    def test_banner_says_that_redis_is_down(self, banner, settings, monkeypatch):
        settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"
        monkeypatch.setattr(redis_client, "is_reachable", lambda: False)
        assert "Redis does not answer at 127.0.0.1:1 (REDIS_URL): nobody can sign in until it does." in banner()
        assert "secret" not in banner()

    def test_banner_says_nothing_of_a_redis_that_answers_or_is_not_used(self, banner, settings, monkeypatch):
        monkeypatch.setattr(redis_client, "is_reachable", lambda: True)
        settings.REDIS_URL = "redis://127.0.0.1:6379/0"
        assert "Redis" not in banner()
        monkeypatch.setattr(redis_client, "is_reachable", lambda: False)
        settings.REDIS_URL = ""
        assert "Redis" not in banner()

    def test_dead_redis_does_not_answer(self, monkeypatch):
        monkeypatch.setattr(redis_client, "client", lambda: redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
        assert not redis_client.is_reachable()


@pytest.mark.slow  # a process of its own
def test_check_fails_while_the_database_cannot_be_reached():
    """Praxis: `manage.py check --database default` passed."""
    environment = {**os.environ, "DATABASE_URL": "postgresql://praxis:secret@127.0.0.1:1/praxis"}
    command = [sys.executable, "manage.py", "check", "--database", "default"]
    checked = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert "(praxis.E001) Cannot open the database 127.0.0.1:1/praxis (DATABASE_URL)" in checked.stderr
    assert "Traceback" not in checked.stderr and "secret" not in checked.stderr


def test_check_passes_with_the_database_it_uses(db):
    call_command("check", databases=["default"])


def test_debug_log_has_no_lines_without_a_route(settings, client, db, caplog):
    """Praxis: 11,921 of 13,025 lines said only `route=None`; most were static files."""
    settings.DEBUG = True
    for address in ("/static/praxis/admin.css", "/nothing-here", "/"):
        client.get(address)
    lines = [record.msg for record in caplog.records if record.name == "praxis.request"]
    assert len(lines) == 2
    assert [line.get("route", "left out") for line in lines] == ["left out", "/"]


def test_installing_requirements_shows_that_it_moves():
    """Praxis: nothing for two minutes. Each package is a line as it comes, and a failure is one still."""
    recipe = re.search(r"(?s)^PROGRESS := (.*?esac; done)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    loop = recipe.replace("\\\n", "").replace("$$", "$")
    said = "Collecting Django==5.2 (from -r requirements.txt)\n  Using cached x\nInstalling collected packages: a, b\n"
    shown = subprocess.run(["/bin/sh", "-c", loop], input=said, capture_output=True, text=True, check=True).stdout
    assert shown == "  Django==5.2\nUnpacking them (about a minute) ...\n"


# --- The demo


def test_demo_people_fit_their_age():
    """Praxis: an eleven-year-old with an accident in 2018 whose emergency contact is her son."""
    random = make_random(3)
    for person in (make_person(random, number) for number in range(2_000)):
        born = person.date_of_birth.year
        assert born < 2008
        for year in map(int, re.findall(r"\b(?:19|20)\d\d\b", person.medical_history)):
            assert year - born >= 16, person
        name, _, relation = person.emergency_contact.partition(",")[0].rpartition(" (")
        assert born <= 1982 or relation not in ("son)", "daughter)"), person
        assert relation not in ("son)", "brother)", "father)") or name.split()[0] in MALE, person


@pytest.mark.parametrize("specialty", CASES)
def test_every_demo_patient_has_a_case_of_each_specialty(specialty):
    assert cases_of(specialty, born=YOUNGEST.year)
    assert len(cases_of(specialty, born=1940)) == len(CASES[specialty])


# --- The API docs


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def test_every_body_has_an_example_that_is_valid(schema, subtests):
    """Praxis: 0 of 117 operations had one."""
    components = as_json_schema(schema["components"])
    checked = 0
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
            for body in (operation.get("requestBody", {}), *answers):
                media = body.get("content", {}).get("application/json")
                if media is None:
                    continue
                with subtests.test(call=f"{method} {path}"):
                    rule = {**as_json_schema(media["schema"]), "components": components}
                    jsonschema.validate(media["example"], rule)
                    checked += 1
    assert checked > 100


def as_json_schema(part):
    if isinstance(part, list):
        return [as_json_schema(one) for one in part]
    if not isinstance(part, dict):
        return part
    plain = {key: as_json_schema(value) for key, value in part.items() if key != "example"}
    return {"anyOf": [plain, {"type": "null"}]} if plain.pop("nullable", None) is True else plain


def test_every_schema_says_what_it_is_and_no_two_the_same_by_default(schema):
    """Praxis: 53 schemas described by "A shape that is only ever written out."."""
    described = {name: part.get("description", "") for name, part in schema["components"]["schemas"].items()}
    assert all(described.values())
    assert "only ever written" not in str(described)
    common = Counter(text for text in described.values() if not text.startswith(("* `", "Sent", "Returned", "Part")))
    assert common.most_common(1)[0][1] <= 5
    assert described["ChartPage"] == "Returned by `GET /api/patients`."


def test_summaries_are_english(schema, subtests):
    """Praxis: "Delete a appointment"."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            with subtests.test(call=f"{method} {path}"):
                assert operation["summary"]
                assert not re.search(r"\b[Aa] [aeio]|\b[Aa]n [^aeiouhAEIOUH]", operation["summary"])
