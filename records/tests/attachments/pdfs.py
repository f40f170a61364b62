"""What may be hidden in a PDF, and what is left of it when it was cleaned."""

import io

import pikepdf
from pikepdf import Array, Dictionary, Name, String

from records.attachments import cleaning
from records.attachments.cleaning import RefusalReason
from records.attachments.cleaning.__main__ import check_and_clean
from records.tests.attachments import samples
from records.tests.attachments.samples import HIDDEN, MARK, action, annotation, attached, script

PDF = "application/pdf"


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


def text_of(data):
    with opened(data) as found:
        drawn = b"".join(
            bytes(part[0][0]) for part in pikepdf.parse_content_stream(found.pages[0]) if str(part[1]) == "Tj"
        )
    return drawn.decode()
