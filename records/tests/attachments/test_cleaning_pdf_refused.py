"""PDFs that are refused, and the limits of what is looked at."""

import io
import zipfile
import zlib

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from records.attachments.cleaning import RefusalReason, pdf_rules, unpacking
from records.attachments.cleaning import pdf as pdf_cleaning
from records.tests.attachments import samples
from records.tests.attachments.pdfs import (
    cleaned,
    on_page,
    on_root,
    opened,
    refusal,
    text_of,
)
from records.tests.attachments.samples import SENTENCE, script

pytestmark = pytest.mark.filterwarnings("ignore::pikepdf.exceptions.PageCopyWarning")


# --- Refused ----------------------------------------------------------------------------------------------------------


def test_pdf_with_a_password_is_refused():
    data = samples.pdf(encryption=pikepdf.Encryption(owner="owner", user="secret"))

    assert refusal(data) is RefusalReason.ENCRYPTED


@pytest.mark.parametrize("before", [b"GIF89a", b"\xff\xd8\xff\xe0", b"<html>", b"PK\3\4", b"junk\n", b"\n"])
def test_data_before_pdf_is_refused(before):
    assert refusal(before + samples.pdf()) in (RefusalReason.BEFORE, RefusalReason.HTML)


@pytest.mark.parametrize("after", [b"<script>", b"x", samples.jpeg(), b"\n%comment"])
def test_data_after_pdf_is_refused(after):
    assert refusal(samples.pdf() + after) is RefusalReason.AFTER


def test_blank_lines_after_pdf_are_accepted():
    assert text_of(cleaned(samples.pdf() + b"\r\n\0\0 \n")) == SENTENCE


def _archive():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("classes.txt", "x")
    return archive.getvalue()


def test_pdf_zip_polyglot_is_refused():
    inside = samples.pdf(on_page(Contents=lambda made: made.make_stream(_archive())), compress_streams=False)

    assert refusal(samples.pdf() + _archive()) is RefusalReason.HIDDEN
    assert refusal(inside) is RefusalReason.HIDDEN


def test_dynamic_xfa_form_is_refused():
    assert refusal(samples.pdf(on_root(NeedsRendering=True))) is RefusalReason.LIVE_FORM


def test_pdf_page_limit():
    def pages(number):
        def change(made):
            for _ in range(number - 1):
                made.add_blank_page()

        return samples.pdf(change)

    assert cleaned(pages(500))
    assert refusal(pages(501)) is RefusalReason.PAGES


def test_pdf_object_limit(monkeypatch):
    monkeypatch.setattr(pdf_cleaning, "MAX_OBJECTS", 50)

    def parts(made):
        made.Root.Dests = Dictionary({f"/{at}": made.make_indirect(Dictionary(N=at)) for at in range(60)})

    assert refusal(samples.pdf(parts)) is RefusalReason.OBJECTS


@pytest.mark.slow  # 300,000 objects
def test_pdf_nested_object_limit_is_checked_first(monkeypatch):
    monkeypatch.setattr(pdf_rules, "_clean", lambda *given: pytest.fail("looked at"))

    def parts(made):
        made.Root.PageLabels = Array([Dictionary()] * 300_001)

    assert refusal(samples.pdf(parts)) is RefusalReason.OBJECTS


@pytest.mark.parametrize("where", ["the drawing", "a font"])
def test_stream_bomb_is_refused(monkeypatch, where):
    monkeypatch.setattr(unpacking, "MAX_BYTES", 1_000_000)

    def change(made):
        stream = pikepdf.Stream(made, zlib.compress(b"\0" * 1_100_000))
        stream.Filter = Name.FlateDecode
        if where == "a font":
            made.pages[0].obj.Resources.Font.F1.FontDescriptor = Dictionary(FontFile2=made.make_indirect(stream))
        else:
            made.pages[0].obj.Contents = made.make_indirect(stream)

    assert refusal(samples.pdf(change)) is RefusalReason.UNPACKED


def test_streams_share_one_budget(monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_BYTES", 1_000_000)

    def change(made):
        made.pages[0].obj.Contents = Array([made.make_stream(b"\n" * 300_000) for _ in range(4)])

    assert refusal(samples.pdf(change)) is RefusalReason.UNPACKED


def _packed_twice(content):
    def change(made):
        stream = pikepdf.Stream(made, zlib.compress(zlib.compress(content)))
        stream.Filter = Array([Name.FlateDecode, Name.FlateDecode])
        made.pages[0].obj.Contents = made.make_indirect(stream)

    return samples.pdf(change, stream_decode_level=pikepdf.StreamDecodeLevel.none, compress_streams=False)


def test_doubly_packed_stream_is_repacked_once():
    kept = cleaned(_packed_twice(f"BT ({SENTENCE}) Tj ET".encode()))

    with opened(kept) as found:
        assert found.pages[0].obj.Contents.Filter == Name.FlateDecode
    assert text_of(kept) == SENTENCE


@pytest.mark.parametrize("limit", ["MAX_BYTES", "STREAM_BYTES"])
def test_doubly_packed_stream_counts_unpacked(monkeypatch, limit):
    monkeypatch.setattr(unpacking if limit == "MAX_BYTES" else pdf_cleaning, limit, 1_000_000)

    assert refusal(_packed_twice(b"\0" * 10_000_000)) is RefusalReason.UNPACKED


def test_object_stream_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(pdf_cleaning, "STREAM_BYTES", 1_000_000)

    def parts(made):
        made.Root.Dests = Dictionary({"/A": made.make_indirect(Dictionary(X=String("x" * 1_500_000)))})

    assert refusal(samples.pdf(parts, object_stream_mode=pikepdf.ObjectStreamMode.generate)) is RefusalReason.BROKEN


@pytest.mark.parametrize("says", ["the PDF", "the picture"])
def test_picture_of_too_many_pixels_is_refused(says):
    content = samples.jpeg()
    at = content.index(b"\xff\xc0") + 5
    huge = content if says == "the PDF" else content[:at] + b"\x1f\xff\x1f\xff" + content[at + 4 :]
    fields = {"Width": 9000, "Height": 9000} if says == "the PDF" else {}

    data = samples.pdf(lambda made: samples.image(made, huge, Filter=Name.DCTDecode, **fields))

    assert refusal(data) is RefusalReason.PIXELS


NO_PDFS = [b"%PDF-1.4\n%%EOF", b"%PDF-1.7", samples.pdf()[:-200], samples.pdf().replace(b"xref", b"xxxx")]


@pytest.mark.parametrize("data", NO_PDFS)
def test_invalid_pdf_is_refused(data):
    assert refusal(data) is RefusalReason.BROKEN


def test_pdf_with_remaining_unsafe_content_is_refused(monkeypatch):
    """If removing fails, checking the result catches it."""
    monkeypatch.setattr(pdf_cleaning, "remove_unsafe", _only_the_second_time(pdf_rules.remove_unsafe))

    assert refusal(samples.pdf(on_root(OpenAction=script()))) is RefusalReason.UNCLEAN


def _only_the_second_time(real):
    calls = []

    def remove_unsafe(made):
        calls.append(made)
        return 0 if len(calls) == 1 else real(made)

    return remove_unsafe
