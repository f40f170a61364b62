"""Search finds letters that NFKD does not take apart, and both spellings where languages differ.

Seen in: open-mercato#5667, stella#2123, ogcapi-features#850.
"""
# ruff: noqa: RUF001 - letters that look alike are what this is about

import pytest

from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.tests.factories import FinalisedNoteFactory
from tests.found.searching import expect_found, expect_not_found, hits_in_notes, names_in_api, names_on_page, store

SEEN = [
    ("Mette Sørensen", "Sorensen"),
    ("Łukasz Wróbel", "Lukasz"),
    ("Đorđe Petrović", "Dorde"),
    ("Ayşe Işık", "Isik"),
    ("Ayşe Işık", "ışık"),
    ("Ayşe Işık", "IŞIK"),
    ("Ægir Bjørnsson", "Aegir"),
    ("Ægir Bjørnsson", "Bjornsson"),
    ("Þóra Guðmundsdóttir", "Thora"),
    ("Þóra Guðmundsdóttir", "Gudmundsdottir"),
]
# Each country's letters outside of a to z are those of CLDR's exemplar characters.
NORTH_AND_WEST = [
    ("Øyvind Bråten", "Oyvind Braten"),  # Norway
    ("Åse Kjærsgård", "ase kjaersgard"),  # Denmark
    ("Høgni Djurhuus í Lað", "hogni lad"),  # Faroe Islands
    ("Sæþór Eyþórsson", "Saethor Eythorsson"),  # Iceland
    ("Máhtte Ŧuolja", "Mahtte Tuolja"),  # Sápmi
    ("Õnne Pärn", "onne parn"),  # Estonia
    ("Jürgen Groß", "jurgen gross"),  # Germany
    ("Lœtitia Le Cœur", "Loetitia Coeur"),  # France
    ("Siân Ŵyn", "sian wyn"),  # Wales
    ("Íñigo Muñoz", "inigo munoz"),  # Spain
    ("Ĳsbrand Ruĳs", "ijsbrand ruijs"),  # Netherlands
    ("Ġorġ Ħaber", "gorg haber"),  # Malta
]
EAST_AND_SOUTH = [
    ("Stanisław Żółć", "stanislaw zolc"),  # Poland
    ("Jiří Dvořák", "jiri dvorak"),  # Czechia
    ("Győző Fűtő", "gyozo futo"),  # Hungary
    ("Ģirts Bērziņš", "girts berzins"),  # Latvia
    ("Ștefan Țuțea", "stefan tutea"),  # Romania, with a comma below
    ("Ștefan Țuțea", "Ştefan Ţuţea"),  # with a cedilla, as older keyboards have it
    ("Đurđica Šarić", "durdica saric"),  # Croatia
    ("Çağrı Yıldırım", "cagri yildirim"),  # Türkiye
    ("Çağrı Yıldırım", "ÇAĞRI YILDIRIM"),
    ("Əli Məmmədov", "eli memmedov"),  # Azerbaijan
    ("Đặng Thị Hường", "dang thi huong"),  # Vietnam
    ("Ɗanjuma Ƙwairanga", "danjuma kwairanga"),  # Nigeria
    ("Ṣọlá Adébáyọ̀", "sola adebayo"),  # Nigeria
    ("Kɔfi Agbɛko", "kofi agbeko"),  # Ghana
    ("Ґалаґан Їжакевич", "Галаган Іжакевич"),  # Ukraine
    ("Қасым Ғалымов", "Касым Галымов"),  # Kazakhstan
]
BOTH_SPELLINGS = [
    ("Zoë Müller", "Muller"),
    ("Jón Sigurðsson", "Sigurdsson"),
    ("Jón Sigurðsson", "Sigurthsson"),  # as English ears have it
    ("Jon Sigurthsson", "Sigurðsson"),
    ("Biret Juŋu", "Jungu"),  # Sápmi
    ("Biret Juŋu", "Junu"),  # as passports have it
    ("Ŋane Sowah", "Ngane"),  # Ghana
    ("Ŋane Sowah", "nane"),
    ("Zoë Müller", "Mueller"),
    ("Zoë Müller", "MUELLER"),
    ("Zoë Müller", "Mu\u0308ller"),  # decomposed, as macOS sends it
    ("Max Mueller", "Müller"),
    ("Tom Muller", "Müller"),
    ("Jörg Schäfer-Öztürk", "Joerg Schaefer"),
    ("Jörg Schäfer-Öztürk", "oeztuerk"),
    ("Jörg Schäfer-Öztürk", "oe"),
    ("Søren Ågård", "Soeren Aagaard"),
    ("Søren Ågård", "Sören"),  # a Swedish keyboard
    ("Martin Ødegård", "Odegaard"),
    ("Martin Ødegård", "Oedegard"),
    ("Pelle Angstroem", "Ångström"),
    ("Bjoern Aakesson", "Björn Åkesson"),
    ("Đorđe Petrović", "Djordje"),
    ("Əli Əliyev", "Ali Aliyev"),
    ("Ægir Bjørnsson", "Ägir Björnsson"),
]
OTHERS = [
    ("Marta Miller", "Müller"),
    ("Samuel Duell", "Samul"),
    ("Samuel Duell", "Dull"),
    ("Manuel Boer", "Bor"),
    ("Lara Los", "Losa"),
    ("Иван Петров", "Ivan"),  # scripts other than Latin stay as they are
]


@pytest.mark.parametrize("cases", [SEEN, NORTH_AND_WEST, EAST_AND_SOUTH, BOTH_SPELLINGS])
def test_letters_are_found_however_they_are_typed(as_role, scope, subtests, cases):
    store(cases)
    expect_found(as_role("staff"), cases, subtests, search=names_in_api)


def test_other_names_are_not_found(as_role, scope, subtests):
    store(OTHERS)
    expect_not_found(as_role("staff"), OTHERS, subtests, search=names_in_api)


def test_staff_site_finds_them_too(enter_as, practice, subtests):
    cases = [SEEN[0], SEEN[4], SEEN[8], BOTH_SPELLINGS[1], BOTH_SPELLINGS[4]]
    with practice_scope(practice.pk):
        store(cases)
    expect_found(enter_as("staff"), cases, subtests, search=names_on_page)


def test_colleagues_are_found_on_the_staff_site(enter_as, make_user):
    make_user("doctor", name="Dr. Jørgen Müller-Łoś")
    manager = enter_as("admin")
    for typed in ("jorgen", "joergen mueller", "los", "MullerLos"):
        page = manager.get("/admin/accounts/user/", {"q": typed})
        assert [person.name for person in page.context["cl"].result_list] == ["Dr. Jørgen Müller-Łoś"], typed


@pytest.mark.parametrize(
    ("registered", "known"),
    [
        ("Jörg Müller", "Joerg Mueller"),
        ("Jorg Muller", "Jörg Müller"),
        ("Käthe Öztürk", "Kaethe Oeztuerk"),
        ("Soren Aagard", "Søren Ågård"),
        ("Lukasz Wrobel", "Łukasz Wróbel"),
        ("Ayse Isik", "Ayşe Işık"),
    ],
)
def test_registration_matches_the_chart_in_another_spelling(as_role, scope, registered, known):
    contact = {"phone": "", "date_of_birth": None}
    chart = PatientFactory(name=known, **contact)
    PatientFactory(name="Somebody Else", **contact)
    PatientFactory(name=registered, status="pending", **contact)

    (registration,) = as_role("staff").get("/api/registrations").json()["registrations"]

    assert [(match["id"], match["because"]) for match in registration["matches"]] == [(str(chart.pk), ["name"])]


def test_notes_are_searched_by_the_same_letters(as_role, scope, subtests):
    doctor = as_role("doctor")
    chart = PatientFactory()
    text = "Referred by Dr. Sørensen-Łoś. Physiotherapie bei Frau Müller, Übungen täglich."
    FinalisedNoteFactory(patient=chart, doctor=doctor.user, subjective=text)
    for typed in ("Sorensen", "Soerensen", "los", "mueller", "Muller", "uebungen", "taglich", "Søren"):
        with subtests.test(typed=typed):
            assert hits_in_notes(doctor, chart, typed) == 1
