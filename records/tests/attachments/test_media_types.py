"""File names, and whether name and declared type match."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from records.attachments.cleaning import RefusalReason
from records.attachments.media_types import (
    FORBIDDEN_CATEGORIES,
    FileRefused,
    check_type,
    rename_keeping_extension,
    safe_name,
    with_extension_for,
)
from records.models.attachment import MediaType

ANY_NAME = st.text(max_size=300) | st.builds(
    lambda stem, end: stem + end, st.text(max_size=300), st.sampled_from([".pdf", ".PDF", ".jpeg", "", ".exe", "."])
)


def why(call, *given):
    with pytest.raises(FileRefused) as refused:
        call(*given)
    return next(why for why in RefusalReason if why.sentence % why.values == refused.value.detail)


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
        ("a.jfif", "image/pjpeg", MediaType.JPEG),
        ("a.pdf", "application/octet-stream", MediaType.PDF),
        ("a.heic", "application/x-unknown", MediaType.HEIC),
        ("a.pdf", "", MediaType.PDF),
        ("a.pdf", " ; charset=utf-8", MediaType.PDF),
    ],
)
def test_matching_name_and_type_are_accepted(name, declared, kind):
    assert check_type(name, declared) == kind


@pytest.mark.parametrize(
    ("name", "declared", "reason"),
    [
        ("a.pdf", "image/png", RefusalReason.DECLARED),
        ("a.pdf", "text/plain", RefusalReason.DECLARED),
        ("a.jpg", "image/png", RefusalReason.DECLARED),
        ("a.pdf", "nonsense", RefusalReason.DECLARED),
        ("a.docx", "application/pdf", RefusalReason.DOCX),
        ("a.doc", "application/msword", RefusalReason.DOCX),
        ("a.svg", "image/svg+xml", RefusalReason.SVG),
        ("a.html", "text/html", RefusalReason.HTML),
        ("a.htm", "text/plain", RefusalReason.HTML),
        ("x.pdf.exe", "application/pdf", RefusalReason.TYPE),
        ("a.gif", "image/gif", RefusalReason.TYPE),
        ("a.zip", "application/zip", RefusalReason.TYPE),
        ("no extension", "application/pdf", RefusalReason.TYPE),
    ],
)
def test_unsupported_type_reason(name, declared, reason):
    assert why(check_type, name, declared) is reason


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
def test_name_is_sanitised(given_name, kept):
    assert safe_name(given_name) == kept


@pytest.mark.parametrize("name", ["", " ", ".", "...", "/", "\u200b", "a/", "\0"])
def test_missing_name_is_refused(name):
    assert why(safe_name, name) is RefusalReason.NAME


@pytest.mark.parametrize("name", [".pdf", " .pdf", "\u202e.pdf"])
def test_extension_alone_is_refused(name):
    assert why(check_type, safe_name(name), "application/pdf") is RefusalReason.TYPE


@given(ANY_NAME)
def test_any_name_is_sanitised_or_refused(name):
    try:
        kept = safe_name(name)
    except FileRefused as refused:
        assert refused.reason == "name"
        return
    assert 0 < len(kept) <= 200 or "." in kept
    assert len(kept.encode()) <= 255 or "." in kept
    assert kept == kept.strip(". ")
    assert not {"/", "\\", ":", '"'} & {*kept}
    assert not FORBIDDEN_CATEGORIES & {unicodedata.category(character) for character in kept}
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
def test_rename_keeps_extension(old, new, kept):
    assert rename_keeping_extension(old, new) == kept


@pytest.mark.parametrize("new", ["", "  ", "...", "\u200b", "/"])
def test_rename_to_nothing_is_refused(new):
    with pytest.raises(Invalid):
        rename_keeping_extension("scan.pdf", new)


@given(ANY_NAME)
def test_rename_to_any_name_keeps_extension(new):
    try:
        kept = rename_keeping_extension("scan.pdf", new)
    except Invalid:
        assert why(safe_name, new) is RefusalReason.NAME
        return
    assert kept.endswith(".pdf")
    assert 4 < len(kept) <= 200
    assert len(kept.encode()) <= 255
    assert check_type(safe_name(kept), "application/pdf") == MediaType.PDF
    assert rename_keeping_extension(kept, kept) == kept


def test_extension_follows_converted_type():
    assert with_extension_for("photo.HEIC", MediaType.JPEG) == "photo.jpg"
    assert with_extension_for("photo.JPEG", MediaType.JPEG) == "photo.JPEG"
