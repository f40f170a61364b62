"""Examples and descriptions for the API docs, made from the schema: what a field of this name looks like at a clinic.

Every request and every answer in JSON gets one, so that somebody who tries a call has something to change instead of
`"string"`; tests/found/test_site.py checks each against its own schema.
"""

from collections.abc import Iterator
from typing import Any

MOMENT, DAY = "2026-11-30T14:30:00Z", "2026-11-30"
ID = "01a1fd58-089a-7324-97d4-53641105868a"
REF = "#/components/schemas/"
DAY_OFF = {"from": "2026-12-24T05:00:00Z", "to": "2026-12-25T05:00:00Z", "reason": "Vacation"}

BY_NAME: dict[str, Any] = {
    "answers": {"f1": "yes", "f2": "2026-11-30"},
    "about": "patients.Patient",
    "access_token": "eyJhbGciOiJIUzI1NiIs…",
    "active": True,
    "address": "218 Prospect Place, Brooklyn, NY 11238",
    "after": "Rotation to the left 60 degrees.",
    "agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0",
    "allergies": "Penicillin",
    "assessment": "Headache reproduced by palpation of C2-C3.",
    "authorName": "Dr. Daniel Reyes",
    "before": "Rotation to the right 60 degrees.",
    "bloodType": "A+",
    "bookableOnline": True,
    "checks": {"database": "ok", "cache": "ok", "migrations": "ok"},
    "code": "482913",
    "conflict": "The doctor has another appointment at this time.",
    "codeSystem": "ICD-10-CM",
    "colour": "#2e7d32",
    "country": "US",
    "credential": {"id": "…", "rawId": "…", "type": "public-key", "response": {}},
    "currency": "USD",
    "current": "Blue-kettle-4821",
    "dateOfBirth": "1984-05-17",
    "deletedByName": "Alice Morgan",
    "department": "Front desk",
    "description": "Doctor or therapist",
    "detail": "The doctor has another appointment at this time.",
    "details": {"fields": ["phone"]},
    "device": "Chrome on Windows",
    "diagnosis": "Cervicogenic headache (G44.86)",
    "dose": "250 mg twice a day with food",
    "doctorName": "Dr. Daniel Reyes",
    "durationMinutes": 30,
    "email": "paula.jensen@example.org",
    "emergencyContact": "Carl Jensen (husband), (212) 555-0131",
    "end": "12:00",
    "ended": 2,
    "error": "invalid_grant",
    "error_description": "Invalid email or password",
    "errors": {"date": ["This field is required."]},
    "event": "chart.read",
    "excerpts": {"assessment": "… headache reproduced by palpation …"},
    "expires_in": 900,
    "frequency": "Twice a week for four weeks",
    "gender": "female",
    "join_code": "K7QM2XTP",
    "joinCode": "K7QM2XTP",
    "label": "Chart opened",
    "limit": 10,
    "measure": "Days with a headache a week",
    "medicalHistory": "Motor vehicle accident in 2018 with whiplash.",
    "message": "It can be restored until Dec 30, 2026, and is deleted permanently after that.",
    "mfa_token": "eyJhbGciOiJIUzI1NiIs…",
    "minutes": 30,
    "name": "Paula Jensen",
    "new": "Green-lantern-7395",
    "note": "Called the patient; access was needed.",
    "notes": "Brings X-rays.",
    "objective": "Rotation to the right 55 degrees.",
    "officeName": "Midtown",
    "openedByName": "Dr. Mei Chen",
    "page": 1,
    "password": "Blue-kettle-4821",
    "patientName": "Paula Jensen",
    "phone": "(212) 555-0104",
    "placedByName": "Alice Morgan",
    "plan": "Chin tucks 3 x 10 daily; recheck in two weeks.",
    "prescription": "Naproxen 250 mg twice a day with food",
    "prompts": {"subjective": "Since when, and how strong from 0 to 10?"},
    "query": "headache",
    "reaction": "Hives",
    "reason": "Neck stiffness",
    "recoveryCodesLeft": 10,
    "refresh_token": "eyJhbGciOiJIUzI1NiIs…",
    "region": "NY",
    "requestId": "3c6b535bf98b43f1b2fdcd2c5b57f774",
    "reviewedByName": "Alice Morgan",
    "revenue": 0,
    "secret": "JBSWY3DPEHPK3PXP",
    "size": 48213,
    "specialization": "Chiropractor",
    "start": "09:00",
    "subjective": "Headache four days a week.",
    "target": "One at most",
    "text": "No headache on most days",
    "texts": {"objective": "Rotation to the right, left:"},
    "timezone": "America/New_York",
    "title": "Headaches from the neck",
    "token": "q3t6w9z$C&F)J@Nc",
    "uploadedByName": "Sam Whitfield",
    "uri": "otpauth://totp/Praxis:paula.jensen@example.org?secret=JBSWY3DPEHPK3PXP",
    "url": f"/api/attachments/{ID}/link/q3t6w9z",
    "username": "paula.jensen@example.org",
    "version": 3,
    "videoLink": "https://video.example.org/reyes",
    "word": "nka",
    "year": 2026,
}
PROBLEM = {"text": "Whiplash", "code": "S13.4", "until": None}
# Where a name means something else in one of the schemas.
BY_SCHEMA: dict[str, dict[str, Any]] = {
    "CompleteInput": {"name": "Paula Jensen", "strokes": [[[120, 210], [340, 130], [520, 220]]]},
    "AllergyInput": {"text": "Latex", "code": "111088007", "codeSystem": "SNOMED CT", "until": None},
    "AppointmentEventShape": {"what": "cancelled", "details": {"late": False, "fields": ["cancelReason"]}},
    "AttachmentShape": {"name": "referral.pdf", "mediaType": "application/pdf"},
    "ChartEntryChange": {**PROBLEM, "reason": "Asked again"},
    "ChartEntryShape": PROBLEM,
    "DeletionInput": {"reason": "Entered in the wrong chart"},
    "DifferenceShape": {
        "field": "phone",
        "into": "(212) 555-0104",
        "from": "(212) 555-0199",
        "result": "(212) 555-0104",
    },
    "Doctor": {"name": "Dr. Daniel Reyes", "email": "daniel.reyes@example.org"},
    "DoctorBrief": {"name": "Dr. Daniel Reyes", "email": "daniel.reyes@example.org"},
    "EventShape": {"address": "203.0.113.7"},
    "ExceptionChange": DAY_OFF,
    "ExceptionInput": DAY_OFF,
    "ExceptionShape": DAY_OFF,
    "HoldInput": {"reason": "Requested by counsel, case 26-1184"},
    "HoldState": {"reason": "Requested by counsel, case 26-1184"},
    "HolidayInput": {"dates": ["2026-12-25"]},
    "HolidayShape": {"date": "2026-12-25", "name": "Christmas Day"},
    "JoinCodeMade": {"code": "K7QM2XTP"},
    "KeepInput": {"phone": "from"},
    "MedicationInput": {"text": "Naproxen", "code": "7258", "codeSystem": "RxNorm", "until": None},
    "MovedShape": {"kind": "appointments.Appointment", "name": "appointments", "count": 3},
    "NewPasskeyInput": {"name": "My phone"},
    "NoteAmendment": {"reason": "Wrong side noted"},
    "OfficeChange": {"name": "Midtown", "address": "350 Park Avenue, New York, NY 10022"},
    "OfficeInput": {"name": "Midtown", "address": "350 Park Avenue, New York, NY 10022"},
    "OfficeShape": {"name": "Midtown", "address": "350 Park Avenue, New York, NY 10022"},
    "PasskeyShape": {"name": "My phone"},
    "PhraseChange": {"text": "No known allergies."},
    "PhraseInput": {"text": "No known allergies."},
    "PhraseShape": {"text": "No known allergies."},
    "PlanAmendment": {"reason": "Goal reached earlier"},
    "ProblemInput": PROBLEM,
    "ProblemPage": {"text": "Whiplash (since 2018-03-02)"},
    "AllergyPage": {"text": "Latex (Hives, severe)"},
    "ReasonInput": {"reason": "Patient unconscious, allergies needed"},
    "RecordAmendment": {"reason": "Dose corrected"},
    "RenameInput": {"name": "referral.pdf"},
    "RoleShape": {"id": 2, "name": "doctor"},
    "RoomChange": {"name": "Room 1"},
    "RoomInput": {"name": "Room 1"},
    "RoomShape": {"name": "Room 1"},
    "SessionShape": {"address": "203.0.113.7", "current": True},
    "TypeChange": {"name": "First examination"},
    "TypeInput": {"name": "First examination"},
    "TypeShape": {"name": "First examination"},
    "VersionBrief": {"reason": "Wrong side noted"},
    "VersionShape": {"reason": "Wrong side noted", "content": {"subjective": "Headache four days a week."}},
    "Who": {"name": "Alice Morgan", "role": "admin"},
    "WhoBrief": {"name": "Alice Morgan", "role": "admin"},
}


def add_examples(result: Any, generator: Any, **kwargs: Any) -> Any:
    """Give each body in JSON an example, and each schema without a description one that says where it is used."""
    schemas = result["components"]["schemas"]
    for operation in _operations(result):
        for media in _json_bodies(operation):
            media["example"] = _example(media["schema"], schemas)
    _describe(result, schemas)
    return result


def _operations(result: Any) -> Iterator[Any]:
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            if isinstance(operation, dict):
                yield {**operation, "call": f"{method.upper()} {path}"}


def _json_bodies(operation: Any) -> Iterator[Any]:
    """Yield the media types of what is sent and of what comes back if it works."""
    answers = (answer for status, answer in operation["responses"].items() if status.startswith("2"))
    for body in (operation.get("requestBody", {}), *answers):
        for media_type, media in body.get("content", {}).items():
            if media_type != "multipart/form-data" and "format" not in media.get("schema", {}):
                yield media


def _example(schema: Any, schemas: Any, *, schema_name: str = "", name: str = "") -> Any:
    """Return an example of a schema; `name` is the property's, `schema_name` that of the schema around it."""
    if "$ref" in schema:
        target = schema["$ref"].removeprefix(REF)
        return _example(schemas[target], schemas, schema_name=target, name=name)
    for several in ("allOf", "oneOf", "anyOf"):
        if several in schema:
            return _example(schema[several][0], schemas, schema_name=schema_name, name=name)
    if "enum" in schema:
        return schema["enum"][0]
    if "properties" in schema:
        own = BY_SCHEMA.get(schema_name.removeprefix("Patched").removesuffix("Request"), {})
        return {
            key: own[key] if key in own else _example(inner, schemas, schema_name=schema_name, name=key)
            for key, inner in schema["properties"].items()
        }
    if schema.get("type") == "array":
        return [_example(schema["items"], schemas, schema_name=schema_name, name=name)]
    return _plain_example(schema, name)


def _plain_example(schema: Any, name: str) -> Any:
    kind, format_ = schema.get("type"), schema.get("format")
    by_format = {"uuid": ID, "date-time": MOMENT, "date": DAY}
    if format_ in by_format and name != "dateOfBirth":
        return by_format[format_]
    by_kind = {"boolean": False, "integer": schema.get("minimum", 1), "object": {}, "string": name}
    found = BY_NAME.get(name, by_kind.get(kind))
    fits = {"boolean": bool, "integer": int, "object": dict, "string": str}.get(kind, object)
    return found if isinstance(found, fits) else by_kind[kind]


def _describe(result: Any, schemas: Any) -> None:
    uses: dict[str, list[str]] = {}
    for operation in _operations(result):
        _note_uses(operation.get("requestBody"), f"Sent to `{operation['call']}`", uses)
        _note_uses(operation["responses"], f"Returned by `{operation['call']}`", uses)
    for name, schema in schemas.items():
        _note_uses(schema, f"Part of `{name}`", uses)
    for name, schema in schemas.items():
        if not schema.get("description") and name in uses:
            first, *others = dict.fromkeys(uses[name])
            schema["description"] = f"{first}, and {len(others)} more." if others else f"{first}."


def _note_uses(part: Any, use: str, uses: dict[str, list[str]]) -> None:
    """Note this use of each schema that `part` refers to."""
    if isinstance(part, dict):
        if "$ref" in part:
            uses.setdefault(part["$ref"].removeprefix(REF), []).append(use)
        for key, value in part.items():
            if key != "example":
                _note_uses(value, use, uses)
    elif isinstance(part, list):
        for value in part:
            _note_uses(value, use, uses)
