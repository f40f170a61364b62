"""What is taken out of a PDF (ISO 32000-2; the numbers are its sections).

Two kinds of rule. The catalog, pages, forms and annotations keep what is known to be harmless and lose everything
else. Whatever can be reached from there is walked through, and loses what is dangerous or tells of people by its key or
by what it is, wherever it hangs: an action is an action also where none belongs.
"""

from collections.abc import Iterable, Iterator, Set
from typing import Any

from pikepdf import Array, Dictionary, Name, Object, Pdf, Stream

from records.files.cleaning import jbig2, jpeg, jpeg2000
from records.files.cleaning.refusals import CannotClean, Why
from records.files.cleaning.unpacking import filters, picture


def _names(words: str) -> frozenset[str]:
    return frozenset(f"/{word}" for word in words.split())


# What a cross-reference stream says in the trailer's place is no concern of readers; the id is made anew.
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
OF_ITS_WRITER = ("/M", "/CreationDate", "/NM", "/Subj", "/RC", "/RV")  # 12.5.6.2; and /T, which names a form's field

ACTIONS = _names(
    "GoToR GoToE GoToDp Launch Thread URI Sound Movie Hide Named SubmitForm ResetForm ImportData JavaScript "
    "SetOCGState Rendition Trans GoTo3DView RichMediaExecute"
)  # 12.6.4: all but the step to another page of this document
TYPES = _names("Metadata EmbeddedFile Filespec Sig DocTimeStamp Rendition MediaClip Collection 3D")
SUBTYPES = _names("FileAttachment Sound Movie Screen RichMedia 3D PRC U3D PrinterMark TrapNet PS")
SIGNS = ("/EF", "/ByteRange", "/SubFilter")  # only files and signatures have these
KEYS = _names(
    "Metadata PieceInfo LastModified Thumb SpiderInfo CreatorInfo OpenAction JavaScript JS EmbeddedFiles "
    "Renditions Collection XFA Perms DSS Legal RichMediaContent RichMediaSettings Alternates OPI Ref "
    "OutputIntents FFilter FDecodeParms URI Subtype2 Creator"
)
SHORT_KEYS = {"/AA", "/PA", "/AF"}  # a glyph or a font may be called so: those are streams and fonts
MAX_PARTS = 300_000  # dictionaries and arrays, those within others too; each is looked at for some 20 microseconds
OF_PICTURES = {"/DCTDecode": jpeg.stripped, "/JPXDecode": jpeg2000.stripped, "/JBIG2Decode": jbig2.stripped}

Pages = Set[tuple[int, int]]  # the numbers of those that the document has


def take_out(pdf: Pdf) -> int:
    """Changes `pdf` in memory; how many things were taken out of it. Raises CannotClean, before it does anything, when
    there are too many to look at."""
    for number, _ in enumerate(_reachable(pdf.Root)):
        if number == MAX_PARTS:
            raise CannotClean(Why.OBJECTS)
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
    held = page.get("/Annots")
    if held is None:
        return 0
    given: list[Any] = list(held) if isinstance(held, Array) else []
    kept = [found for found in given if isinstance(found, Dictionary) and str(found.get("/Subtype")) in ANNOTATIONS]
    page["/Annots"] = Array(kept)
    return len(given) - len(kept) + sum(_clean_annotation(found) for found in kept)


def _clean_annotation(found: Object) -> int:
    return _drop(found, OF_ITS_WRITER if found.get("/Subtype") == Name.Widget else (*OF_ITS_WRITER, "/T"))


def _is_annotation(found: Object) -> bool:
    """Also one that no page has, and that another names: what it answers, or its popup."""
    return found.get("/Type") == Name.Annot or ("/Rect" in found and str(found.get("/Subtype")) in ANNOTATIONS)


def _reachable(top: Object) -> Iterator[Object]:
    """Every dictionary, stream and array that can be reached, each before what it holds, and what it holds then."""
    seen, waiting = set(), [top]
    while waiting:
        found = waiting.pop()
        if found.is_indirect:
            if found.objgen in seen:
                continue
            seen.add(found.objgen)
        yield found
        held = found if isinstance(found, Array) else (value for _, value in found.items())
        waiting.extend(value for value in held if isinstance(value, Array | Dictionary | Stream))


def _clean(found: Object, pages: Pages) -> int:
    if isinstance(found, Array):
        return _clean_array(found, pages)
    taken = _drop(found, [key for key, value in found.items() if _forbidden(key, value, pages)])
    is_annotation = _is_annotation(found)
    if is_annotation:
        taken += _clean_annotation(found)
    if (is_annotation or "/Title" in found) and not _is_step(found.get("/A")):  # else /A is what an element looks like
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
        found[at] = None  # null: in trees, and in lists that others count in, the places must stay
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
    said = dict(value.items())  # asked for a key that is not there, pikepdf raises and catches
    if str(said.get("/Type")) in TYPES or str(said.get("/Subtype")) in SUBTYPES:
        return True
    if isinstance(value, Stream):
        return False
    if str(said.get("/S")) in ACTIONS or said.get("/O") == "/UserProperties":
        return True
    return any(sign in said for sign in SIGNS) or (value.objgen not in pages and _is_page(said))


def _is_page(said: dict[str, Any]) -> bool:
    """A page that was taken out of the document stays in the file where a bookmark or the like still names it."""
    return said.get("/Type") in ("/Page", "/Template") or isinstance(said.get("/Contents"), Array | Stream)


def _clean_picture(stream: Stream) -> int:
    last = filters(stream)[-1:]
    if not last or last[0] not in OF_PICTURES:
        return 0
    settings: Any = stream.get("/DecodeParms")
    if isinstance(settings, Array):
        settings = settings[-1]
    taken = _clean_shared(settings.get("/JBIG2Globals")) if isinstance(settings, Dictionary) else 0
    was = picture(stream)
    kept = OF_PICTURES[last[0]](was)
    if kept == was and len(filters(stream)) == 1:
        return taken
    stream.write(kept, filter=Name(last[0]), decode_parms=settings)
    return taken + 1


def _clean_shared(segments: Any) -> int:
    """What several pictures of JBIG2 have in common (7.4.7)."""
    if not isinstance(segments, Stream):
        return 0
    was = segments.read_bytes()
    kept = jbig2.stripped(was)
    if kept == was:
        return 0
    segments.write(kept)
    return 1
