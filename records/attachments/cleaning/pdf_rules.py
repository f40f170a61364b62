"""What is removed from a PDF (ISO 32000-2; the numbers are its sections).

There are two kinds of rules. The catalog, pages, forms and annotations keep what is known to be harmless and lose
everything else. Everything reachable from there is visited and loses what is dangerous or personal, by key or by type,
wherever it is: an action is an action even where none belongs.
"""

from collections.abc import Iterable, Iterator, Set
from typing import Any

from pikepdf import Array, Dictionary, Name, Object, Pdf, Stream

from records.attachments.cleaning import jbig2, jpeg, jpeg2000
from records.attachments.cleaning.refusals import CannotClean, RefusalReason
from records.attachments.cleaning.unpacking import get_filters, get_picture


def _names(words: str) -> frozenset[str]:
    return frozenset(f"/{word}" for word in words.split())


# A cross-reference stream may take the trailer's place; the id is regenerated.
TRAILER = _names("Root Size ID Type W Index Filter DecodeParms Length Prev XRefStm")  # 7.5.5, 7.5.8.2
CATALOG = _names(
    "Type Version Pages PageLabels Names Dests ViewerPreferences PageLayout Outlines AcroForm StructTreeRoot "
    "MarkInfo Lang OCProperties"
)  # 7.7.2
NAMES = {"/Dests"}  # 7.7.4
PAGE = _names(
    "Type Parent Resources MediaBox CropBox BleedBox TrimBox ArtBox Contents Rotate Group Annots StructParents "
    "Tabs UserUnit"
)  # 7.7.3.3
FORM = {"/Fields", "/DR", "/DA", "/Q", "/NeedAppearances"}  # 12.7.3
ANNOTATIONS = _names(
    "Link Text FreeText Line Square Circle Polygon PolyLine Highlight Underline Squiggly StrikeOut Stamp Caret "
    "Ink Popup Widget Redact Watermark"
)  # 12.5.6
AUTHOR_KEYS = ("/M", "/CreationDate", "/NM", "/Subj", "/RC", "/RV")  # 12.5.6.2; and /T, which names a form's field

ACTIONS = _names(
    "GoToR GoToE GoToDp Launch Thread URI Sound Movie Hide Named SubmitForm ResetForm ImportData JavaScript "
    "SetOCGState Rendition Trans GoTo3DView RichMediaExecute"
)  # 12.6.4: all except going to another page of this document
TYPES = _names("Metadata EmbeddedFile Filespec Sig DocTimeStamp Rendition MediaClip Collection 3D")
SUBTYPES = _names("FileAttachment Sound Movie Screen RichMedia 3D PRC U3D PrinterMark TrapNet PS")
SIGNS = ("/EF", "/ByteRange", "/SubFilter")  # only files and signatures have these
KEYS = _names(
    "Metadata PieceInfo LastModified Thumb SpiderInfo CreatorInfo OpenAction JavaScript JS EmbeddedFiles "
    "Renditions Collection XFA Perms DSS Legal RichMediaContent RichMediaSettings Alternates OPI Ref "
    "OutputIntents FFilter FDecodeParms URI Subtype2 Creator"
)
SHORT_KEYS = {"/AA", "/PA", "/AF"}  # glyphs and fonts may have these names too: those are streams and fonts
MAX_PARTS = 300_000  # dictionaries and arrays, nested ones included; checking each takes some 20 microseconds
OF_PICTURES = {
    "/DCTDecode": jpeg.strip_metadata,
    "/JPXDecode": jpeg2000.strip_metadata,
    "/JBIG2Decode": jbig2.strip_metadata,
}

Pages = Set[tuple[int, int]]  # the object numbers of the document's pages


def remove_unsafe(pdf: Pdf) -> int:
    """Clean `pdf` in memory and return how many things were removed. Raises CannotClean, before changing anything, if
    there are too many objects to check."""
    for number, _ in enumerate(_reachable(pdf.Root)):
        if number == MAX_PARTS:
            raise CannotClean(RefusalReason.OBJECTS)
    taken = _keep(pdf.trailer, TRAILER) + _keep(pdf.Root, CATALOG)
    for key, allowed in (("/Names", NAMES), ("/AcroForm", FORM)):
        if isinstance(part := pdf.Root.get(key), Dictionary):
            taken += _keep(part, allowed)
    for page in pdf.pages:
        taken += _keep(page.obj, PAGE) + _clean_annotations(page.obj)
    pages = {page.obj.objgen for page in pdf.pages}
    return taken + sum(_clean(found, pages) for found in _reachable(pdf.Root))


def _keep(part: Object, allowed: Set[str]) -> int:
    return _drop(part, [key for key in part.keys() if key not in allowed])  # noqa: SIM118 - no plain dict


def _drop(part: Object, keys: Iterable[str]) -> int:
    there = [key for key in keys if key in part]
    for key in there:
        del part[key]
    return len(there)


def _clean_annotations(page: Object) -> int:
    annotations = page.get("/Annots")
    if annotations is None:
        return 0
    given: list[Any] = list(annotations) if isinstance(annotations, Array) else []
    kept = [found for found in given if isinstance(found, Dictionary) and str(found.get("/Subtype")) in ANNOTATIONS]
    page["/Annots"] = Array(kept)
    return len(given) - len(kept) + sum(_clean_annotation(found) for found in kept)


def _clean_annotation(found: Object) -> int:
    return _drop(found, AUTHOR_KEYS if found.get("/Subtype") == Name.Widget else (*AUTHOR_KEYS, "/T"))


def _is_annotation(found: Object) -> bool:
    """Return whether it is an annotation, including those on no page that another refers to: a reply's target, or a
    popup."""
    return found.get("/Type") == Name.Annot or ("/Rect" in found and str(found.get("/Subtype")) in ANNOTATIONS)


def _reachable(top: Object) -> Iterator[Object]:
    """Yield every reachable dictionary, stream and array, each before its content, which is read afterwards."""
    seen, waiting = set(), [top]
    while waiting:
        found = waiting.pop()
        if found.is_indirect:
            if found.objgen in seen:
                continue
            seen.add(found.objgen)
        yield found
        children = found if isinstance(found, Array) else (value for _, value in found.items())
        waiting.extend(value for value in children if isinstance(value, Array | Dictionary | Stream))


def _clean(found: Object, pages: Pages) -> int:
    if isinstance(found, Array):
        return _clean_array(found, pages)
    taken = _drop(found, [key for key, value in found.items() if _forbidden(key, value, pages)])
    is_annotation = _is_annotation(found)
    if is_annotation:
        taken += _clean_annotation(found)
    if (is_annotation or "/Title" in found) and not _is_step(
        found.get("/A")
    ):  # otherwise /A holds an element's attributes
        taken += _drop(found, ["/A"])
    if "/FT" in found:
        taken += _drop(found, ["/RV"])
    if found.get("/FT") == Name.Sig:
        taken += _drop(found, ["/V", "/Lock", "/SV"])
    if found.get("/Type") == Name.OCG and isinstance(usage := found.get("/Usage"), Dictionary):
        taken += _drop(usage, ["/User"])  # 8.11.4.4
    if isinstance(found, Stream):
        taken += _drop(found, ["/F"]) + _clean_picture(found)  # 7.3.8.2: /F is a file elsewhere
        taken += _drop(found, ["/PS"]) if found.get("/Subtype") == Name.Form else 0
    return taken


def _clean_array(found: Array, pages: Pages) -> int:
    harmful = [at for at, value in enumerate(found) if _harmful(value, pages)]
    for at in harmful:
        found[at] = None  # null, since positions matter in trees and in indexed lists
    return len(harmful)


def _is_step(value: Any) -> bool:
    return isinstance(value, Dictionary) and value.get("/S") == Name.GoTo


def _forbidden(key: str, value: Any, pages: Pages) -> bool:
    if key in SHORT_KEYS:
        drawn = isinstance(value, Stream) or (isinstance(value, Dictionary) and value.get("/Type") == Name.Font)
        return not drawn
    return key in KEYS or _harmful(value, pages)


def _harmful(value: Any, pages: Pages) -> bool:
    if not isinstance(value, Dictionary | Stream):
        return False
    entries = dict(value.items())  # faster: pikepdf raises internally for each missing key
    if str(entries.get("/Type")) in TYPES or str(entries.get("/Subtype")) in SUBTYPES:
        return True
    if isinstance(value, Stream):
        return False
    if str(entries.get("/S")) in ACTIONS or entries.get("/O") == "/UserProperties":
        return True
    return any(sign in entries for sign in SIGNS) or (value.objgen not in pages and _is_page(entries))


def _is_page(entries: dict[str, Any]) -> bool:
    """Return whether it is a page: a removed page stays in the file while a bookmark or the like refers to it."""
    return entries.get("/Type") in ("/Page", "/Template") or isinstance(entries.get("/Contents"), Array | Stream)


def _clean_picture(stream: Stream) -> int:
    last = get_filters(stream)[-1:]
    if not last or last[0] not in OF_PICTURES:
        return 0
    settings: Any = stream.get("/DecodeParms")
    if isinstance(settings, Array):
        settings = settings[-1]
    taken = _clean_shared(settings.get("/JBIG2Globals")) if isinstance(settings, Dictionary) else 0
    was = get_picture(stream)
    kept = OF_PICTURES[last[0]](was)
    if kept == was and len(get_filters(stream)) == 1:
        return taken
    stream.write(kept, filter=Name(last[0]), decode_parms=settings)
    return taken + 1


def _clean_shared(segments: Any) -> int:
    """Clean the segments that several JBIG2 pictures share (7.4.7)."""
    if not isinstance(segments, Stream):
        return 0
    was = segments.read_bytes()
    kept = jbig2.strip_metadata(was)
    if kept == was:
        return 0
    segments.write(kept)
    return 1
