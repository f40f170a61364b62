"""The fields of the CMS-1500 (02/12) as a PDF, filled in as the NUCC's instructions say. The boxes are drawn by
ourselves: the form's own drawing is the NUCC's, and payers who want that one are sent the printed red form. In English,
as the form is.

What Praxis does not know stays empty, to be filled in by hand: whether an accident was the cause (10), signatures (12,
13, 31), dates of the illness (14 to 18), assignment (27) and what others paid (29)."""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import islice
from typing import Any, NamedTuple

from django.utils import timezone
from reportlab.lib.pagesizes import letter
from reportlab.pdfgen.canvas import Canvas

from billing.claims.services import identity_of
from billing.codes import LETTERS
from billing.models import Coverage, ProviderIdentity, VisitCoding
from billing.money import to_text
from patients.models import Gender, Patient
from practices.models import Office, Practice
from records.printing import fonts
from records.printing.typesetting import Line, break_lines

LINES = 6  # of services on a form
TAXONOMY = "ZZ"  # the qualifier of a taxonomy code
SELF = "Self"
LABEL_SIZE, TEXT_SIZE, LEADING = 5.5, 8.5, 1.2
MARGIN, PAD = 30, 3  # points
WIDTH, HEIGHT = letter

# Rows from top to bottom: the height in points; number, label and share of the width of each box.
Row = tuple[float, tuple[tuple[str, str, int], ...]]
HEAD: tuple[Row, ...] = (
    (26, (("1", "Type of coverage", 60), ("1a", "Insured's ID number", 40))),
    (26, (("2", "Patient's name", 40), ("3", "Patient's birth date, sex", 22), ("4", "Insured's name", 38))),
    (
        48,
        (
            *(("5", "Patient's address, telephone", 40), ("6", "Relationship to insured", 11)),
            *(("8", "Reserved", 11), ("7", "Insured's address, telephone", 38)),
        ),
    ),
    (26, (("9", "Other insured's name", 40), ("10", "Condition related to", 22), ("11", "Insured's policy group", 38))),
    (
        26,
        (("9a", "Other insured's policy", 40), ("10a", "Employment", 22), ("11a", "Insured's birth date, sex", 38)),
    ),
    (26, (("9b", "Reserved", 40), ("10b", "Auto accident, place", 22), ("11b", "Other claim ID", 38))),
    (26, (("9c", "Reserved", 40), ("10c", "Other accident", 22), ("11c", "Insurance plan name", 38))),
    (
        26,
        (("9d", "Other insurance plan name", 40), ("10d", "Claim codes", 22), ("11d", "Another health plan", 38)),
    ),
    (32, (("12", "Patient's or authorized person's signature", 60), ("13", "Insured's signature", 40))),
    (
        26,
        (("14", "Date of current illness", 40), ("15", "Other date", 22), ("16", "Unable to work: from, to", 38)),
    ),
    (
        26,
        (("17", "Referring provider", 40), ("17b", "Their NPI", 22), ("18", "Hospitalization: from, to", 38)),
    ),
    (26, (("19", "Additional claim information", 60), ("20", "Outside lab, charges", 40))),
    (50, (("21", "Diagnoses (ICD indicator)", 60), ("22", "Resubmission code", 20), ("23", "Prior authorization", 20))),
)
COLUMNS = (
    *(("24A", "Dates of service", 22), ("24B", "Place", 6), ("24C", "EMG", 5), ("24D", "Service, modifiers", 23)),
    *(("24E", "Pointer", 8), ("24F", "Charges", 10), ("24G", "Units", 6), ("24H", "EPSDT", 6)),
    *(("24I", "ID", 4), ("24J", "Rendering NPI", 10)),
)
FOOT: tuple[Row, ...] = (
    (
        26,
        (
            *(("25", "Federal tax ID", 22), ("26", "Patient's account number", 20), ("27", "Accept assignment", 16)),
            *(("28", "Total charge", 14), ("29", "Amount paid", 14), ("30", "Reserved", 14)),
        ),
    ),
    (
        62,
        (("31", "Signature of provider, date", 28), ("32", "Service facility", 36), ("33", "Billing provider", 36)),
    ),
    (
        26,
        (
            *(("31a", "", 28), ("32a", "NPI", 18), ("32b", "Other ID", 18)),
            *(("33a", "NPI", 18), ("33b", "Other ID", 18)),
        ),
    ),
)


class Box(NamedTuple):
    """Where a box is on the page: its lower left corner, and its size, in points."""

    label: str
    left: float
    bottom: float
    width: float
    height: float


def _placed() -> dict[str, Box]:
    lines = [(22, tuple((f"{name}.{line}", label, share) for name, label, share in COLUMNS)) for line in range(1, 7)]
    boxes: dict[str, Box] = {}
    top = HEIGHT - MARGIN - 16
    for height, row in (*HEAD, *lines, *FOOT):
        left: float = MARGIN
        for name, label, share in row:
            width = (WIDTH - 2 * MARGIN) * share / 100
            boxes[name] = Box(label, left, top - height, width, height)
            left += width
        top -= height
    return boxes


BOXES = _placed()


def claim_pdf(coding: VisitCoding, coverages: Sequence[Coverage], *, practice: Practice) -> bytes:
    """Return the claim of a visit to the patient's first insurance, on as many forms as its services need."""
    printed = BytesIO()
    canvas = Canvas(printed, pagesize=letter, pageCompression=1)
    canvas.setTitle("CMS-1500")
    canvas.setAuthor("Praxis")
    common = _common(coding, coverages, practice)
    lines = coding.content["lines"]
    for start in range(0, len(lines), LINES):
        _draw(canvas, {**common, **_services(coding, lines[start : start + LINES], practice.currency)})
        canvas.showPage()
    canvas.save()
    return printed.getvalue()


# --- What is in the boxes ---------------------------------------------------------------------------------------------


def _common(coding: VisitCoding, coverages: Sequence[Coverage], practice: Practice) -> dict[str, str]:
    chart, visit = coding.appointment.patient, coding.appointment
    own, doctors = identity_of(None), identity_of(visit.doctor)
    office = visit.office or visit.doctor.office or Office.objects.order_by("id").first()
    where = "\n".join(part for part in (practice.name, office.address if office else "") if part)
    phone = office.phone if office else ""
    # a doctor with a tax id of their own bills under it
    is_own_biller = bool(doctors.tax_id)
    biller = doctors if is_own_biller else own
    return {
        **_of_insurances(chart, coverages),
        **_of_patient(chart),
        "21": _diagnoses(coding),
        "25": _tax_id(biller),
        "26": str(visit.pk).replace("-", "")[-12:],
        "31": visit.doctor.name,
        "32": where,
        "32a": own.npi,
        "33": "\n".join(part for part in (visit.doctor.name if is_own_biller else "", where, phone) if part),
        "33a": biller.npi,
        "33b": f"{TAXONOMY}{biller.taxonomy}" if biller.taxonomy else "",
    }


def _of_patient(chart: Patient) -> dict[str, str]:
    name, born = name_of(chart.name), f"{_day(chart)} {_sex(chart)}".strip()
    address = "\n".join(part for part in (chart.address, chart.phone) if part)
    return {"2": name, "3": born, "4": name, "5": address, "6": SELF, "7": address, "11a": born}


def _of_insurances(chart: Patient, coverages: Sequence[Coverage]) -> dict[str, str]:
    if not coverages:
        return {}
    first, *others = coverages
    boxes = {
        "1": "Group health plan" if first.group else "Other",
        "1a": first.member_id,
        "11": first.group or "NONE",
        "11c": first.payer,
        "11d": "YES" if others else "NO",
        "payer": "\n".join(part for part in (first.payer, first.payer_id) if part),
    }
    if others:
        policy = " ".join(part for part in (others[0].member_id, others[0].group) if part)
        boxes |= {"9": name_of(chart.name), "9a": policy, "9d": others[0].payer}
    return boxes


def _services(coding: VisitCoding, lines: Sequence[Mapping[str, Any]], currency: str) -> dict[str, str]:
    visit = coding.appointment
    day = timezone.localtime(visit.starts_at, visit.tzinfo).strftime("%m %d %y")
    npi = identity_of(visit.doctor).npi
    boxes: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        boxes |= {
            f"24A.{number}": f"{day} to {day}",
            f"24B.{number}": coding.place_of_service,
            f"24D.{number}": " ".join([line["code"], *line["modifiers"]]),
            f"24E.{number}": "".join(LETTERS[pointer - 1] for pointer in line["pointers"]),
            f"24F.{number}": _amount(line["charge"], currency),
            f"24G.{number}": str(line["units"]),
            f"24J.{number}": npi,
        }
    return {**boxes, "28": _amount(sum(line["charge"] for line in lines), currency)}


def name_of(name: str) -> str:
    """Return "Jensen, Paula": Praxis keeps names as one text, of which the last word is taken for the last name."""
    first, _, last = " ".join(name.split()).rpartition(" ")
    return f"{last}, {first}" if first else last


def _day(chart: Patient) -> str:
    return chart.date_of_birth.strftime("%m %d %Y") if chart.date_of_birth else ""


def _sex(chart: Patient) -> str:
    return {Gender.FEMALE: "F", Gender.MALE: "M"}.get(Gender(chart.gender), "") if chart.gender else ""


def _diagnoses(coding: VisitCoding) -> str:
    """Codes are written without their points. 0 says that they are of ICD-10-CM."""
    named = [
        f"{letter} {code.replace('.', '')}" for letter, code in zip(LETTERS, coding.content["diagnoses"], strict=False)
    ]
    rows = ["    ".join(named[start : start + 4]) for start in range(0, len(named), 4)]
    return "\n".join(["ICD Ind. 0", *rows])


def _tax_id(identity: ProviderIdentity) -> str:
    if not identity.tax_id:
        return ""
    kind = "SSN" if len(identity.tax_id.split("-")) == 3 else "EIN"
    return f"{identity.tax_id.replace('-', '')} {kind}"


def _amount(minor: int, currency: str) -> str:
    return to_text(minor, currency).replace(".", " ")


# --- Drawing ----------------------------------------------------------------------------------------------------------


def _draw(canvas: Canvas, texts: Mapping[str, str]) -> None:
    top = HEIGHT - MARGIN
    _write(canvas, "Health insurance claim, fields of the CMS-1500 (02/12)", MARGIN, top, size=TEXT_SIZE)
    payer = " ".join(texts.get("payer", "").split("\n"))
    _write(canvas, payer, MARGIN + 290, top, size=TEXT_SIZE, width=WIDTH - 2 * MARGIN - 290)
    canvas.setLineWidth(0.5)
    for name, box in BOXES.items():
        canvas.rect(box.left, box.bottom, box.width, box.height)
        y = box.bottom + box.height - LABEL_SIZE - 1
        number, _, line = name.partition(".")
        if line in ("", "1") and box.label:
            _write(canvas, f"{number} {box.label}", box.left + PAD, y, size=LABEL_SIZE, width=box.width - PAD)
        for fitting in _fitting(texts.get(name, ""), box):
            y -= TEXT_SIZE * LEADING
            _write_line(canvas, fitting, box.left + PAD, y, size=TEXT_SIZE)


def _fitting(text: str, box: Box) -> Iterator[Line]:
    """Yield as many lines as the box holds; a long one, such as an address, goes on in the next."""
    most = int((box.height - LABEL_SIZE) // (TEXT_SIZE * LEADING)) or 1
    lines = break_lines(text, width=box.width - 2 * PAD, size=TEXT_SIZE, weight=fonts.REGULAR)
    yield from islice((line for line in lines if line.spans), most)


def _write(canvas: Canvas, text: str, x: float, y: float, *, size: float, width: float = WIDTH) -> None:
    line = next(break_lines(text, width=width, size=size, weight=fonts.REGULAR), None)
    if line is not None:
        _write_line(canvas, line, x, y, size=size)


def _write_line(canvas: Canvas, line: Line, x: float, y: float, *, size: float) -> None:
    written = canvas.beginText(x, y)
    for span in line.spans:
        written.setFont(fonts.font(span.family, fonts.REGULAR).fontName, size)
        written.textOut(span.text)
        x += span.width
        written.setTextOrigin(x, y)
    canvas.drawText(written)
