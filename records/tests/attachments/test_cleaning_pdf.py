"""Cleaning PDFs: only the pages are left. Each test starts with a file that has a mark in the place it is about."""

import io
import zipfile
import zlib

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name, String

from records.attachments import cleaning
from records.attachments.cleaning import RefusalReason, pdf_rules, unpacking
from records.attachments.cleaning import pdf as pdf_cleaning
from records.attachments.cleaning.__main__ import check_and_clean
from records.tests.attachments import samples
from records.tests.attachments.samples import HIDDEN, MARK, SENTENCE, action, annotation, attached, everything, script
from tests.sampling import examples

PDF = "application/pdf"
pytestmark = pytest.mark.filterwarnings("ignore::pikepdf.exceptions.PageCopyWarning")


def cleaned(data):
    return cleaning.clean(PDF, data)[1]


def refusal(data):
    """Return the reason that the child process would return."""
    return RefusalReason[check_and_clean(PDF, data)[0]["refused"]]


def opened(data):
    return pikepdf.open(io.BytesIO(data))


def on_root(**fields):
    def change(made):
        for key, value in fields.items():
            made.Root["/" + key] = value(made) if callable(value) else value

    return change


def on_page(**fields):
    def change(made):
        for key, value in fields.items():
            made.pages[0].obj["/" + key] = value(made) if callable(value) else value

    return change


def on_annotation(subtype, **fields):
    def change(made):
        annotation(made, subtype, **{key: value(made) if callable(value) else value for key, value in fields.items()})

    return change


def on_form(**fields):
    def change(made):
        field = annotation(made, "Widget", FT=Name.Tx, T=String("name"), V=String("kept"))
        made.Root.AcroForm = Dictionary(Fields=Array([field]))
        for key, value in fields.items():
            made.Root.AcroForm["/" + key] = value(made) if callable(value) else value

    return change


def info(made):
    made.docinfo["/Author"] = made.docinfo["/Title"] = made.docinfo["/Whatever"] = MARK


def own_id(made):
    made.trailer.ID = Array([String(MARK), String(MARK)])


def odd_trailer(made):
    made.trailer.Notes = made.make_indirect(Dictionary(Who=String(MARK)))


def font_metadata(made):
    made.pages[0].obj.Resources.Font.F1.Metadata = samples.metadata(made)


def image_metadata(made):
    samples.image(made, b"\0" * 96 * 64 * 3, Metadata=samples.metadata(made))


def metadata_of_nothing(made):
    made.pages[0].obj.Resources.XObject = Dictionary(Q=samples.metadata(made))


def stream_elsewhere(made):
    samples.image(made, b"\0" * 96 * 64 * 3, F=String(MARK), FFilter=Name.FlateDecode)


def private_data(made):
    made.pages[0].obj.PieceInfo = Dictionary(Illustrator=Dictionary(Private=made.make_stream(HIDDEN)))


def bookmark_that_acts(made):
    item = made.make_indirect(Dictionary(Title=String("Findings"), A=script()))
    made.Root.Outlines = made.make_indirect(Dictionary(Type=Name.Outlines, First=item, Last=item, Count=1))
    item.Parent = made.Root.Outlines


def step_and_then_a_script(made):
    step = action(
        "GoTo", D=Array([made.pages[0].obj, Name.Fit]), Next=Array([script(), action("URI", URI=String(MARK))])
    )
    annotation(made, "Link", A=step)


def script_where_none_belongs(made):
    made.pages[0].obj.Resources.Properties = Dictionary(P1=Dictionary(Deep=Array([1, Array([script()])])))


def script_under_a_fonts_name(made):
    made.pages[0].obj.Resources.Font.AA = script()


def signature(made):
    signed = Dictionary(Type=Name.Sig, Filter=Name("/Adobe.PPKLite"), SubFilter=Name("/adbe.pkcs7.detached"))
    signed.Name, signed.Contents, signed.ByteRange = String(MARK), String(MARK), Array([0, 1, 2, 3])
    field = annotation(made, "Widget", FT=Name.Sig, T=String("sign here"), V=made.make_indirect(signed))
    made.Root.AcroForm = Dictionary(Fields=Array([field]), SigFlags=3)


def layer(made):
    usage = Dictionary(CreatorInfo=Dictionary(Creator=String(MARK)))
    group = made.make_indirect(Dictionary(Type=Name.OCG, Name=String("Layer 1"), Usage=usage))
    made.Root.OCProperties = Dictionary(OCGs=Array([group]), D=Dictionary(ON=Array([group])))


def unreferenced(made):
    made.make_indirect(Dictionary(Who=String(MARK)))


def removed_page(made):
    """A removed page with text and a comment's author."""
    comment = Dictionary(Type=Name.Annot, Subtype=Name.Text, Rect=Array([0, 0, 9, 9]), T=String(MARK))
    page = Dictionary(Type=Name.Page, Contents=made.make_stream(b"BT (" + HIDDEN + b") Tj ET"), Annots=Array([comment]))
    return made.make_indirect(page)


def removed_page_in_a_bookmark(made):
    item = made.make_indirect(Dictionary(Title=String("Findings"), Dest=Array([removed_page(made), Name.Fit])))
    made.Root.Outlines = made.make_indirect(Dictionary(Type=Name.Outlines, First=item, Last=item, Count=1))
    item.Parent = made.Root.Outlines


def removed_page_in_the_structure(made):
    untyped = removed_page(made)
    del untyped.Type
    elements = [Dictionary(Type=Name.StructElem, S=Name.P, Pg=page) for page in (removed_page(made), untyped)]
    made.Root.StructTreeRoot = Dictionary(Type=Name.StructTreeRoot, K=Array(elements))


def _comment(made, **fields):
    return made.make_indirect(Dictionary(Rect=Array([0, 0, 9, 9]), M=String(MARK), T=String(MARK), **fields))


def comment_that_is_answered(made):
    annotation(made, "Text", IRT=_comment(made, Type=Name.Annot, Subtype=Name.Text, CreationDate=String(MARK)))


def popup_of_no_page(made):
    annotation(made, "Text", Popup=_comment(made, Subtype=Name.Popup))


def action_that_is_a_stream(made):
    stream = made.make_stream(HIDDEN)
    stream.S, stream.URI = Name.URI, String(MARK)
    annotation(made, "Link", A=stream)


def layers_by(made):
    usage = Dictionary(User=Dictionary(Type=Name.Ind, Name=String(MARK)))
    group = made.make_indirect(Dictionary(Type=Name.OCG, Name=String("Layer 1"), Usage=usage))
    made.Root.OCProperties = Dictionary(OCGs=Array([group]), D=Dictionary(ON=Array([group]), Creator=String(MARK)))


def properties_of_users(made):
    said = Dictionary(O=Name.UserProperties, P=Array([Dictionary(N=String("Author"), V=String(MARK))]))
    made.Root.StructTreeRoot = Dictionary(
        Type=Name.StructTreeRoot, K=Dictionary(Type=Name.StructElem, S=Name.P, A=said)
    )


def postscript(made):
    form = made.make_stream(b"", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 1, 1]), Subtype2=Name.PS)
    form.PS = made.make_stream(HIDDEN)
    made.pages[0].obj.Resources.XObject = Dictionary(PS=form)


TAKEN_OUT = {
    "a removed page that a bookmark names": removed_page_in_a_bookmark,
    "removed pages that the structure names": removed_page_in_the_structure,
    "a removed page that a destination names": on_root(
        Dests=lambda made: Dictionary(D1=Array([removed_page(made), Name.Fit]))
    ),
    "who wrote a comment that is answered": comment_that_is_answered,
    "who wrote in a popup of no page": popup_of_no_page,
    "an address where an action belongs": on_annotation("Link", A=Dictionary(URI=String(MARK))),
    "an action of no kind": on_annotation("Link", A=Dictionary(Whatever=String(MARK))),
    "an action that is a stream": action_that_is_a_stream,
    "who a layer is for and who made it": layers_by,
    "what users say of an element": properties_of_users,
    "a field's rich text": on_annotation("Widget", FT=Name.Tx, T=String("name"), RV=String(MARK)),
    "PostScript of a form": postscript,
    "the document's information": info,
    "its identifier": own_id,
    "what else is in the trailer": odd_trailer,
    "XMP of the document": on_root(Metadata=samples.metadata),
    "XMP of a page": on_page(Metadata=samples.metadata),
    "XMP of a font": font_metadata,
    "XMP of a picture": image_metadata,
    "XMP under a name of its own": metadata_of_nothing,
    "a program's private data": private_data,
    "when a page was changed": on_page(LastModified=String(MARK)),
    "a page's thumbnail": on_page(Thumb=lambda made: made.make_stream(HIDDEN)),
    "colour intents": on_root(OutputIntents=Array([Dictionary(S=Name.GTS_PDFX, Info=String(MARK))])),
    "unknown keys of the catalog": on_root(Whatever=String(MARK)),
    "unknown keys of a page": on_page(Whatever=String(MARK)),
    "unreferenced objects": unreferenced,
    "who made a layer": layer,
    "a script at the opening": on_root(OpenAction=script()),
    "scripts by name": on_root(
        Names=lambda made: Dictionary(JavaScript=Dictionary(Names=Array([String("a"), script()])))
    ),
    "scripts by name that is a stream": on_root(
        OpenAction=lambda made: Dictionary(S=Name.JavaScript, JS=made.make_stream(HIDDEN))
    ),
    "actions of the document": on_root(AA=Dictionary(WC=script(), WP=action("Launch", F=String(MARK)))),
    "actions of a page": on_page(AA=Dictionary(O=script(), C=action("SubmitForm", F=String(MARK)))),
    "the base of links": on_root(URI=Dictionary(Base=String(MARK))),
    "a script on a link": on_annotation("Link", A=script()),
    "a program on a link": on_annotation("Link", A=action("Launch", F=String(MARK))),
    "a link to the web": on_annotation("Link", A=action("URI", URI=String("https://example.org/?token=" + MARK))),
    "a link to another document": on_annotation("Link", A=action("GoToR", F=String(MARK))),
    "a link to an embedded document": on_annotation("Link", A=action("GoToE", F=String(MARK))),
    "a link that sends data in": on_annotation("Link", A=action("ImportData", F=String(MARK))),
    "a link to elsewhere before its own": on_annotation("Link", PA=action("URI", URI=String(MARK))),
    "actions of an annotation": on_annotation("Text", AA=Dictionary(E=script())),
    "a bookmark that acts": bookmark_that_acts,
    "what follows a step in the document": step_and_then_a_script,
    "a script where none belongs": script_where_none_belongs,
    "a script under a font's name": script_under_a_fonts_name,
    "embedded files": on_root(
        Names=lambda made: Dictionary(EmbeddedFiles=Dictionary(Names=Array([String(MARK), attached(made)])))
    ),
    "associated files": on_root(AF=lambda made: Array([attached(made)])),
    "associated files of a page": on_page(AF=lambda made: Array([attached(made)])),
    "a collection": on_root(Collection=Dictionary(D=String(MARK))),
    "an attached file": on_annotation("FileAttachment", FS=attached),
    "a sound": on_annotation("Sound", Sound=lambda made: made.make_stream(HIDDEN)),
    "a film": on_annotation("Movie", Movie=Dictionary(F=String(MARK))),
    "a screen": on_annotation("Screen", MK=Dictionary(CA=String(MARK))),
    "rich media": on_annotation("RichMedia", RichMediaContent=Dictionary(A=String(MARK))),
    "a 3D scene": on_annotation("3D", DV=String(MARK)),
    "an annotation of an unknown kind": on_annotation("Whatever", X=String(MARK)),
    "who wrote a comment": on_annotation("Text", T=String(MARK), M=String(MARK), CreationDate=String(MARK)),
    "a comment's rich twin": on_annotation("Text", RC=String(MARK), Subj=String(MARK), NM=String(MARK)),
    "the XML of a form": on_form(XFA=lambda made: made.make_stream(HIDDEN)),
    "the order of a form's scripts": on_form(CO=Array([Dictionary(X=String(MARK))])),
    "a button that sends a form": on_annotation(
        "Widget", FT=Name.Btn, A=action("SubmitForm", F=Dictionary(FS=Name.URL, F=String(MARK)))
    ),
    "a button that empties a form": on_annotation("Widget", FT=Name.Btn, A=action("ResetForm", X=String(MARK))),
    "the scripts of a field": on_annotation("Widget", FT=Name.Tx, AA=Dictionary(K=script(), F=script(), V=script())),
    "a signature": signature,
    "what a signature allows": on_root(Perms=Dictionary(DocMDP=Dictionary(Type=Name.Sig, Name=String(MARK)))),
    "a signature's proofs": on_root(DSS=Dictionary(Certs=Array([String(MARK)]))),
    "legal attestations": on_root(Legal=Dictionary(Attestation=String(MARK))),
    "what a picture is elsewhere": stream_elsewhere,
}


@pytest.mark.parametrize("what", TAKEN_OUT)
def test_pdf_content_is_removed(what):
    data = samples.pdf(TAKEN_OUT[what])
    if what != "unreferenced objects":  # which pikepdf does not write in the first place; see the next test
        assert HIDDEN in everything(data)

    kept = cleaned(data)

    assert HIDDEN not in everything(kept)
    assert _text(kept) == SENTENCE


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
    assert _text(kept) == SENTENCE


def _text(data):
    with opened(data) as found:
        drawn = b"".join(
            bytes(part[0][0]) for part in pikepdf.parse_content_stream(found.pages[0]) if str(part[1]) == "Tj"
        )
    return drawn.decode()


# --- Embedded pictures ------------------------------------------------------------------------------------------------


NOBODYS = {  # Pillow reads no JPEG with these
    "a reserved segment": samples.segment(0x02, HIDDEN),
    "an extension's segment": samples.segment(0xF3, HIDDEN),
}


@pytest.mark.parametrize("what", samples.JPEG_SEGMENTS | NOBODYS)
@pytest.mark.parametrize("packed", [False, True])
def test_embedded_jpeg_metadata_is_removed(what, packed):
    content = samples.jpeg_with((samples.JPEG_SEGMENTS | NOBODYS)[what])
    filters = Array([Name.FlateDecode, Name.DCTDecode]) if packed else Name.DCTDecode
    data = samples.pdf(lambda made: samples.image(made, zlib.compress(content) if packed else content, Filter=filters))

    kept = cleaned(data)

    with opened(kept) as found:
        inside = found.pages[0].obj.Resources.XObject.Im1.read_raw_bytes()
        assert found.pages[0].obj.Resources.XObject.Im1.Filter == Name.DCTDecode
    assert HIDDEN not in everything(kept) + inside
    assert inside == samples.jpeg()  # not encoded anew: the very same picture


def test_embedded_jpeg_trailer_is_removed():
    content = samples.jpeg() + HIDDEN

    kept = cleaned(samples.pdf(lambda made: samples.image(made, content, Filter=Name.DCTDecode)))

    assert HIDDEN not in everything(kept)


def test_embedded_jpeg_colours_stay():
    content = samples.jpeg(samples.picture(mode="CMYK"))  # with Adobe's segment
    assert b"Adobe" in content

    def change(made):
        samples.image(
            made, content, Filter=Name.DCTDecode, ColorSpace=Name.DeviceCMYK, DecodeParms=Dictionary(ColorTransform=0)
        )

    with opened(cleaned(samples.pdf(change))) as found:
        inside = found.pages[0].obj.Resources.XObject.Im1
        assert (inside.read_raw_bytes(), inside.get("/DecodeParms")) == (content, Dictionary(ColorTransform=0))


def _jpeg2000(*boxes):
    size = b"\xff\x51\0\x2f\0\0" + (96).to_bytes(4, "big") + (64).to_bytes(4, "big") + b"\0" * 35
    codestream = b"\xff\x4f" + size + b"\xff\x64\0\x1c\0\1" + HIDDEN
    codestream += b"\xff\x90\0\x0a" + b"\0" * 8 + b"\xff\x93tile\xff\xd9"
    whole = b"".join((len(body) + 8).to_bytes(4, "big") + name + body for name, body in (*boxes, (b"jp2c", codestream)))
    return codestream, whole


@pytest.mark.parametrize("box", [b"xml ", b"uuid", b"uinf", b"jp2i", b"free"])
def test_embedded_jpeg_2000_box_is_removed(box):
    _, content = _jpeg2000((b"jP  ", b"\r\n\x87\n"), (b"ftyp", b"jp2 \0\0\0\0jp2 "), (box, HIDDEN))

    kept = cleaned(samples.pdf(lambda made: samples.image(made, content, Filter=Name.JPXDecode)))

    assert HIDDEN not in everything(kept)
    with opened(kept) as found:
        inside = found.pages[0].obj.Resources.XObject.Im1.read_raw_bytes()
    assert (inside[4:8], inside[-6:], box in inside) == (b"jP  ", b"tile\xff\xd9", False)


def test_raw_jpeg_2000_comment_is_removed():
    content, _ = _jpeg2000()

    kept = cleaned(samples.pdf(lambda made: samples.image(made, content, Filter=Name.JPXDecode)))

    assert HIDDEN not in everything(kept)


def test_jpeg_2000_hidden_data_is_removed():
    def box(name, body):
        return (len(body) + 8).to_bytes(4, "big") + name + body

    looks = box(b"ihdr", b"\0" * 14) + box(b"res ", box(b"resd", b"\0" * 10))
    hidden = looks + box(b"uuid", b"JpgTiffExif->JP2" + HIDDEN)
    codestream, content = _jpeg2000((b"jP  ", b"\r\n\x87\n"), (b"jp2h", hidden))
    both = (content, codestream + HIDDEN)

    for content in both:
        kept = cleaned(samples.pdf(lambda made, content=content: samples.image(made, content, Filter=Name.JPXDecode)))
        with opened(kept) as found:
            inside = found.pages[0].obj.Resources.XObject.Im1.read_raw_bytes()
        assert HIDDEN not in everything(kept)
        assert inside.endswith(b"tile\xff\xd9")
        assert content is not both[0] or box(b"jp2h", looks) in inside


def test_jpeg_2000_comment_in_tile_is_refused():
    codestream, _ = _jpeg2000()
    content = codestream.replace(b"\xff\x93", samples.segment(0x64, HIDDEN) + b"\xff\x93")

    assert (
        refusal(samples.pdf(lambda made: samples.image(made, content, Filter=Name.JPXDecode))) is RefusalReason.UNCLEAN
    )


def _jbig2(kind, body, *, number=1, referred=b"\0", length=None):
    size = len(body) if length is None else length
    return number.to_bytes(4, "big") + bytes([kind]) + referred + b"\1" + size.to_bytes(4, "big") + body


PAGE_INFORMATION, GENERIC = _jbig2(48, b"\0" * 19), _jbig2(38, b"\0" * 20)
COMMENT = _jbig2(62, b"\x20\0\0\0" + HIDDEN)
SYMBOLS = [
    _jbig2(0, b"symbols"),
    _jbig2(6, b"text", number=300, referred=b"\x40\0\1\0\2"),
    _jbig2(6, b"text", number=9, referred=b"\xe0\0\0\5" + b"\0" + bytes([1, 2, 3, 4, 5])),
]


def test_jbig2_comments_are_removed():
    def change(made):
        shared = made.make_stream(COMMENT + b"".join(SYMBOLS))
        content = PAGE_INFORMATION + COMMENT + b"".join(SYMBOLS) + GENERIC + COMMENT
        samples.image(made, content, Filter=Name.JBIG2Decode, DecodeParms=Dictionary(JBIG2Globals=shared))

    kept = cleaned(samples.pdf(change))

    assert HIDDEN not in everything(kept)
    with opened(kept) as found:
        inside = found.pages[0].obj.Resources.XObject.Im1
        assert inside.read_raw_bytes() == PAGE_INFORMATION + b"".join(SYMBOLS) + GENERIC
        assert inside.DecodeParms.JBIG2Globals.read_bytes() == b"".join(SYMBOLS)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\0", RefusalReason.BROKEN),
        (GENERIC[:-1], RefusalReason.BROKEN),
        (_jbig2(38, HIDDEN, length=0xFFFFFFFF), RefusalReason.UNCLEAN),
    ],
)
def test_unreadable_jbig2_is_refused(content, why):
    assert refusal(samples.pdf(lambda made: samples.image(made, content, Filter=Name.JBIG2Decode))) is why


@pytest.mark.parametrize("name", [Name.DCTDecode, Name.JPXDecode])
@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"\xff\xd8\xff\xe1\0", b"\xff\x4f\xff\x64\0\0", b"\0\0\0\7xml "]
)
def test_unreadable_embedded_picture_is_refused(name, content):
    assert refusal(samples.pdf(lambda made: samples.image(made, content, Filter=name))) is RefusalReason.BROKEN


def test_inline_picture_metadata_is_refused():
    picture = samples.jpeg_with(samples.JPEG_SEGMENTS["EXIF with GPS"])
    drawing = b"q BI /W 96 /H 64 /CS /RGB /BPC 8 /F /DCT ID " + picture + b" EI Q"

    assert refusal(samples.pdf(on_page(Contents=lambda made: made.make_stream(drawing)))) is RefusalReason.UNCLEAN


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
    assert _text(cleaned(samples.pdf(**way))) == SENTENCE


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
    assert _text(cleaned(samples.pdf() + b"\r\n\0\0 \n")) == SENTENCE


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
    assert _text(kept) == SENTENCE


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
