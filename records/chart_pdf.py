"""A whole chart on paper, from what chart.json holds (records/export.py)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import IO, Any

from accounts.models import User
from practices.models import Practice
from records.plan_pdf import Shown, days, who, write_plan, write_terms
from records.printing import INDENT, Sheets

TITLES = {
    "appointments": "Appointments",
    "records": "Medical records",
    "sessions": "Session notes",
    "plans": "Plans of care",
    "files": "Files",
}
CHART = {
    "name": "Name",
    "dateOfBirth": "Born",
    "gender": "Gender",
    "email": "E-mail",
    "phone": "Phone",
    "address": "Address",
    "bloodType": "Blood type",
    "allergies": "Allergies",
    "medicalHistory": "Medical history",
}
TEXTS = {  # of appointments, records and notes alike
    "reason": "Reason",
    "subjective": "Subjective",
    "objective": "Objective",
    "assessment": "Assessment",
    "plan": "Plan",
    "diagnosis": "Diagnosis",
    "prescription": "Prescription",
    "notes": "Notes",
    "attachments": "Attachments",
    "durationMinutes": "Minutes",
    "unreadable": "Not readable",  # a version that cannot be decrypted
}


def write_chart(
    file: IO[bytes], chart: Shown, contents: Mapping[str, Iterable[Shown]], *, practice: Practice, by: User
) -> None:
    sheets = Sheets(file, title="Chart", about=who(chart["name"], chart["dateOfBirth"]), practice=practice, by=by)
    for name, label in CHART.items():
        sheets.field(label, _in_words(chart[name]))
    for name, rows in contents.items():
        sheets.section(TITLES[name])
        for row in rows:
            _WRITERS[name](sheets, row)
    sheets.close()


def _write_entry(sheets: Sheets, entry: Shown) -> None:
    status = f" ({entry['status']})" if "status" in entry else ""
    sheets.heading(f"{sheets.stamp(entry['date'])}{status}")
    sheets.small(entry["doctorName"])
    _write_texts(sheets, entry)
    _write_earlier(sheets, entry.get("versions", []), _write_entry_version)


def _write_entry_version(sheets: Sheets, content: Shown, indent: float) -> None:
    if "date" in content:
        sheets.field("Session", sheets.stamp(datetime.fromisoformat(content["date"])), indent=indent)
    _write_texts(sheets, content, indent)


def _write_texts(sheets: Sheets, texts: Shown, indent: float = 0) -> None:
    for name, label in TEXTS.items():
        sheets.field(label, _in_words(texts.get(name)), indent=indent)


def _write_plan(sheets: Sheets, plan: Shown) -> None:
    write_plan(sheets, plan, kept=len(plan["versions"]))
    _write_earlier(sheets, plan["versions"], _write_plan_version)


def _write_plan_version(sheets: Sheets, content: Shown, indent: float) -> None:
    if "goals" not in content:
        _write_texts(sheets, content, indent)
        return
    sheets.field(days(content), content["title"], indent=indent)
    write_terms(sheets, content, indent=indent)


def _write_earlier(
    sheets: Sheets, versions: list[Shown], write_content: Callable[[Sheets, Shown, float], None]
) -> None:
    """What stood there before, and why it was changed; nothing of an entry that never was."""
    for version in versions if len(versions) > 1 else []:
        written = f"Version {version['number']}, {sheets.stamp(version['createdAt'])}, by {version['authorName']}"
        sheets.field(written, version["reason"] or "As it was first written.", indent=INDENT)
        if version is versions[-1]:
            sheets.small("As it stands above.", indent=2 * INDENT)
        else:
            write_content(sheets, version["content"], 2 * INDENT)


def _write_file(sheets: Sheets, file: Shown) -> None:
    left_out = f" Not in this export: {file['leftOut']}" if file["leftOut"] else ""
    added = f"{file['mediaType']}, {file['size']} bytes, added {sheets.stamp(file['createdAt'])} by"
    sheets.field(file["name"], f"{added} {file['uploadedByName']}.{left_out}")


def _in_words(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


_WRITERS: dict[str, Callable[[Sheets, Shown], None]] = {
    "appointments": _write_entry,
    "records": _write_entry,
    "sessions": _write_entry,
    "plans": _write_plan,
    "files": _write_file,
}
