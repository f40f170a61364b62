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
    "allocated": "50.00",
    "amount": "50.00",
    "assessment": "Headache reproduced by palpation of C2-C3.",
    "authorName": "Dr. Daniel Reyes",
    "balance": "81.00",
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
    "credit": "0.00",
    "currency": "USD",
    "current": "Blue-kettle-4821",
    "dateOfBirth": "1984-05-17",
    "days0to30": "81.00",
    "days31to60": "0.00",
    "days61to90": "0.00",
    "deletedByName": "Alice Morgan",
    "department": "Front desk",
    "description": "Doctor or therapist",
    "detail": "The doctor has another appointment at this time.",
    "details": {"fields": ["phone"]},
    "device": "Chrome on Windows",
    "diagnosis": "Cervicogenic headache (G44.86)",
    "discount": "10.00",
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
    "left": "0.00",
    "limit": 10,
    "measure": "Days with a headache a week",
    "medicalHistory": "Motor vehicle accident in 2018 with whiplash.",
    "message": "It can be restored until Dec 30, 2026, and is deleted permanently after that.",
    "mfa_token": "eyJhbGciOiJIUzI1NiIs…",
    "minutes": 30,
    "name": "Paula Jensen",
    "net": "100.00",
    "new": "Green-lantern-7395",
    "note": "Called the patient; access was needed.",
    "notes": "Brings X-rays.",
    "objective": "Rotation to the right 55 degrees.",
    "officeName": "Midtown",
    "older": "0.00",
    "open": "69.00",
    "openedByName": "Dr. Mei Chen",
    "page": 1,
    "paid": "50.00",
    "password": "Blue-kettle-4821",
    "patientName": "Paula Jensen",
    "payerAddress": "PO Box 1, Hartford, CT",
    "payerName": "Acme Insurance",
    "phone": "(212) 555-0104",
    "placedByName": "Alice Morgan",
    "plan": "Chin tucks 3 x 10 daily; recheck in two weeks.",
    "prescription": "Naproxen 250 mg twice a day with food",
    "price": "100.00",
    "prompts": {"subjective": "Since when, and how strong from 0 to 10?"},
    "quantity": "1",
    "query": "headache",
    "reaction": "Hives",
    "reason": "Neck stiffness",
    "recoveryCodesLeft": 10,
    "reference": "Cheque 1042",
    "refresh_token": "eyJhbGciOiJIUzI1NiIs…",
    "refunded": "0.00",
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
    "tax": "19.00",
    "taxRate": "19.00",
    "text": "No headache on most days",
    "texts": {"objective": "Rotation to the right, left:"},
    "timezone": "America/New_York",
    "ticket": "WyIwMTlh…",
    "title": "Headaches from the neck",
    "token": "q3t6w9z$C&F)J@Nc",
    "unitPrice": "100.00",
    "uploadedByName": "Sam Whitfield",
    "uri": "otpauth://totp/Praxis:paula.jensen@example.org?secret=JBSWY3DPEHPK3PXP",
    "url": f"/api/attachments/{ID}/link/q3t6w9z",
    "username": "paula.jensen@example.org",
    "version": 3,
    "videoLink": "https://video.example.org/reyes",
    "word": "nka",
    "writtenOff": "0.00",
    "year": 2026,
}
API_KEY = "praxis_5f0c9a1e_9tQm3q…"
LETTER = {"name": "Referral", "title": "Referral", "text": "Thank you for seeing {patient}."}
READING = {"kind": "blood_pressure", "value": 128, "diastolic": 82, "unit": "mmHg", "joint": "", "movement": ""}
READING |= {"side": "", "remark": "Left arm"}
PROBLEM = {"text": "Whiplash", "code": "S13.4", "until": None}
SERVICE = {"code": "97124", "name": "Massage"}
INVOICE = {"number": "2026-0007", "total": "119.00"}
# Where a name means something else in one of the schemas.
BY_SCHEMA: dict[str, dict[str, Any]] = {
    "CodingInput": {
        "placeOfService": "11",
        "diagnoses": ["M54.50"],
        "lines": [{"code": "98940", "modifiers": ["AT"], "units": 1, "pointers": [1], "charge": "60.00"}],
    },
    "CreditInput": {"reason": "Billed by mistake"},
    "DraftChange": {"note": "Thank you."},
    "DraftInput": {"note": "Thank you."},
    "InvoiceBrief": INVOICE,
    "InvoiceShape": {**INVOICE, "note": "Thank you.", "reason": ""},
    "LineShape": {"code": "97124", "description": "Massage", "total": "119.00"},
    "LineInput": {"description": "Massage"},
    "LineChange": {"description": "Massage"},
    "PriceShape": SERVICE,
    "RefundInput": {"reason": "Paid twice"},
    "RefundShape": {"reason": "Paid twice"},
    "ServiceBrief": SERVICE,
    "ServiceChange": SERVICE,
    "ServiceInput": SERVICE,
    "ServiceShape": SERVICE,
    "WriteOffInput": {"reason": "Goodwill"},
    "AccountEntryShape": {"number": "2026-0007"},
    "AllocationShape": {"number": "2026-0007"},
    "CompleteInput": {"name": "Paula Jensen", "strokes": [[[120, 210], [340, 130], [520, 220]]]},
    "AllergyInput": {"text": "Latex", "code": "111088007", "codeSystem": "SNOMED CT", "until": None},
    "AppointmentEventShape": {"what": "cancelled", "details": {"late": False, "fields": ["cancelReason"]}},
    "ApiKeyInput": {"name": "Laboratory", "permissions": ["read_charts", "read_appointments"]},
    "ApiKeyMade": {"name": "Laboratory", "prefix": "5f0c9a1e", "permissions": ["read_charts"], "key": API_KEY},
    "ApiKeyShape": {"name": "Laboratory", "prefix": "5f0c9a1e", "permissions": ["read_charts"]},
    "AttachmentShape": {"name": "referral.pdf", "mediaType": "application/pdf"},
    "ChartEntryChange": {**PROBLEM, "reason": "Asked again"},
    "ChartEntryShape": PROBLEM,
    "BodyChartAmendment": {"reason": "Other side"},
    "MarkInput": {"region": "back.lower_back", "sensation": "pain", "level": 7},
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
    "BegunLetter": {"title": "Referral", "text": "Thank you for seeing Paula Jensen.", "missing": ["Address"]},
    "LetterInput": {"title": "Referral", "text": "Thank you for seeing Paula Jensen."},
    "LetterTemplateChange": LETTER,
    "LetterTemplateInput": LETTER,
    "LetterTemplateShape": LETTER,
    "MeasureAmendment": {"value": "118", "diastolic": "82", "reason": "Misread"},
    "MeasureInput": {**READING, "value": "128", "diastolic": "82"},
    "ProgressInput": {"value": "6", "text": "Six days of seven without a headache."},
    "MeasureShape": READING,
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
    "AttachmentChange": {"name": "referral.pdf", "category": "report"},
    "RoleShape": {"id": 2, "name": "doctor"},
    "RoomChange": {"name": "Room 1"},
    "RoomInput": {"name": "Room 1"},
    "RoomShape": {"name": "Room 1"},
    "SessionShape": {"address": "203.0.113.7", "current": True},
    "TypeChange": {"name": "First examination"},
    "TypeInput": {"name": "First examination"},
    "TypeShape": {"name": "First examination"},
    "DeliveryShape": {"error": "The answer was 500.", "answered": 500},
    "WebhookChange": {"url": "https://hooks.example.org/praxis"},
    "WebhookInput": {"url": "https://hooks.example.org/praxis"},
    "WebhookMade": {"url": "https://hooks.example.org/praxis", "secret": "whsec_q3t6w9zCFJNcRfUjXn2r5u8x"},
    "WebhookShape": {"url": "https://hooks.example.org/praxis"},
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
