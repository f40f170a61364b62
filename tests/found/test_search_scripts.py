"""Search by Unicode's rules: apostrophes, joints, marks, scripts without blanks, and characters that nobody sees.

Seen in: openemr#7137 (hyphens, particles), gemini ocs#1429 (apostrophes), pg_cjk_parser#19, hermes-agent#20494 and
wp2txt#27 (Chinese, Japanese), mempalace#932 (the Persian non-joiner), Kroc NoNonsenseForum#175 (soft hyphens),
hushh-research#5327 (false hits), minbpe#73 and cpython#76379 (notes).
"""
# ruff: noqa: RUF001 - letters that look alike are what this is about

import unicodedata

import pytest

from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.tests.factories import FinalisedNoteFactory
from tests.found.searching import expect_found, expect_not_found, hits_in_notes, names_in_api, names_on_page, store

APOSTROPHES = [
    ("Sean O‘Malley", "O'Malley"),
    ("Sean O‘Malley", "OMalley"),
    ("Niamh O´Neill", "O'Neill"),
    ("Niamh O´Neill", "oneill"),
    ("Kaʻiulani Kealoha", "Kaiulani"),
    ("Kaʻiulani Kealoha", "Ka'iulani"),
    ("Bridget O'Hara", "O’Hara"),
    ("Bridget O'Hara", "o`hara"),
    ("Bridget O'Hara", "O′Hara"),  # a prime
    ("Bridget O'Hara", "O＇Hara"),  # a Japanese keyboard
    ("Saʿid Baʾath", "Said Baath"),  # transliterated Arabic
    ("M’Baye N‛Diaye", "mbaye n'diaye"),  # Senegal
    ("Volodymyr Hrytsʹko", "hrytsko"),  # transliterated Ukrainian
    ("Мар’яна Лук'янова", "Марʼяна Лук’янова"),
    ("Fetuʻu Tupouʼila", "fetuu tupouila"),  # Tonga
    ("Chantal D’Amboise", "d'amboise"),
    ("Noa Ya׳akov", "yaakov"),  # a geresh
]
JOINTS = [
    ("Jean-Luc Smith-Jones", "SmithJones"),
    ("Jean-Luc Smith-Jones", "Jeanluc"),
    ("Jean-Luc Smith-Jones", "jean luc smith jones"),
    ("Jean-Luc Smith-Jones", "smith‐jones"),  # Unicode's own hyphen
    ("Maria De La Cruz", "DeLaCruz"),
    ("Maria De La Cruz", "delacruz"),
    ("Maria De La Cruz", "Maria delaCruz"),
    ("Rosa Delacruz", "de la cruz"),
    ("Rosa Delacruz", "De-La-Cruz rosa"),
    ("Anne Marie Lefèvre", "Annemarie"),
    ("Annemarie Vogel", "Anne-Marie Vogel"),
    ("Pieter van den Berg", "vandenberg"),
    ("Jan Vandevelde", "Jan van de Velde"),
    ("Ian Mc Donald", "McDonald"),
    ("Ian Mc Donald", "mcdonald ian"),
    ("Abd al-Rahman Haddad", "abdalrahman"),
    ("Omar Abdalrahman", "abd al rahman"),
    ("J.R. Ewing", "JR Ewing"),
    ("JR Small", "J R Small"),
    ("Meritxell Gal·la", "galla"),  # Catalan
    ("Ngọc–Anh Trần", "ngocanh"),  # a dash
    ("Li Na", "lina"),
    ("Wilhelm Müller Lüdenscheidt", "muellerluedenscheidt"),
]
WITHOUT_BLANKS = [
    ("王小明", "小明"),
    ("王小明", "明"),
    ("王小明", "王"),
    ("山田太郎", "太郎"),
    ("山田太郎", "山田 太郎"),
    ("佐藤\u3000花子", "佐藤花子"),
    ("佐藤\u3000花子", "花子"),
    ("欧阳娜娜", "娜娜"),
    ("葛\U000e0100城ユキ", "葛城"),  # with a variation selector
    ("\ufa19田 \ufa4f介", "神田 祐介"),  # compatibility ideographs, which Unicode has twice
    ("ヤマダ ケンジ", "ﾔﾏﾀﾞ ｹﾝｼﾞ"),  # half-width
    ("ヤマダ ケンジ", "やまだ"),  # hiragana
    ("さくらももこ", "ももこ"),
    ("김철수", "철수"),
    ("김철수", "수"),
    ("남궁 민수", "남궁민수"),
    ("김영희", unicodedata.normalize("NFD", "영희")),
    ("สมชายใจดี", "ใจดี"),  # Thai
    ("ສົມສັກ ແກ້ວ", "ສົມສັກ"),  # Lao
    ("သန်းရွှေ", "ရွှေ"),  # Burmese
    ("សុខសាន្ត", "សាន្ត"),  # Khmer
]
MARKS = [
    ("राम शर्मा", "राम"),
    ("रीता मिश्रा", "रीता मिश्रा"),
    ("रीता मिश्रा", "मिश्र"),
    ("फ़ातिमा ज़ैदी", "फातिमा जैदी"),  # the nukta is often left out
    ("ரவி குமார்", "குமார்"),  # Tamil
    ("অনন্যা রায়", "অনন্যা"),  # Bengali
    ("ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ", "ਸਿੰਘ"),  # Punjabi
    ("శ్రీనివాస్ రావు", "శ్రీనివాస్"),  # Telugu
    ("ශ්‍රීමාලි පෙරේරා", "පෙරේරා"),  # Sinhala, with a joiner
    ("مُحَمَّد أحمد", "محمد احمد"),  # vowels of Arabic
    ("فاطمة هدى", "فاطمه هدي"),
    ("علی کریمی", "علي كريمي"),  # a Persian name on an Arabic keyboard
    ("דָּוִד כֹּהֵן", "דוד כהן"),  # points of Hebrew
    ("Νίκος Παπαδόπουλος", "νικος παπαδοπουλος"),
    ("Семён Королёв", "семен королев"),
    ("አበበ ቢቂላ", "ቢቂላ"),  # Amharic
    ("Nguye\u0302\u0303n Va\u0306n An", "Nguyễn Văn An"),  # decomposed
    ("გიორგი მაისურაძე", "ᲒᲘᲝᲠᲒᲘ"),  # Georgian capitals
    ("Արամ Խաչատրյան", "ԽԱՉԱՏՐՅԱՆ"),
]
UNSEEN = [
    ("ഹരി നായർ", "നായര്\u200d"),  # a final consonant as older keyboards type it
    ("علی\u200cرضا", "علیرضا"),
    ("علیرضا تهرانی", "علی\u200cرضا"),
    ("Bar\xadbara New\u200bman", "Barbara"),
    ("Bar\xadbara New\u200bman", "Newman"),
    ("Walter White", "\ufeffWal\u2060ter"),
    ("Walter White", "\u202aWhite\u202c"),
    ("Walter\xa0Black", "walter black"),
    ("\u2066Dana Levi\u2069", "dana"),
]
OTHERS = [
    ("रीता मिश्रा", "राम"),
    ("रमेश", "राम"),
    ("राजीव दत्त", "दादा"),
    ("Eva Nilsson", "Evan"),
    ("Ann Arden", "Nard"),
    ("Rose Mary", "semar"),
    ("Rose Mary Poe", "rosepoe"),
    ("Carolina Hallie", "Li Na"),
    ("Carolina Hallie", "Al Li"),
    ("汪小明", "王"),
    ("王小明", "明小"),
    ("田中太一", "中一"),
    ("がとう", "かとう"),  # a voiced letter is another one
    ("임수정", "이"),
    ("ภาพร", "ภาพิ"),
    ("علي", "على٢"),
]


@pytest.mark.parametrize("cases", [APOSTROPHES, JOINTS, WITHOUT_BLANKS, MARKS, UNSEEN])
def test_names_are_found_however_they_are_typed(as_role, scope, subtests, cases):
    store(cases)
    expect_found(as_role("staff"), cases, subtests, search=names_in_api)


def test_other_names_are_not_found(as_role, scope, subtests):
    store(OTHERS)
    expect_not_found(as_role("staff"), OTHERS, subtests, search=names_in_api)


def test_staff_site_finds_them_too(enter_as, practice, subtests):
    cases = [APOSTROPHES[2], JOINTS[5], WITHOUT_BLANKS[0], MARKS[1], UNSEEN[1]]
    with practice_scope(practice.pk):
        store(cases)
    expect_found(enter_as("staff"), cases, subtests, search=names_on_page)


@pytest.mark.parametrize(
    "typed",
    [
        "may.8.79@example.org",
        "MAY.8.79@EXAMPLE.ORG",
        "Joyce Addo <may.8.79@example.org>",
        "<may.8.79@example.org>; ",
        "(may.8.79@example.org), addo",
    ],
)
def test_email_is_found_as_a_mail_program_copies_it(as_role, scope, typed):
    """Praxis: the part before the @ may look like a date."""
    PatientFactory(name="Joyce Addo", email="may.8.79@example.org", date_of_birth=None)
    PatientFactory(name="Joyce Owusu", email="j@example.org")

    assert names_in_api(as_role("staff"), typed) == {"Joyce Addo"}


def test_restricted_chart_is_found_by_its_joined_name_only(as_role, scope):
    PatientFactory(name="Maria De La Cruz", restricted=True, email="rosa-lind@example.org")
    desk = as_role("staff")

    assert names_in_api(desk, "delacruz") == {"Maria De La Cruz"}
    assert names_in_api(desk, "li na") == set()
    assert names_in_api(desk, "rosalind") == set()


NOTE = "दर्द कम है। 患者は腰痛を訴える。Pain in L4-L5, follow-up with Dr. O‘Malley.\nSleep\xading better."
IN_NOTES = ["दर्द", "腰痛", "痛", "腰", "L4", "L4L5", "followup", "follow up", "omalley", "O'Malley", "sleeping", "कम"]
NOT_IN_NOTES = ["दरी", "दर्दी", "痛腰", "ollowup", "L45", "leepingb", "राम"]


def test_notes_are_searched_by_the_same_rules(as_role, scope, subtests):
    doctor = as_role("doctor")
    chart = PatientFactory()
    FinalisedNoteFactory(patient=chart, doctor=doctor.user, subjective=NOTE)
    for typed in [*IN_NOTES, *NOT_IN_NOTES]:
        with subtests.test(typed=typed):
            assert hits_in_notes(doctor, chart, typed) == (typed in IN_NOTES)


@pytest.mark.parametrize(
    ("registered", "known"),
    [
        ("Niamh O´Neill", "Niamh O'Neill"),
        ("Kaiulani Kealoha", "Kaʻiulani Kealoha"),
        ("Bar\xadbara New\u200bman", "Barbara Newman"),
        ("علی\u200cرضا تهرانی", "علیرضا تهرانی"),
        ("राम शर्मा", "राम शर्मा"),
        ("山田太郎", "山田太郎"),
    ],
)
def test_registration_matches_the_chart_however_it_was_typed(as_role, scope, registered, known):
    contact = {"phone": "", "date_of_birth": None}
    chart = PatientFactory(name=known, **contact)
    PatientFactory(name="रीता मिश्रा", **contact)
    PatientFactory(name=registered, status="pending", **contact)

    (registration,) = as_role("staff").get("/api/registrations").json()["registrations"]

    assert [(match["id"], match["because"]) for match in registration["matches"]] == [(str(chart.pk), ["name"])]
