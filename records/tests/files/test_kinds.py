"""What a file may be called, and whether its name and its declared type agree."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from records.files.cleaning import Why
from records.files.kinds import NOT_IN_NAMES, FileRefused, agreed_type, named_as, renamed, safe_name
from records.models.attachment import MediaType

ANY_NAME = st.text(max_size=300) | st.builds(
    lambda stem, end: stem + end, st.text(max_size=300), st.sampled_from([".pdf", ".PDF", ".jpeg", "", ".exe", "."])
)


def why(call, *given):
    with pytest.raises(FileRefused) as refused:
        call(*given)
    return next(why for why in Why if why.sentence == refused.value.detail)


@pytest.mark.parametrize(
    ("name", "declared", "kind"),
    [
        ("letter.pdf", "application/pdf", MediaType.PDF),
        ("LETTER.PDF", "Application/PDF", MediaType.PDF),
        ("photo.jpg.pdf", "application/pdf", MediaType.PDF),
        ("a.jpg", "image/jpeg", MediaType.JPEG),
        ("a.jpeg", "image/jpg", MediaType.JPEG),
        ("a.png", "image/png", MediaType.PNG),
        ("a.webp", "image/webp", MediaType.WEBP),
        ("a.heic", "image/heic", MediaType.HEIC),
        ("a.heif", "image/heif", MediaType.HEIC),
        ("a.txt", "text/plain; charset=utf-8", MediaType.TEXT),
    ],
)
def test_the_name_and_the_declared_type_agree(name, declared, kind):
    assert agreed_type(name, declared) == kind


@pytest.mark.parametrize(
    ("name", "declared", "reason"),
    [
        ("a.pdf", "image/png", Why.DECLARED),
        ("a.pdf", "text/plain", Why.DECLARED),
        ("a.jpg", "image/png", Why.DECLARED),
        ("a.pdf", "nonsense", Why.DECLARED),
        ("a.pdf", "application/octet-stream", Why.UNDECLARED),
        ("a.heic", "application/octet-stream", Why.UNDECLARED),
        ("a.pdf", "", Why.UNDECLARED),
        ("a.pdf", " ; charset=utf-8", Why.UNDECLARED),
        ("a.docx", "application/pdf", Why.DOCX),
        ("a.doc", "application/msword", Why.DOCX),
        ("a.svg", "image/svg+xml", Why.SVG),
        ("a.html", "text/html", Why.HTML),
        ("a.htm", "text/plain", Why.HTML),
        ("x.pdf.exe", "application/pdf", Why.TYPE),
        ("a.gif", "image/gif", Why.TYPE),
        ("a.zip", "application/zip", Why.TYPE),
        ("no extension", "application/pdf", Why.TYPE),
    ],
)
def test_it_is_said_why_a_type_is_not_taken(name, declared, reason):
    assert why(agreed_type, name, declared) is reason


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("Letter to Dr. Ödön.PDF", "Letter to Dr. Ödön.PDF"),
        ("/etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\anna\\scan.pdf", "scan.pdf"),
        ("../../x.pdf", "x.pdf"),
        ("...hidden.pdf", "hidden.pdf"),
        ("  spaced   out .pdf ", "spaced out.pdf"),
        ("x.pdf...", "x.pdf"),
        ("a\r\nSet-Cookie: b.pdf", "aSet-Cookie_ b.pdf"),
        ("a\0b.pdf", "ab.pdf"),
        ("in\u202egnp.pdf", "ingnp.pdf"),
        ("zero\u200bwidth\ufeff.pdf", "zerowidth.pdf"),
        ('say "hi" <b>|?*.pdf', "say _hi_ _b____.pdf"),
        ("stream.pdf:evil.pdf", "stream.pdf_evil.pdf"),
        ("e\u0301tude.pdf", "\xe9tude.pdf"),
        ("a\u200b\u0308.pdf", "\xe4.pdf"),
        ("診断書.pdf", "診断書.pdf"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("line\u2028break.pdf", "linebreak.pdf"),
        ("non\u00a0breaking.pdf", "non breaking.pdf"),
    ],
)
def test_a_name_is_stored_without_what_does_not_belong_in_one(given_name, kept):
    assert safe_name(given_name) == kept


@pytest.mark.parametrize("name", ["", " ", ".", "...", "/", "\u200b", "a/", "\0"])
def test_a_file_without_a_name_is_refused(name):
    assert why(safe_name, name) is Why.NAME


@pytest.mark.parametrize("name", [".pdf", " .pdf", "\u202e.pdf"])
def test_an_extension_alone_is_no_pdf(name):
    assert why(agreed_type, safe_name(name), "application/pdf") is Why.TYPE


@given(ANY_NAME)
def test_every_name_is_made_safe_or_refused(name):
    try:
        kept = safe_name(name)
    except FileRefused as refused:
        assert refused.reason == "name"
        return
    assert 0 < len(kept) <= 200 or "." in kept
    assert kept == kept.strip(". ")
    assert not {"/", "\\", ":", '"'} & {*kept}
    assert not NOT_IN_NAMES & {unicodedata.category(character) for character in kept}
    assert unicodedata.is_normalized("NFC", kept)
    assert safe_name(kept) == kept


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("scan.pdf", "Report", "Report.pdf"),
        ("scan.pdf", "Report.pdf", "Report.pdf"),
        ("scan.pdf", "Report.PDF", "Report.pdf"),
        ("scan.PDF", "Report", "Report.PDF"),
        ("scan.pdf", "Report.exe", "Report.exe.pdf"),
        ("scan.pdf", "Dr. Smith", "Dr. Smith.pdf"),
        ("photo.jpg", "knee.jpeg", "knee.jpg"),
        ("photo.jpg", "knee.pdf", "knee.pdf.jpg"),
        ("scan.pdf", "../up.pdf", "up.pdf"),
        ("scan.pdf", "y" * 400, "y" * 196 + ".pdf"),
        ("scan.pdf", ".pdf", "pdf.pdf"),
    ],
)
def test_a_new_name_keeps_the_extension(old, new, kept):
    assert renamed(old, new) == kept


@pytest.mark.parametrize("new", ["", "  ", "...", "\u200b", "/"])
def test_a_new_name_of_nothing_is_refused(new):
    with pytest.raises(Invalid):
        renamed("scan.pdf", new)


@given(ANY_NAME)
def test_whatever_the_new_name_is_the_extension_stays(new):
    try:
        kept = renamed("scan.pdf", new)
    except Invalid:
        return
    assert kept.endswith(".pdf")
    assert 4 < len(kept) <= 200
    assert agreed_type(safe_name(kept), "application/pdf") == MediaType.PDF
    assert renamed(kept, kept) == kept


def test_a_heic_that_became_a_jpeg_is_called_one():
    assert named_as("photo.HEIC", MediaType.JPEG) == "photo.jpg"
    assert named_as("photo.JPEG", MediaType.JPEG) == "photo.JPEG"
