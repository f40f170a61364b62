# ruff: noqa: RUF001 - names and phones in their own letters
"""Names that are none, phones that are words, a currency that is a part of a word.

Invisible and broken names: seen in qpixel#135, FreeFeed#383, infinity-next#65 and Expensify#96468. "hello" as a phone
and `dol` as a currency: seen in Praxis itself, by its front desk and its office manager. The right values are names of
people in some twenty countries, and phones as they are written there.
"""

from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.tests.second_factors import post
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from tests.admin_forms import errors_of, send
from tests.contract.clinic import CHART

pytestmark = pytest.mark.embedded  # validators ask no database

NO_NAMES = [
    "\u200b\u200b",  # zero-width spaces
    "\u2800",  # Braille without dots
    "\u3164",  # Hangul fillers
    "\uffa0\u115f",
    "\u2060",
    "\ufeff",
    "\xad",
    "\u180e",
    "\u200e\u200f",
    "\u2067\u2069",
    "\u034f",
    "\U000e0041\U000e0042",  # tags
    "\u0301\u0301",  # accents on nothing
    "\ufe0f",
    "\u17b4",
    "Anna\nPaid: yes",
    "Anna\rSmith",
    "Anna\u2028Smith",
    "Anna\u2029Smith",
    "Anna\x85Smith",
    "Anna\tSmith",
    "Anna\x07Smith",
    "Anna\x1b[31mSmith",
    "Anna\x7fSmith",
    "Anna\x9bSmith",
    "Anna \u202ehtimS",  # shown backwards
    "\u202dAnna Smith",
    "\u202aAnna\u202c",
    "\u2066Anna",
    "Anna\u3164Smith",
    "Anna\ufffdlie",  # what is left of another encoding
    "Anna \ufffc",
    "Anna\uffff",
    "...",
    "-",
    "12345",
    "?!",
    "\u02bb",  # what stands beside a letter: an okina,
    "\u0640",  # a tatweel,
    "\u30fc\u3005",  # marks that lengthen and repeat
    "\N{WHITE SMILING FACE}",
]
NAMES = [
    "José Ñúñez",
    "Jose\u0301 N\u0303un\u0303ez",
    "O'Brien",
    "Sean O‘Malley",
    "Kaʻiulani Kealoha",
    "Jean-Luc Smith–Jones",
    "Martin Luther King, Jr.",
    "Nguyễn Thị Minh Khai",
    "Þóra Guðmundsdóttir",
    "Łukasz Wróbel",
    "Ayşe Işık",
    "Дмитрий Иванович",
    "Ελένη Παπαδοπούλου",
    "王小明",
    "佐藤\u3000花子",
    "김민수",
    "राम मिश्रा",
    "ශ්\u200dරී ලංකා",  # a joiner that Sinhala needs
    "علی\u200cرضا",  # a non-joiner that Persian needs
    "שלמה כהן",
    "የሺ አበበ",
    "ສົມພອນ",
    "நா. முத்துக்குமார்",
    "Bar\xadbara New\u200bman",  # from a web page; search looks past them
    "Jean\N{NO-BREAK SPACE}Luc",
    "Ng",
    "X Æ A-12",
    "Baby (boy) of Anna",
    "𠮷田",
]
NO_PHONES = ["hello", "none", "n/a", "?", "-", "x12", "12 Main Street", "ada@1234567.com", "1a2b3c", "call me", "()"]
NO_PHONES += [
    "\u202e4410 555 212",
    "<b>5551234567</b>",
    "555\n0144",
    "555\x070144",
    "\u200b",
    "1234 5678 9012 3456 7890 1234",
    "+49",  # what a form with a menu of countries leaves there
    "+1 (",
    "+٤٩",
    "0",
    "000-000-0000",
]
PHONES = [
    "(212) 555-0144",
    "+1 212 555 0144",
    "001 212 555 0144",
    "212.555.0147 ext. 12",
    "555-0144 x12",
    "1-800-FLOWERS",
    "+49 30 901820",
    "030 / 90 18 20-0",
    "030 901820 Durchwahl 12",
    "+44 (0)20 7946 0958",
    "+1 (212) 555‑0144",
    "٠٢١٢٥٥٥٠١٤٦",
    "０３－１２３４－５６７８",
    "03ー1234ー5678 内線12",
    "8 (495) 123-45-67 доб. 12",
    "\u202a+49 30 901820\u202c",  # as phones paste it
    "\u202d(212) 555-0144\u202c",
    "555-0142 or 555-0143",
    "555-0142, 555-0143",
    "555-0144 (mobile)",
    "tel:+1-212-555-0144;ext=12",  # RFC 3966, as other programs write it
    "Tel. 030 901820",
    "*67 212 555 0144",
    "4711",
    "5",
    "+1-800-FLOWERS",
    "+290 51234",  # St Helena
]


def post_chart(client, **fields):
    return post(client, "/api/patients", {**CHART, **fields})


def refused_for(answer, field):
    return answer.status_code == 400 and list(answer.json()["errors"]) == [field]


# --- The API


def test_chart_takes_no_name_that_is_none(as_role, subtests):
    client = as_role("staff")
    for name in NO_NAMES:
        with subtests.test(name=name):
            assert refused_for(post_chart(client, name=name), "name")
    assert client.get("/api/patients").json()["total"] == 0


def test_chart_takes_names_of_the_world_as_they_are(as_role, subtests):
    client = as_role("staff")
    for name in NAMES:
        with subtests.test(name=name):
            answer = post_chart(client, name=name)

            assert (answer.status_code, answer.json()["name"]) == (201, name)


def test_chart_takes_no_phone_that_is_none(as_role, subtests):
    client = as_role("staff")
    for phone in NO_PHONES:
        with subtests.test(phone=phone):
            assert refused_for(post_chart(client, phone=phone), "phone")


def test_chart_takes_phones_as_they_are_written(as_role, subtests):
    client = as_role("staff")
    for phone in PHONES:
        with subtests.test(phone=phone):
            answer = post_chart(client, phone=phone)

            assert (answer.status_code, answer.json()["phone"]) == (201, phone)


def test_other_texts_of_a_chart(as_role, subtests):
    client = as_role("staff")
    for field, text in [
        ("address", "12 Main St\x00"),
        ("address", "\u200b"),
        ("allergies", "Latex\x07"),
        ("bloodType", "A\n+"),
        ("bloodType", "\u2800"),
        ("bloodType", "A\ufffd"),
        ("allergies", "\u200b"),
        ("emergencyContact", "\u3164"),
    ]:
        with subtests.test(field=field, text=text):
            assert refused_for(post_chart(client, **{field: text}), field)
    several_lines = {"address": "12 Main St\nSpringfield", "allergies": "Latex\r\n\tsevere\u2028Nuts"}
    assert post_chart(client, **several_lines).status_code == 201


def test_every_way_into_an_account(as_role, anonymous, practice, subtests):
    practice_code = practice.join_code
    body = {"email": "new@example.com", "password": "Passw0rd!", "role": "patient", "joinCode": practice_code}
    for fields, field in [
        ({"name": "\u200b"}, "name"),
        ({"name": "Anna\nPaid: yes"}, "name"),
        ({"name": "Ann", "phone": "hello"}, "phone"),
    ]:
        with subtests.test(fields=fields):
            assert refused_for(post(anonymous, "/api/auth/register", {**body, **fields}), field)
    client = as_role("doctor")
    for fields, field in [
        ({"name": "\u3164"}, "name"),
        ({"phone": "hello"}, "phone"),
        ({"specialization": "Chiro\npractic"}, "specialization"),
    ]:
        with subtests.test(fields=fields):
            answer = client.patch("/api/users/me", fields, content_type="application/json")

            assert refused_for(answer, field)
    assert client.patch("/api/users/me", {"phone": None}, content_type="application/json").status_code == 200


def test_offices_plans_and_visits(as_role, own, subtests):
    admin, doctor = as_role("admin"), as_role("doctor")
    chart = str(own.chart.pk)
    for client, path, body, field in [
        (admin, "/api/offices", {"name": "\u200b"}, "name"),
        (admin, "/api/offices", {"name": "Mid\ntown"}, "name"),
        (admin, "/api/offices", {"name": "Mid\ufffdtown"}, "name"),
        (admin, "/api/offices", {"name": "Midtown", "address": "\u200b"}, "address"),
        (admin, "/api/offices", {"name": "Midtown", "phone": "hello"}, "phone"),
        (doctor, "/api/plans", {"patientId": chart, "title": "Back\nto work", "startsOn": "2026-11-02"}, "title"),
        (
            doctor,
            "/api/records",
            {"patientId": chart, "diagnosis": "\u200b", "prescription": "", "notes": ""},
            "diagnosis",
        ),
    ]:
        with subtests.test(path=path, body=body):
            assert refused_for(post(client, path, body), field)
    assert post(admin, "/api/offices", {"name": "24/7", "phone": ""}).status_code == 201
    draft = {"patientId": chart, "subjective": "\u200b", "plan": "Rest\x0bIce\x07\n"}  # as editors and Word paste
    assert post(doctor, "/api/sessions", draft).json()["plan"] == draft["plan"]
    nothing = {"patientId": chart, "subjective": "\u200b", "assessment": "\u2800", "plan": "\u3164"}
    note = post(doctor, "/api/sessions", nothing).json()
    empty = post(doctor, f"/api/sessions/{note['id']}/finalise", {"version": 1})
    assert (empty.status_code, "at least one section" in empty.json()["detail"]) == (400, True)


def test_email_has_no_character_that_nobody_sees_and_a_host_of_the_internet(
    as_role, enter_as, anonymous, own, subtests
):
    """It was stored, no mail arrived, and who typed it again was somebody else."""
    email, registering = "ada@example.com\u200b", {"name": "Ada", "password": "Passw0rd!", "role": "patient"}
    incomplete = {"name": "Ada", "incomplete": True}
    invited = {"name": "Nora", "role": "staff"}
    for client, path, body in [
        (as_role("staff"), "/api/patients", CHART),
        (as_role("staff"), "/api/patients", incomplete),
        (as_role("admin"), "/api/invitations", invited),
        (anonymous, "/api/auth/register", registering),
    ]:
        with subtests.test(path=path):
            assert refused_for(post(client, path, {**body, "email": email}), "email")
            for nowhere in ("a@localhost", "a@LOCALHOST", "a@[127.0.0.1]", "a@[IPv6:::1]"):
                assert refused_for(post(client, path, {**body, "email": nowhere}), "email"), nowhere
    desk = enter_as("staff")
    page = reverse("chart_contact", args=[own.chart.pk])
    assert "characters are blank" in desk.post(page, {"email": email, "initial-email": ""}).content.decode()
    nowhere = desk.post(page, {"email": "a@localhost", "initial-email": ""}).content.decode()
    assert "Enter a valid email address." in nowhere


def test_templates_of_texts(as_role, subtests):
    doctor = as_role("doctor")
    for path, body, field in [
        ("/api/phrases", {"word": "\u3164nka", "text": "No known allergies"}, "word"),
        ("/api/letter-templates", {"name": "Work", "title": "Certificate", "text": "\u200b"}, "text"),
        ("/api/letter-templates", {"name": "Work", "title": "Certificate", "text": "{patient.name} is ill."}, "text"),
        ("/api/letter-templates", {"name": "Work", "title": "{Patient name}", "text": "Ill."}, "title"),
    ]:
        with subtests.test(body=body):
            assert refused_for(post(doctor, path, body), field)


# --- The site


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("name", "\u2800"),
        ("name", "A\x07"),
        ("phone", "hello"),
        ("allergies", "a\x07"),
        ("allergies", "\u200b"),
    ],
)
def test_page_of_a_chart(enter_as, own, field, text):
    assert list(errors_of(send(enter_as("admin"), own.chart, **{field: text}))) == [field]


@pytest.mark.parametrize("phone", ["212.555.0147 ext. 12", "٠٢١٢٥٥٥٠١٤٦"])
def test_page_takes_phones_as_they_are_written(enter_as, own, phone):
    assert send(enter_as("admin"), own.chart, phone=phone).status_code == 302


def test_what_was_stored_before_keeps_nothing_else_from_being_saved(enter_as, practice):
    client = enter_as("admin")
    with practice_scope(practice.pk):
        chart = PatientFactory(phone="ask her mother")

    assert send(client, chart, name="Ann Married").status_code == 302
    assert list(errors_of(send(client, chart, phone="ask his mother"))) == ["phone"]


def test_page_of_a_new_chart(enter_as):
    client = enter_as("admin")
    new = {"name": "\u200b\u200b", "phone": "hello"}

    answer = client.post(reverse("admin:patients_patient_add"), new)

    assert list(errors_of(answer)) == ["name", "phone"]


@pytest.mark.parametrize(
    ("whose", "field", "text"),
    [
        ("doctor", "name", "\u3164"),
        ("doctor", "phone", "hello"),
        ("doctor", "specialization", "\u200b"),
        ("office", "name", "\u200b"),
        ("office", "phone", "hello"),
        ("practice", "name", "Demo\u202e"),
    ],
)
def test_pages_of_people_and_offices(enter_as, own, whose, field, text):
    assert list(errors_of(send(enter_as("admin"), getattr(own, whose), **{field: text}))) == [field]


def test_files(as_role, own, make_user):
    doctor = as_role("doctor")
    body = {"patientId": str(own.chart.pk), "file": SimpleUploadedFile("\u2800.txt", b"Normal", "text/plain")}

    assert doctor.post("/api/attachments", body).status_code == 400
    renamed = as_role("admin").patch(
        f"/api/attachments/{own.file.pk}", {"name": "\u3164"}, content_type="application/json"
    )
    assert refused_for(renamed, "name")


def test_reason_of_a_deletion(enter_as, own):
    page = reverse("admin:patients_patient_delete", args=[own.chart.pk])

    answer = enter_as("admin").post(page, {"reason": "\u200b"})

    assert answer.context["form"].errors["reason"]
    with practice_scope(own.practice.pk):
        assert Patient.objects.filter(pk=own.chart.pk).exists()


@pytest.mark.parametrize("code", ["dol", "US", "DEM", "XAU"])
def test_no_currency(enter_as, own, code):
    assert list(errors_of(send(enter_as("admin"), own.practice, currency=code))) == ["currency"]


@pytest.mark.parametrize(("typed", "stored"), [("EUR", "EUR"), ("CHF", "CHF"), ("JPY", "JPY")])
def test_currency(enter_as, own, typed, stored):
    assert send(enter_as("admin"), own.practice, currency=typed).status_code == 302

    own.practice.refresh_from_db()
    assert own.practice.currency == stored


# --- Commands


@pytest.mark.parametrize(
    "names", [("River\nside", "Ann"), ("\u200b", "Ann"), ("Riverside", "\u200b"), ("Riverside", "1")]
)
def test_command_takes_no_name_that_is_none(db, monkeypatch, names):
    practice, manager = names
    monkeypatch.setattr("sys.stdin", StringIO("Passw0rd!\n"))
    options = ("--timezone", "UTC", "--admin-email", "a@example.com", "--admin-name", manager, "--password-stdin")

    with pytest.raises(CommandError):
        call_command("create_practice", practice, *options)
