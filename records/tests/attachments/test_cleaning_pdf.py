"""Cleaning PDFs: only the pages are left. Each test starts with a file that has a mark in the place it is about."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name, String

from records.tests.attachments import samples
from records.tests.attachments.pdfs import TAKEN_OUT, bookmark_that_acts, cleaned, on_form, on_root, opened, text_of
from records.tests.attachments.samples import HIDDEN, MARK, SENTENCE, action, annotation, everything
from tests.sampling import examples

pytestmark = pytest.mark.filterwarnings("ignore::pikepdf.exceptions.PageCopyWarning")


@pytest.mark.parametrize("what", TAKEN_OUT)
def test_pdf_content_is_removed(what):
    data = samples.pdf(TAKEN_OUT[what])
    if what != "unreferenced objects":  # which pikepdf does not write in the first place; see the next test
        assert HIDDEN in everything(data)

    kept = cleaned(data)

    assert HIDDEN not in everything(kept)
    assert text_of(kept) == SENTENCE


def _deep(made, **fields):
    """Put a dictionary where only the walk through the whole document reaches it."""
    found = Dictionary({f"/{key}": value for key, value in fields.items()})
    made.pages[0].obj.Resources.Properties = Dictionary(
        P1=Dictionary(Deep=Array([1, Array([made.make_indirect(found)])]))
    )


KEYS = """
    Metadata PieceInfo LastModified Thumb SpiderInfo CreatorInfo OpenAction JavaScript JS EmbeddedFiles Renditions
    Collection XFA Perms DSS Legal RichMediaContent RichMediaSettings Alternates OPI Ref OutputIntents FFilter
    FDecodeParms URI Subtype2 Creator AA PA AF
"""
KINDS = {
    "Type": "Metadata EmbeddedFile Filespec Sig DocTimeStamp Rendition MediaClip Collection 3D",
    "Subtype": "FileAttachment Sound Movie Screen RichMedia 3D PRC U3D PrinterMark TrapNet PS",
    "S": "GoToR GoToE GoToDp Launch Thread URI Sound Movie Hide Named SubmitForm ResetForm ImportData JavaScript "
    "SetOCGState Rendition Trans GoTo3DView RichMediaExecute",
}


@pytest.mark.parametrize("key", KEYS.split())
def test_pdf_key_is_removed_anywhere(key):
    kept = cleaned(samples.pdf(lambda made: _deep(made, Kept=String("kept"), **{key: String(MARK)})))

    assert HIDDEN not in everything(kept)
    assert b"/Kept (kept)" in everything(kept)


HARMFUL = [(key, Name(f"/{kind}")) for key, kinds in KINDS.items() for kind in kinds.split()]
HARMFUL += [("EF", Dictionary()), ("ByteRange", Array([0, 1, 2, 3])), ("SubFilter", Name("/x"))]


@pytest.mark.parametrize(("key", "value"), HARMFUL)
def test_pdf_harmful_object_is_removed_anywhere(key, value):
    kept = cleaned(samples.pdf(lambda made: _deep(made, Who=String(MARK), **{key: value})))

    assert HIDDEN not in everything(kept)


@settings(max_examples=examples(60, 5), deadline=None)
@given(st.lists(st.sampled_from(sorted(TAKEN_OUT)), unique=True, max_size=12))
def test_pdf_any_combination_is_removed(names):
    kept = cleaned(samples.pdf(*(TAKEN_OUT[name] for name in names)))

    assert HIDDEN not in everything(kept)


def test_pdf_all_at_once_are_removed():
    kept = cleaned(samples.pdf(*TAKEN_OUT.values()))

    assert HIDDEN not in everything(kept)
    assert b"/JavaScript" not in everything(kept)


def test_pdf_earlier_revisions_are_dropped():
    first = samples.pdf()
    at = len(first)
    number = first.count(b" obj") + 10
    update = b"\n%d 0 obj\n(%s)\nendobj\n" % (number, HIDDEN)
    trailer = b"xref\n%d 1\n%010d 00000 n \ntrailer\n<</Size %d/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    start = int(first.rpartition(b"startxref")[2].split()[0])
    data = first + update + trailer % (number, at + 1, number + 1, start, at + len(update))
    assert HIDDEN in everything(data)

    kept = cleaned(data)

    assert HIDDEN not in everything(kept)
    assert kept.count(b"%%EOF") == 1
    assert text_of(kept) == SENTENCE


# --- Kept -------------------------------------------------------------------------------------------------------------


def test_internal_link_stays():
    def change(made):
        annotation(made, "Link", A=action("GoTo", D=Array([made.pages[0].obj, Name.Fit])))
        annotation(made, "Link", Dest=Array([made.pages[0].obj, Name.Fit]))

    with opened(cleaned(samples.pdf(change))) as found:
        first, second = found.pages[0].Annots
        assert (first.A.S, first.A.D[0].objgen) == (Name.GoTo, found.pages[0].obj.objgen)
        assert second.Dest[0].objgen == found.pages[0].obj.objgen


def test_structure_attributes_stay():
    looks = Dictionary(O=Name.Layout, SpaceAfter=9)
    element = Dictionary(Type=Name.StructElem, S=Name.P, A=looks)

    with opened(cleaned(samples.pdf(on_root(StructTreeRoot=Dictionary(Type=Name.StructTreeRoot, K=element))))) as found:
        assert looks == found.Root.StructTreeRoot.K.A


def test_comments_bookmarks_and_form_values_stay():
    def change(made):
        annotation(made, "Text", Contents=String("Ask about the left knee"), T=String(MARK))
        bookmark_that_acts(made)

    with opened(cleaned(samples.pdf(on_form(), change))) as found:
        field, comment = found.pages[0].Annots
        assert (str(field.T), str(field.V)) == ("name", "kept")
        assert (str(comment.Contents), "/T" in comment) == ("Ask about the left knee", False)
        assert str(found.Root.Outlines.First.Title) == "Findings"
        assert len(found.Root.AcroForm.Fields) == 1


def test_glyph_named_like_action_stays():
    def change(made):
        glyphs = Dictionary(AA=made.make_stream(b"glyph"), AF=made.make_stream(b"glyph"), A=made.make_stream(b"glyph"))
        made.pages[0].obj.Resources.Font.F2 = Dictionary(Type=Name.Font, Subtype=Name.Type3, CharProcs=glyphs)
        made.pages[0].obj.Resources.Font.AA = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Courier)

    with opened(cleaned(samples.pdf(change))) as found:
        fonts = found.pages[0].obj.Resources.Font
        assert {*fonts.keys()} == {"/F1", "/F2", "/AA"}
        assert {*fonts.F2.CharProcs.keys()} == {"/AA", "/AF", "/A"}


def test_cleaning_is_deterministic_and_idempotent():
    data = samples.pdf(*TAKEN_OUT.values())

    assert cleaned(data) == cleaned(data)
    assert cleaned(cleaned(data)) == cleaned(data)


@pytest.mark.parametrize("way", [{"linearize": True}, {"compress_streams": False}, {"force_version": "1.3"}, {}])
def test_pdf_variants_are_accepted(way):
    assert text_of(cleaned(samples.pdf(**way))) == SENTENCE
