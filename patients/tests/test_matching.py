"""Possible matches of registrations in the API."""

from datetime import date
from itertools import product

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from audit.tests.whole_trail import whole_trail
from core.search.phones import may_end_alike, significant_digits
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.registrations import matching
from patients.registrations.name_similarity import NameSimilarity, compare_names, is_one_typo
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from tests import damage

BORN = date(1985, 12, 10)
URL = "/api/registrations"


@pytest.fixture
def waiting(practice):
    """`waiting(name=…)`: a pending chart that matches no other by default."""

    def add(**fields):
        with practice_scope(practice.pk):
            different = {"name": "Zoltan Quux", "phone": "", "email": "zoltan@example.org", "date_of_birth": None}
            return PatientFactory(**{**different, "status": "pending", **fields})

    return add


@pytest.fixture
def chart(practice):
    def add(**fields):
        with practice_scope(practice.pk):
            different = {"name": "Irma Vep", "phone": "", "date_of_birth": None}
            return PatientFactory(**{**different, **fields})

    return add


def matches(client):
    """Return the matches of the only registration: chart and reasons."""
    (registration,) = client.get(URL).json()["registrations"]
    return [(match["id"], match["because"]) for match in registration["matches"]]


@pytest.mark.parametrize(
    ("registered", "known", "alike"),
    [
        ("Ada Lovelace", "Ada Lovelace", NameSimilarity.SAME),
        ("ADA LOVELACE", "ada lovelace", NameSimilarity.SAME),
        ("José Álvarez", "Jose Alvarez", NameSimilarity.SAME),
        ("Anne-Marie Schmidt", "Annemarie Schmidt", NameSimilarity.SAME),
        ("Mary Ann Smith", "Maryann Smith", NameSimilarity.SAME),
        ("Schmidt, Annemarie", "Anne-Marie Schmidt", NameSimilarity.NEAR),
        ("Lovelace Ada", "Ada Lovelace", NameSimilarity.SAME),
        ("Sean O'Brien", "Sean OBrien", NameSimilarity.SAME),
        ("Peter Jensen", "Peter Jenson", NameSimilarity.NEAR),
        ("Jon Smith", "John Smith", NameSimilarity.NEAR),
        ("Annemarie Okonkwo", "Anne-Marie Okonkwo-Hughes", NameSimilarity.NEAR),
        ("Bjork", "Bjorc", NameSimilarity.NEAR),
        ("Jhon Smiht", "John Smith", NameSimilarity.NEAR),
        ("John Michael Smith", "John Smith", NameSimilarity.NEAR),
        ("Christina Berg", "Kristina Berg", NameSimilarity.NONE),  # two slips in one word
        ("John Smith", "John Jones", NameSimilarity.NONE),
        ("John Smith", "Smith", NameSimilarity.NONE),
        ("Kim Park", "Tim Park", NameSimilarity.NONE),
        ("Ada", "Ada", NameSimilarity.SAME),
        ("李 明", "李 明", NameSimilarity.SAME),
        ("", "", NameSimilarity.NONE),
        ("?", "!", NameSimilarity.NONE),
    ],
)
def test_name_similarity(registered, known, alike):
    assert compare_names(registered, known) == compare_names(known, registered) == alike


@given(st.text(alphabet="abc", max_size=7), st.text(alphabet="abc", max_size=7))
def test_one_typo_is_one_letter_or_one_swap(one, other):
    letters = "abc"
    slips = {one}
    for at in range(len(one) + 1):
        slips |= {one[:at] + one[at + 1 :], one[:at] + one[at + 1 : at + 2] + one[at : at + 1] + one[at + 2 :]}
        slips |= {one[:at] + new + one[at:] for new in letters} | {one[:at] + new + one[at + 1 :] for new in letters}

    assert is_one_typo(one, other) == (other in slips and max(len(one), len(other)) >= 4)


@pytest.mark.parametrize(
    ("registered", "known"),
    [
        ("Ada Lovelace", "ada lovelace"),
        ("Lovelace Ada", "Ada Lovelace"),
        ("Peter Jensen", "Peter Jenson"),
        ("Peter Jensen", "Petar Jensen"),
        ("Gohn Smith", "John Smith"),
        ("John Smiht", "Joh Smith"),
        ("Anne-Marie Lee", "Annemarie Lee"),
        ("Annemarie Lee", "Anne-Marie Lee"),
        ("José García Márquez", "Jose Garcia"),
        ("John Michael Smith", "John Smith"),
        ("John Smith", "John Michael Smith"),
        ("Björk", "Bjork"),
        ("Bjork", "Bjorc"),
        ("J. Ng", "J Ng"),
    ],
)
def test_similar_name_is_found_through_the_index(as_role, waiting, chart, registered, known):
    known = chart(name=known)
    chart(name="Somebody Else")
    waiting(name=registered)

    assert matches(as_role("staff")) == [(str(known.pk), ["name"])]


@pytest.mark.parametrize(
    ("registered", "known"),
    [
        ("+1 (555) 010-2030", "15550102030"),
        ("555 010 2030", "+1 555 010 2030"),
        ("+49 30 901820", "030 901820"),
        ("0049 30 901820", "030/901820"),
    ],
)
def test_same_phone_is_found_however_it_is_written(as_role, waiting, chart, registered, known):
    known = chart(phone=known)
    chart(phone="+1 555 010 2031")
    waiting(phone=registered)

    assert matches(as_role("staff")) == [(str(known.pk), ["phone"])]


PHONES = [
    "+1 (555) 010-2030",
    "15550102030",
    "555 010 2030",
    "5550102030 x12",
    "555-010-2030;ext=12",
    "555 010 2031",
    "+49 30 901820",
    "030 901820",
    "0049 30 901820",
    "030/901820",
    "901820",
    "+54 2954 15 123456",
    "+54 9 2954 123456",
    "02954 15 123456",
    "011 54 9 11 2345-6789",
    "+54 11 15 2345-6789",
    "+52 1 55 1234 5678",
    "+52 55 1234 5678",
    "+1 800 FLOWERS",
    "1-800-356-9377",
    "٠٢١٢٥٥٥٠١٤٦",
    "02125550146",
    "+44 (0)20 7946 0958",
    "020 7946 0958",
    "",
    "110",
]


def test_phones_that_are_told_apart_without_parsing_are_different():
    alike = 0
    for one, other in product(PHONES, PHONES):
        digits, others = significant_digits(one), significant_digits(other)
        if digits and others and (digits.endswith(others) or others.endswith(digits)):
            assert may_end_alike(one, others), (one, other)
            alike += one != other
    assert alike > 30
    assert not may_end_alike("555 010 2030", significant_digits("555 010 2031"))


@pytest.mark.parametrize("phone", ["", "0", "000 0000", "110"])
def test_empty_phone_matches_nothing(as_role, waiting, chart, phone):
    chart(phone=phone)
    waiting(phone=phone)

    assert matches(as_role("staff")) == []


def test_same_date_of_birth_is_found(as_role, waiting, chart):
    known = chart(date_of_birth=BORN)
    chart(date_of_birth=date(1985, 10, 12))
    chart(date_of_birth=None)
    waiting(date_of_birth=BORN)

    assert matches(as_role("staff")) == [(str(known.pk), ["birthDate"])]


def test_date_of_birth_that_was_changed_is_found_as_it_is_now(as_role, waiting, chart, practice):
    known = chart(date_of_birth=None)
    waiting(date_of_birth=BORN)
    with practice_scope(practice.pk):
        known.date_of_birth = BORN
        known.save(update_fields={"date_of_birth"})

    assert matches(as_role("staff")) == [(str(known.pk), ["birthDate"])]


def test_no_search_reaches_a_year_of_birth_or_the_index_itself(as_role, chart):
    chart(date_of_birth=BORN)
    client = as_role("staff")

    for typed in ("1985", "born:1985", "born", "joined:irmavep", "December"):
        assert client.get("/api/patients", {"search": typed}).json()["total"] == 0, typed


def test_likeliest_come_first_and_five_at_most(as_role, waiting, chart):
    plain = [chart(date_of_birth=BORN) for _ in range(4)] + [chart(name="Peter Jenson")]
    same = chart(name="Peter Jensen")
    whole = chart(name="Peter Jenson", phone="555 010 2030", date_of_birth=BORN)
    waiting(name="Peter Jensen", phone="5550102030", date_of_birth=BORN)

    found = matches(as_role("staff"))

    assert found[:2] == [(str(whole.pk), ["birthDate", "phone", "name"]), (str(same.pk), ["name"])]
    assert [pk for pk, _ in found[2:]] == sorted(str(row.pk) for row in plain)[:3]


def test_only_confirmed_charts_of_the_practice_are_matches(as_role, waiting, chart, other_practice):
    with practice_scope(other_practice.pk):
        PatientFactory(name="Ada Lovelace", phone="555 010 2030")
    chart(name="Ada Lovelace", status="declined")
    chart(name="Ada Lovelace", status="merged", merged_into=chart())
    waiting(name="Ada Lovelace", phone="555 010 2030")

    assert matches(as_role("staff")) == []


def test_match_shows_who_it_is(as_role, waiting, chart, make_user):
    known = chart(name="Ada Lovelace", email="ada@example.org", phone="555 010 2030", user=make_user("patient"))
    waiting(name="Ada Lovelace")

    (registration,) = as_role("admin").get(URL).json()["registrations"]

    assert registration["matches"] == [
        {
            "id": str(known.pk),
            "name": "Ada Lovelace",
            "email": "ada@example.org",
            "phone": "555 010 2030",
            "dateOfBirth": None,
            "hasAccount": True,
            "because": ["name"],
        }
    ]


def test_trail_names_every_chart_that_was_shown(as_role, waiting, chart):
    known, alone = chart(name="Ada Lovelace"), chart()
    pending = [waiting(name="Ada Lovelace"), waiting()]
    as_role("staff").get(URL)

    (event,) = whole_trail().filter(kind="registration.listed")
    assert all(str(row.pk) in event.patients for row in (known, *pending))
    assert str(alone.pk) not in event.patients


# --- Restricted charts


def test_restricted_chart_is_found_by_its_name_alone_and_says_no_more(as_role, waiting, chart):
    chart(phone="555 010 2030", date_of_birth=BORN, restricted=True)
    named = chart(name="Ada Lovelace", phone="555 010 2030", date_of_birth=BORN, restricted=True)
    waiting(name="Ada Lovelace", phone="555 010 2030", date_of_birth=BORN)

    (registration,) = as_role("staff").get(URL).json()["registrations"]

    assert registration["matches"] == [
        {
            "id": str(named.pk),
            "name": "Ada Lovelace",
            "email": "",
            "phone": "",
            "dateOfBirth": None,
            "hasAccount": None,
            "because": ["name"],
            "restricted": True,
        }
    ]


HOLDING = [  # what a restricted chart may hold beside its name
    {},
    {"phone": "+1 555 867 5309"},
    {"date_of_birth": BORN},
    {"email": "ahna.bergre@example.org"},
    {"phone": "+1 555 867 5309", "date_of_birth": BORN, "email": "ahna.bergre@example.org"},
]
GUESSING = [
    "Ahna Bergre",  # a slip in each word: like Anna Berger, and found by no piece of it
    "Anna Berger",
    "Anna Bergre",
    "Ahna Bergre 5558675309",  # the guess in the name, which the index looks for among phones too
    "5558675309 Ahna Bergre",
    "55 Ahna Bergre 86",
    "Ahna Bergre Example",
    "Zoe Quist 5558675309",
]


@pytest.mark.parametrize("name", GUESSING)
def test_restricted_match_depends_on_its_name_only(as_role, practice, waiting, chart, name):
    open_ones = [chart(name="Anna Berger"), chart(name="Anna Bergen", phone="555 867 5309", date_of_birth=BORN)]
    waiting(name=name, phone="5558675309", date_of_birth=BORN)
    desk, seen = as_role("staff"), []
    for number, held in enumerate(HOLDING):
        closed = chart(name="Anna Berger", restricted=True, **held)
        found = matches(desk)
        assert set(dict(found)) <= {str(row.pk) for row in (*open_ones, closed)}, number
        seen.append([("the chart" if pk == str(closed.pk) else pk, because) for pk, because in found])
        with practice_scope(practice.pk):
            closed.delete()

    assert seen == [seen[0]] * len(HOLDING)
    assert ("the chart", ["name"]) in seen[0] or name not in ("Anna Berger", "Anna Bergre")


def test_restricted_charts_with_same_phone_do_not_crowd_out_name_matches(as_role, waiting, chart, monkeypatch):
    monkeypatch.setattr(matching, "MAX_BY_WORD", 2)
    for _ in range(4):
        chart(name="Somebody Else", phone="555 867 5309", restricted=True)
    known = chart(name="Anna Quist")
    waiting(name="5558675309 Hanna Quist")

    assert matches(as_role("staff")) == [(str(known.pk), ["name"])]


def test_chart_that_is_restricted_while_the_desk_looks_is_left_out(as_role, waiting, chart, monkeypatch):
    known = chart(name="Ada Lovelace", phone="555 010 2030")
    waiting(name="Ada Lovelace", phone="555 010 2030")
    desk, shown = as_role("staff"), matching._load_charts

    def restricted_meanwhile(ids):
        assert ids == {known.pk}
        Patient.objects.filter(pk=known.pk).update(restricted=True)
        return shown(ids)

    monkeypatch.setattr(matching, "_load_charts", restricted_meanwhile)

    assert matches(desk) == []
    monkeypatch.undo()
    assert matches(desk) == [(str(known.pk), ["name"])]


def test_restricted_registration_is_compared_by_its_name_alone(as_role, waiting, chart):
    named = chart(name="Ada Lovelace", phone="555 010 2030")
    chart(phone="555 010 2030")
    waiting(name="Ada Lovelace", phone="555 010 2030", restricted=True)

    assert matches(as_role("staff")) == [(str(named.pk), ["name"])]


def test_emergency_that_opens_a_match_is_told(as_role, waiting, chart, practice):
    admin = as_role("admin")
    named = chart(name="Ada Lovelace", phone="555 010 2030", restricted=True)
    with practice_scope(practice.pk):
        access = EmergencyAccessFactory(patient=named, opened_by=admin.user)
    waiting(name="Ada Lovelace")

    (registration,) = admin.get(URL).json()["registrations"]

    assert registration["matches"][0]["phone"] == "555 010 2030"
    (event,) = whole_trail().filter(kind="registration.listed")
    assert str(access.pk) in event.details


# --- Cost


def test_database_is_asked_as_often_for_three_as_for_one(as_role, waiting, chart):
    client = as_role("staff")

    def cost():
        client.get(URL)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(URL).status_code == 200
        return len(queries)

    chart(name="Ada Lovelace")
    waiting(name="Ada Lovelace")
    one = cost()
    for number in range(3):
        chart(name=f"Grace Hopper{number * 111}")
        waiting(name=f"Grace Hopper{number * 111}", phone="555 010 2030", date_of_birth=BORN)

    assert cost() == one


@pytest.mark.slow  # a hundred charts
def test_hundred_registrations_are_one_page(as_role, waiting, chart):
    chart(name="Ada Lovelace")
    for _ in range(100):
        waiting(name="Ada Lovelace", phone="555 010 2030", date_of_birth=BORN)

    page = as_role("staff").get(URL, {"limit": 100}).json()

    assert (page["total"], page["limit"], len(page["registrations"])) == (100, 100, 100)
    assert all(len(row["matches"]) == 1 for row in page["registrations"])


def test_common_name_does_not_crowd_out_the_same_phone(as_role, waiting, chart, monkeypatch):
    for most in ("MAX_BY_NAME", "MAX_BY_PREFIXES", "MAX_BY_WORD"):
        monkeypatch.setattr(matching, most, 2)
    for _ in range(6):
        chart(name="John Smith")
    known = chart(name="John Smith", phone="555 010 2030")
    waiting(name="John Smith", phone="555 010 2030")

    assert matches(as_role("staff"))[0] == (str(known.pk), ["phone", "name"])


# --- What cannot be decrypted


@pytest.mark.parametrize("field", ["name", "phone", "date_of_birth"])
@pytest.mark.parametrize("whose", ["registration", "match"])
def test_undecryptable_fields_match_nothing(as_role, waiting, chart, field, whose):
    known = chart(name="Ada Lovelace", phone="555 010 2030", date_of_birth=BORN)
    pending = waiting(name="Ada Lovelace", phone="555 010 2030", date_of_birth=BORN)
    damage.lose_key(known if whose == "match" else pending, field)
    because = {"birthDate": "date_of_birth", "phone": "phone", "name": "name"}

    assert matches(as_role("staff")) == [(str(known.pk), [why for why, of in because.items() if of != field])]


def test_page_without_registrations_is_empty(as_role, chart):
    chart()

    assert as_role("staff").get(URL).json() == {"registrations": [], "total": 0, "page": 1, "limit": 10}
