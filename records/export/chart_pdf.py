"""A complete chart as a PDF, from the same data as chart.json (records/export/services.py)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import IO, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.formats import format_day, format_size
from core.regional import in_practice_time
from patients.models import Gender
from practices.models import Practice
from records.body_charts.drawing import in_words
from records.export.further import FURTHER
from records.models.attachment import MediaType
from records.models.chart_entry import CONTENT, ChartList
from records.models.measure import Unit, series_title
from records.plans.pdf import ApiData, patient_label, status_line, write_details, write_plan
from records.printing import INDENT, Document
from records.versions.labels import field_label, status_label
from records.versions.services import UNREADABLE

TITLES = {
    "chartEntries": _("Problems, medications and allergies"),
    "measures": _("Measures"),
    "bodyCharts": _("Where it hurts"),
    "appointments": _("Appointments"),
    "records": _("Medical records"),
    "sessions": _("Session notes"),
    "plans": _("Plans of care"),
    "files": _("Files"),
}
CHART = {
    "name": _("Name"),
    "dateOfBirth": _("Date of birth"),
    "gender": _("Gender"),
    "email": _("Email"),
    "phone": _("Phone"),
    "address": _("Address"),
    "bloodType": _("Blood type"),
    "allergies": _("Allergies"),
    "medicalHistory": _("Medical history"),
    "emergencyContact": _("Emergency contact"),
}
TEXTS = (  # of appointments, records and notes alike, in this order
    "reason",
    *("subjective", "objective", "assessment", "plan"),
    *("diagnosis", "prescription", "notes", "attachments"),
    "durationMinutes",
    UNREADABLE,  # of a version that cannot be decrypted
)


@in_practice_time
def write_chart(
    file: IO[bytes], chart: ApiData, contents: Mapping[str, Iterable[ApiData]], *, practice: Practice, by: User
) -> None:
    document = Document(
        file, title=gettext("Chart"), about=patient_label(chart["name"], chart["dateOfBirth"]), practice=practice, by=by
    )
    known = {**chart, "gender": dict(Gender.choices).get(chart["gender"])}
    for name, label in CHART.items():
        document.field(str(label), _in_words(known.get(name)))
    for name, rows in contents.items():
        further = FURTHER.get(name)
        document.section(str(further.title if further else TITLES[name]))
        for row in rows:
            (further.write if further else _WRITERS[name])(document, row)
    document.close()


def _write_entry(document: Document, entry: ApiData) -> None:
    status = f" ({status_label(entry['status']).lower()})" if "status" in entry else ""
    document.heading(f"{document.stamp(entry['date'])}{status}")
    document.small(entry["doctorName"])
    _write_texts(document, entry)
    _write_earlier(document, entry.get("versions", []), _write_entry_version)


def _write_entry_version(document: Document, content: ApiData, indent: float) -> None:
    if "date" in content:
        document.field(field_label("date"), document.stamp(datetime.fromisoformat(content["date"])), indent=indent)
    _write_texts(document, content, indent)


def _write_texts(document: Document, texts: ApiData, indent: float = 0) -> None:
    for name in TEXTS:
        document.field(field_label(name), _in_words(texts.get(name)), indent=indent)


def _write_chart_entry(document: Document, entry: ApiData) -> None:
    document.heading(f"{ChartList(entry['kind']).label}: {entry['text']} ({status_label(entry['status']).lower()})")
    document.small(entry["authorName"])
    _write_chart_entry_content(document, {**entry, "text": ""})
    _write_earlier(document, entry["versions"], _write_chart_entry_content)


def _write_chart_entry_content(document: Document, content: ApiData, indent: float = 0) -> None:
    if UNREADABLE in content:
        _write_texts(document, content, indent)
    for name in CONTENT:
        value = content.get(name)
        if name in ("since", "until") and isinstance(value, str) and value:
            value = date.fromisoformat(value)
        document.field(field_label(name), _in_words(value), indent=indent)


def _write_measure(document: Document, measure: ApiData) -> None:
    title = series_title(tuple(measure[name] or "" for name in ("kind", "joint", "movement", "side")))  # type: ignore[arg-type]
    document.heading(f"{document.stamp(measure['measuredAt'])}: {title}")
    document.small(measure["authorName"])
    _write_measure_content(document, measure)
    _write_earlier(document, measure["versions"], _write_measure_content)


def _write_measure_content(document: Document, content: ApiData, indent: float = 0) -> None:
    if UNREADABLE in content:
        _write_texts(document, content, indent)
        return
    numbers = "/".join(
        f"{float(content[name]):g}" for name in ("value", "diastolic") if content[name] not in (None, "")
    )
    unit = Unit(content["unit"]).label if content["unit"] in Unit.values else ""
    document.field(field_label("value"), f"{numbers} {unit}".strip(), indent=indent)
    document.field(field_label("remark"), content["remark"], indent=indent)


def _write_body_chart(document: Document, drawing: ApiData) -> None:
    document.heading(document.stamp(drawing["drawnAt"]))
    document.small(drawing["authorName"])
    _write_body_chart_content(document, drawing)
    _write_earlier(document, drawing["versions"], _write_body_chart_content)


def _write_body_chart_content(document: Document, content: ApiData, indent: float = 0) -> None:
    if UNREADABLE in content or content["marks"] is None:
        document.field(field_label(UNREADABLE), content.get(UNREADABLE) or gettext("Unknown"), indent=indent)
        return
    said = in_words(content["marks"]) or [gettext("Nothing marked: nothing hurts.")]
    document.text("\n".join(said), indent=indent)
    document.field(field_label("remark"), content["remark"], indent=indent)


def _write_plan(document: Document, plan: ApiData) -> None:
    write_plan(document, plan, version_count=len(plan["versions"]))
    _write_earlier(document, plan["versions"], _write_plan_version)


def _write_plan_version(document: Document, content: ApiData, indent: float) -> None:
    if "goals" not in content:
        _write_texts(document, content, indent)
        return
    document.field(status_line(content), content["title"], indent=indent)
    write_details(document, content, indent=indent)


def _write_earlier(
    document: Document, versions: list[ApiData], write_content: Callable[[Document, ApiData, float], None]
) -> None:
    """Write earlier versions and the reasons for the changes; nothing for an entry that was never amended."""
    for version in versions if len(versions) > 1 else []:
        written = gettext("Version %(number)s, %(moment)s, by %(person)s") % {
            "number": version["number"],
            "moment": document.stamp(version["createdAt"]),
            "person": version["authorName"],
        }
        document.field(written, version["reason"] or gettext("First version."), indent=INDENT)
        if version is versions[-1]:
            document.small(gettext("Current version, shown above."), indent=2 * INDENT)
        else:
            write_content(document, version["content"], 2 * INDENT)


def _write_file(document: Document, file: ApiData) -> None:
    about = gettext("%(kind)s, %(size)s, added %(moment)s by %(person)s.") % {
        "kind": MediaType(file["mediaType"]).label,
        "size": format_size(file["size"]),
        "moment": document.stamp(file["createdAt"]),
        "person": file["uploadedByName"],
    }
    if file["leftOut"]:
        about += " " + gettext("Not in this export: %(reason)s") % {"reason": file["leftOut"]}
    document.field(file["name"], about)


def _in_words(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    if isinstance(value, date):
        return format_day(value)
    return "" if value is None else str(value)


_WRITERS: dict[str, Callable[[Document, ApiData], None]] = {
    "chartEntries": _write_chart_entry,
    "measures": _write_measure,
    "bodyCharts": _write_body_chart,
    "appointments": _write_entry,
    "records": _write_entry,
    "sessions": _write_entry,
    "plans": _write_plan,
    "files": _write_file,
}
