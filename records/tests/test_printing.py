"""Printed pages, read back: whatever people write is printed, and nothing makes printing fail."""

import unicodedata
from io import BytesIO

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from accounts.models import User
from practices.models import Practice
from records.printing import Document, fonts
from records.printing.document import BOTTOM, HEIGHT, MARGIN, WIDTH
from records.printing.typesetting import break_lines
from tests.sampling import examples

PRACTICE = Practice(name="Demo Clinic", timezone="America/New_York")


def printed(*texts, about="Ada Lovelace, born 1985-12-10", by="Dr. Who", practice=PRACTICE):
    file = BytesIO()
    document = Document(file, title="Plan of care", about=about, practice=practice, by=User(name=by))
    for text in texts:
        document.field("Text", text)
    document.close()
    with pikepdf.open(file) as pdf:
        assert not pdf.check_pdf_syntax()
    return PdfReader(file)


def words(reader):
    return "\n".join(page.extract_text() for page in reader.pages)


def lines(text, width=200):
    """Return the text of each line in visual order."""
    return ["".join(span.text for span in line.spans) for line in break_lines(text, width=width, size=10, weight=400)]


def test_every_page_has_patient_printer_and_page_number():
    reader = printed("Better with rest. " * 2000)

    count = len(reader.pages)
    assert count > 2
    for number, page in enumerate(reader.pages, 1):
        text = page.extract_text()
        assert "Demo Clinic" in text and "Ada Lovelace, born 1985-12-10" in text
        assert "by Dr. Who" in text and "Printed " in text and ("EST" in text or "EDT" in text)
        assert f"Page {number} of" in text
        assert str(count) in text.partition(f"Page {number} of")[2]


@pytest.mark.parametrize(
    "name",
    [
        "Zoë Brontë-Žižka",
        "Đặng Thị Ngọc",
        "Ελένη Παπαδοπούλου",
        "Владимир Жуков",
        "山田太郎",
        "さくら カタカナ",
        "王小明",
        "김철수",
        "ნინო",
        "Հայկ",
        "አበበ",
    ],
)
def test_names_are_printed_exactly(name):
    assert name in words(printed(name))


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("محمد الرشيد", "SansArabic"),
        ("יעקב כהן", "SansHebrew"),
        ("अनुष्का शर्मा", "SansDevanagari"),
        ("রহিমা", "SansBengali"),
        ("ਗੁਰਪ੍ਰੀਤ", "SansGurmukhi"),
        ("ગુજરાતી", "SansGujarati"),
        ("ଓଡ଼ିଆ", "SansOriya"),
        ("தமிழ்", "SansTamil"),
        ("తెలుగు", "SansTelugu"),
        ("ಕನ್ನಡ", "SansKannada"),
        ("മലയാളം", "SansMalayalam"),
        ("සිංහල", "SansSinhala"),
        ("สมชาย", "SansThai"),
        ("ລາວ", "SansLao"),
        ("ខ្មែរ", "SansKhmer"),
        ("မြန်မာ", "SansMyanmar"),
        ("😀", "Emoji"),
        ("⚕", "SansSymbols"),
    ],
)
def test_script_uses_its_own_font(name, family):
    assert {fonts.get_family(letter) for letter in name if not letter.isspace()} == {family}
    assert f"Noto{family}-400" in fonts_of(printed(name))


def test_markup_is_printed_as_text():
    assert '<b>&amp; "quoted" <para/> &' in words(printed('<b>&amp; "quoted" <para/> &'))


def fonts_of(reader):
    found = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]
    return {str(font["/BaseFont"]).partition("+")[2] for font in found}


def test_bold_uses_another_weight():
    assert {"NotoSans-400", "NotoSans-700"} <= fonts_of(printed("Text"))


@pytest.mark.parametrize("text", ["\U00012000", "བོད", "\ue000", "\ufdd0", "\U0010ffff", "\U000e0041"])
def test_unknown_character_prints_box(text):
    assert "before" in words(printed(f"before {text} after"))


def test_control_characters_are_left_out():
    assert lines("a\x00b\x07c\u202ed\u200be\tf") == ["abcde    f"]


def test_line_breaks_are_kept():
    assert lines("one\ntwo\r\n\nthree") == ["one", "two", "", "three"]


def test_line_breaks_between_words_or_in_long_words():
    assert lines("one two three", width=40) == ["one two", "three"]
    assert "".join(lines("x" * 500)) == "x" * 500
    assert len(lines("日" * 100)) > 4
    assert "".join(lines("日" * 100)) == "日" * 100


def test_letter_keeps_its_combining_marks():
    for line in lines("é́́" * 300, width=50):
        assert not unicodedata.combining(line[0])


@pytest.mark.parametrize(
    ("logical", "visual"),
    [
        ("abc אבג def", "abc גבא def"),
        ("אבג 123 (דה)", "(הד) 123 גבא"),
        ("abc אבג 12", "abc 12 גבא"),
        ("abc (אבג) 12 def", "abc (גבא) 12 def"),  # UAX #9, N0: brackets belong to what stands around them
        ("אבג (abc) 12", "12 (abc) גבא"),
        ("abc אב < גד", "abc דג > בא"),
        ("()abc [](א)", "()abc [](א)"),
    ],
)
def test_right_to_left_order(logical, visual):
    assert lines(logical, width=400) == [visual]


def test_right_to_left_paragraph_is_right_aligned():
    assert [line.right_to_left for line in break_lines("אבג\nabc אבג", width=200, size=10, weight=400)] == [True, False]


def test_arabic_letters_are_joined():
    (joined,) = lines("محمد", width=400)
    assert not set(joined) <= set("محمد")
    (apart,) = lines("س\u200cس", width=400)
    assert [apart.replace("\u200c", "")] != lines("سس", width=400)


def test_text_stays_within_margins():
    reader = printed("Lift ten kilograms without pain. " * 900, "x" * 5000, "日" * 5000, about="A" * 200, by="B" * 200)

    for page in reader.pages:
        assert (float(page.mediabox.width), float(page.mediabox.height)) == (WIDTH, HEIGHT)

        def look(text, cm, tm, font, size):
            if text.strip():
                assert MARGIN - 1 <= tm[4] + cm[4] <= WIDTH - MARGIN, text
                assert BOTTOM - 30 <= tm[5] + cm[5] <= HEIGHT - MARGIN + 1, text

        page.extract_text(visitor_text=look)


def test_pdf_properties_have_no_patient_data():
    reader = printed("Text", about="Ada Lovelace")

    assert "Ada" not in str(reader.metadata)
    assert reader.metadata.title == "Plan of care"


@settings(max_examples=examples(150, 10), deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), max_size=3))
def test_any_text_can_be_printed(texts):
    assert len(printed(*texts, about="".join(texts)[:200]).pages) >= 1


@settings(max_examples=examples(100, 20), deadline=None)
@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=2000), st.integers(min_value=20, max_value=500)
)
def test_line_breaking_keeps_every_letter(text, width):
    assert "".join("".join(lines(text, width=width)).split()) == "".join(text.split())
