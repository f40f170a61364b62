"""Search finds a phone number however it is written, by the practice's region, and a date of birth however it is typed.

Seen in: bcr-gui#122 and cliniko-api#343 (country codes), gpconnect#1033 (the zero in brackets), ottehr#981 (Arabic
digits), openemr#8390, AuShadha#19 and cliniko-api#35 (dates of birth).
"""
# ruff: noqa: RUF001 - digits and dashes that look alike are what this is about

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.models import Practice
from tests.found.searching import names_in_api, names_on_page

pytestmark = pytest.mark.embedded  # how something typed is read hangs on no database

BORN = date(1979, 3, 8)
SEEN = [
    ("(212) 555-0144", "+1 212 555 0144"),
    ("(212) 555-0144", "+12125550144"),
    ("(212) 555-0144", "1-212-555-0144"),
    ("(212) 555-0144", "001 212 555 0144"),
    ("+49 30 901820", "030 901820"),
    ("+49 30 901820", "030901820"),
    ("+49 30 901820", "0049 30 901820"),
    ("030 901821", "+49 30 901821"),
    ("030 901821", "+4930901821"),
    ("+44 (0)20 7946 0958", "+442079460958"),
    ("٠٢١٢٥٥٥٠١٤٦", "02125550146"),
    ("212-555-0147 ext. 12", "212-555-0147 x12"),
]
AMERICA = [
    ("+1 (212) 555-0144", "(212) 555-0144"),
    ("+1 (212) 555-0144", "212.555.0144"),
    ("+1 (212) 555-0144", "2125550144"),
    ("+1 (212) 555-0144", "555-0144"),
    ("+1 (212) 555-0144", "0144"),
    ("+1 (212) 555-0144", "011 1 212 555 0144"),
    ("+1 (212) 555-0144", "+１ ２１２ ５５５ ０１４４"),
    ("212.555.0147x12", "(212) 555-0147 ext 12"),
    ("212.555.0147x12", "+1 212 555 0147 extension 12"),
    ("212.555.0147x12", "2125550147#12"),
    ("212.555.0147x12", "212-555-0147"),
    ("020 7946 0958", "+44 (0)20 7946 0958"),
    ("+44 20 7946 0959", "020 7946 0959"),
    ("+33 1 42 68 53 00", "01 42 68 53 00"),
    ("06 6982", "+39 06 6982"),  # Italy keeps the zero
    ("+52 55 5093 2000", "55 5093 2000"),
    ("+81 3-3224-9000", "03-3224-9000"),
    ("۰۲۱ ۸۸۷۷ ۶۶۵۵", "+98 21 8877 6655"),  # Persian digits
    ("+91 98765 43210", "०९८७६५ ४३२१०"),
    ("212–555–0148", "212-555-0148"),
    ("+1\u00a0212\u2011555\u20110149", "2125550149"),
    ("(646) 555-0190", "tel:+16465550190"),  # as pages link it
]
GERMANY = [
    ("030 901821", "+49 30 901821"),
    ("+49 (0) 30 / 90 18 20", "030 901820"),
    ("+49 151 23456789", "0151 23456789"),
    ("0151/23456780", "+4915123456780"),
    ("+1 212 555 0144", "001 (212) 555-0144"),
    ("+43 1 58858", "0043 1 58858"),
    ("+90 216 555 0144", "0090 216 555 01 44"),
    ("0800 3301000", "+49 800 3301000"),
    ("+49 30 121280", "030 121280"),  # no date
]
ELSEWHERE = [
    ("Europe/Moscow", "8 (495) 123-45-67", "+7 495 123-45-67"),
    ("Europe/Budapest", "+36 1 234 5678", "06 1 234 5678"),
    ("America/Argentina/Buenos_Aires", "+54 9 11 2345-6789", "011 15-2345-6789"),
    ("America/Argentina/Buenos_Aires", "011 15-2345-6789", "+54 9 11 2345-6789"),
    ("Australia/Sydney", "(02) 9374 4000", "0011 61 2 9374 4000"),
    ("Asia/Calcutta", "098765 43210", "+91 98765 43210"),
    ("UTC", "(212) 555-0144", "+1 212 555 0144"),
    ("Asia/Bangkok", "02 250 2522", "+66 2 250 2522"),  # no year of the Buddhist era
    ("Asia/Bangkok", "081-2522-123", "081-2522-123"),
    ("Asia/Tokyo", "03-1234-5678", "03ー1234ー5678"),  # with the key that types dashes in kana
    ("Asia/Tokyo", "０９０ー１２３４ー５６７８", "+81 90 1234 5678"),
]
OTHER_NUMBERS = [
    ("(212) 555-0144", "+1 212 555 0145"),
    ("212-555-0147 ext. 12", "212-555-0147 x13"),
    ("+49 30 901820", "030 901829"),
    ("+1 212 555 0199", "1979"),
    ("+33 6 12 34 56 78", "852 123456"),  # what would be a part of a number in Hong Kong
]
DATES = ["1979-03-08", "03/08/1979", "3/8/1979", "8 March 1979", "Dayton 1979", "Dayton 1979-03-08", "19790308"]
MORE_DATES = [
    "3/8/79",
    "03-08-1979",
    "3.8.1979",
    "8.3.1979",
    "1979/3/8",
    "1979. 3. 8.",
    "3 8 1979",
    "03081979",
    "March 8, 1979",
    "mar 8 1979",
    "8 Mar 79",
    "8th of March 1979",
    "8-MAR-1979",
    "08MAR1979",
    "1979 March 8",
    "8 de marzo de 1979",  # a tenth of the region's people speak Spanish
    "1979年3月8日",
    "١٩٧٩-٠٣-٠٨",
    "1979–03–08",
    "3/8/1979 day",
    "paula 3/8/1979",
    "Dayton, 8 March 1979",
    "1979 dayton",
    "1979-03-08 555 0102",
    "030879",
]
WITH_WHAT_STANDS_AROUND = [
    "DOB 3/8/1979",
    "dob: 03/08/1979",
    "D.O.B. 3/8/79",
    "DOB:03081979",
    "DOB March 8, 1979",
    "born 1979-03-08",
    "born on March 8, 1979",
    "birthdate 3/8/1979",
    "Birth date: 03/08/1979",
    "date of birth = 8 March 1979",
    "b. 3/8/1979",
    "*8.3.1979",
    "Paula Dayton (DOB 3/8/1979)",
    "Dayton, Paula (3/8/1979)",
    "[3/8/1979]",
    "Dayton, 3/8/1979,",
    "Dayton born 1979",
    "Dayton DOB 1979",
    "1979-03-08T00:00:00",
    "1979-03-08 00:00:00.000Z",
    "1979-03-08T00:00:00-05:00",
]
OTHER_DATES = [
    "1979-03-09",
    "8/3/1979",
    "9 March 1979",
    "Dayton 1978",
    "Jensen 1979-03-08",
    "1979",
    "a 1979",
    "born",
    "March",
    "DOB",
    "born 1979",
    "DOB 1979-03-09",
    "born 8/3/1979",
    "Jensen (DOB 3/8/1979)",
    "dob jensen",
]


@pytest.fixture
def move(practice):
    """Move the practice to another time zone, by which its region is known."""

    def to(zone):
        Practice.objects.filter(pk=practice.pk).update(timezone=zone)

    return to


@pytest.mark.parametrize(
    ("zone", "cases"), [("America/New_York", SEEN), ("America/New_York", AMERICA), ("Europe/Berlin", GERMANY)]
)
def test_number_is_found_however_it_is_typed(as_role, scope, move, subtests, zone, cases):
    move(zone)
    for number in dict(cases):
        PatientFactory(name=number, phone=number)
    desk = as_role("staff")
    for number, typed in cases:
        with subtests.test(stored=number, typed=typed):
            assert names_in_api(desk, typed) == {number}


@pytest.mark.parametrize(("zone", "number", "typed"), ELSEWHERE)
def test_region_is_the_practices(as_role, scope, move, zone, number, typed):
    move(zone)
    PatientFactory(name=number, phone=number)

    assert names_in_api(as_role("staff"), typed) == {number}


def test_other_numbers_are_not_found(as_role, scope, subtests):
    for number in dict(OTHER_NUMBERS):
        PatientFactory(name=number, phone=number)
    desk = as_role("staff")
    for number, typed in OTHER_NUMBERS:
        with subtests.test(stored=number, typed=typed):
            assert number not in names_in_api(desk, typed)


@pytest.fixture
def born(scope):
    PatientFactory(name="Paula Dayton", date_of_birth=BORN, phone="212 555 0102")
    PatientFactory(name="Peter Dayton", date_of_birth=date(1980, 8, 3), phone="212 555 0103")
    PatientFactory(name="Rosa Jensen", date_of_birth=None, phone="")


@pytest.mark.parametrize("spellings", [DATES, MORE_DATES, WITH_WHAT_STANDS_AROUND])
def test_date_of_birth_is_found_however_it_is_typed(as_role, born, subtests, spellings):
    desk = as_role("staff")
    for typed in spellings:
        with subtests.test(typed=typed):
            assert names_in_api(desk, typed) == {"Paula Dayton"}


def test_other_dates_and_bare_years_find_nobody(as_role, born, subtests):
    desk = as_role("staff")
    for typed in OTHER_DATES:
        with subtests.test(typed=typed):
            assert names_in_api(desk, typed) == set()


@pytest.mark.parametrize(
    ("zone", "typed"),
    [
        ("Europe/Berlin", "8.3.1979"),
        ("Europe/Berlin", "08/03/1979"),
        ("Europe/Berlin", "8. März 1979"),
        ("Europe/Berlin", "8. Maerz 1979"),
        ("Europe/Paris", "8 mars 1979"),
        ("Europe/Paris", "1er mars 1979"),
        ("Europe/Warsaw", "8 marca 1979"),
        ("Europe/London", "8/3/79"),
        ("Europe/Stockholm", "8/3 1979"),
        ("Asia/Tokyo", "1979/3/8"),
        ("Asia/Kolkata", "8 मार्च 1979"),
        ("Africa/Cairo", "٨ مارس ١٩٧٩"),
        ("America/Sao_Paulo", "8 de março de 1979"),
        ("UTC", "3/8/1979"),
        ("UTC", "8/3/1979"),
        ("Europe/Berlin", "080379"),
        ("Europe/Berlin", "8. Mrz 1979"),  # as spreadsheets write it
        ("Asia/Seoul", "790308"),
        ("Asia/Tokyo", "昭和54年3月8日"),
        ("Asia/Tokyo", "S54.3.8"),
        ("Asia/Bangkok", "8/3/2522"),
        ("Asia/Bangkok", "8 มีนาคม 2522"),
        ("Asia/Taipei", "民國68年3月8日"),
        ("Asia/Ho_Chi_Minh", "8 tháng 3, 1979"),
        ("Asia/Jerusalem", "8 במרץ 1979"),
        ("Europe/Moscow", "8 марта 1979 г."),
        ("Asia/Tehran", "1357/12/17"),
        ("Asia/Kabul", "۱۳۵۷/۱۲/۱۷"),
        ("Asia/Tehran", "۱۹۷۹/۰۳/۰۸"),
    ],
)
def test_date_is_read_as_in_the_practices_region(as_role, scope, move, zone, typed):
    move(zone)
    PatientFactory(name="Paula Dayton", date_of_birth=date(1979, 3, 1) if "1er" in typed else BORN)
    PatientFactory(name="Peter Dayton", date_of_birth=date(1979, 3, 9))

    assert names_in_api(as_role("staff"), typed) == {"Paula Dayton"}


def test_somebody_called_born_is_found(as_role, scope):
    PatientFactory(name="Max Born", date_of_birth=BORN, phone="(212) 555-0144")
    PatientFactory(name="Paula Dayton", date_of_birth=BORN, phone="(212) 555-0102")

    for typed in ("born", "Max Born 3/8/1979", "born 555-0144", "Born (212) 555-0144"):
        assert names_in_api(as_role("staff"), typed) == {"Max Born"}, typed


def test_two_letters_of_a_chinese_name_are_enough_beside_a_year(as_role, scope):
    PatientFactory(name="佐藤花子", date_of_birth=BORN, phone="")
    PatientFactory(name="佐藤一郎", date_of_birth=date(1980, 8, 3), phone="")

    assert names_in_api(as_role("staff"), "佐藤 1979") == {"佐藤花子"}


def test_staff_site_finds_them_too(enter_as, practice, subtests):
    with practice_scope(practice.pk):
        PatientFactory(name="Paula Dayton", date_of_birth=BORN, phone="(212) 555-0144")
        PatientFactory(name="Peter Dayton", date_of_birth=date(1980, 8, 3), phone="+1 212 555 0145")
    desk = enter_as("staff")
    for typed in ("+12125550144", "1979-03-08", "3/8/1979", "8 March 1979", "Dayton 1979"):
        with subtests.test(typed=typed):
            assert names_on_page(desk, typed) == {"Paula Dayton"}


def test_restricted_chart_is_found_by_neither(as_role, scope):
    PatientFactory(name="Paula Dayton", restricted=True, date_of_birth=BORN, phone="(212) 555-0144")
    desk = as_role("staff")

    for typed in ("1979-03-08", "Dayton 1979-03-08", "Dayton 1979", "dayton 8 March 1979", "+12125550144"):
        assert names_in_api(desk, typed) == set(), typed
    assert names_in_api(desk, "Dayton") == {"Paula Dayton"}


def test_date_of_another_practice_is_not_found(as_role, other_practice):
    with practice_scope(other_practice.pk):
        PatientFactory(name="Paula Dayton", date_of_birth=BORN)

    assert names_in_api(as_role("staff"), "1979-03-08") == set()


def test_region_costs_one_query_and_only_where_there_are_digits(as_role, born):
    desk = as_role("staff")
    counts = []
    for typed in ("dayton", "dayton 1979"):
        desk.get("/api/patients", {"search": typed})
        with CaptureQueriesContext(connection) as captured:
            desk.get("/api/patients", {"search": typed})
        counts.append(len(captured))

    assert counts[1] == counts[0] + 1


@pytest.mark.parametrize(
    ("registered", "known"),
    [
        ("+442079460958", "+44 (0)20 7946 0958"),
        ("٠٢١٢٥٥٥٠١٤٦", "0212 555 0146"),
        ("212-555-0147 x12", "+1 212 555 0147"),
    ],
)
def test_registration_matches_the_chart_with_its_number(as_role, scope, registered, known):
    chart = PatientFactory(name="Irma Vep", phone=known, date_of_birth=None)
    PatientFactory(name="Zoltan Quux", phone=registered, date_of_birth=None, status="pending")

    (registration,) = as_role("staff").get("/api/registrations").json()["registrations"]

    assert [(match["id"], match["because"]) for match in registration["matches"]] == [(str(chart.pk), ["phone"])]
