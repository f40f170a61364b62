"""The classification of every model field. A new field must be added here.

`phi`          identifies a patient or describes their health (45 CFR 160.103): always encrypted.
`secret`       a credential: always encrypted, unless it is a hash (then it is operational).
`personal`     about staff or an account: encrypted where the same column also holds patients.
`operational`  anything else: keys, times, statuses, and the practice's own public data.
"""

PHI, SECRET, PERSONAL, OPERATIONAL = "phi", "secret", "personal", "operational"

_MODEL = {"id": OPERATIONAL, "created_at": OPERATIONAL, "updated_at": OPERATIONAL}
_OF_PRACTICE = {**_MODEL, "practice": OPERATIONAL}

_OF_VERSION = {**_OF_PRACTICE, "number": OPERATIONAL, "author": OPERATIONAL, "reason": PHI, "content": PHI}

FIELDS: dict[str, dict[str, str]] = {
    "audit.Event": {
        "id": OPERATIONAL,
        "at": OPERATIONAL,
        "practice_id": OPERATIONAL,
        "kind": OPERATIONAL,
        "outcome": OPERATIONAL,
        "user_id": OPERATIONAL,
        "role": OPERATIONAL,
        "email": PHI,
        "address": PERSONAL,
        "agent": PERSONAL,
        "request_id": OPERATIONAL,
        "patients": OPERATIONAL,  # ids
        "about": OPERATIONAL,
        "about_id": OPERATIONAL,
        "details": OPERATIONAL,  # names of fields, counts, ids; a test looks for PHI in it
        "key_id": OPERATIONAL,
        "mac": OPERATIONAL,
    },
    "audit.Subject": {
        "practice_id": OPERATIONAL,
        "patient_id": OPERATIONAL,
        "event_id": OPERATIONAL,
    },
    "audit.Unsealed": {"event_id": OPERATIONAL, "practice_id": OPERATIONAL},
    "audit.Seal": {
        "id": OPERATIONAL,
        "at": OPERATIONAL,
        "practice_id": OPERATIONAL,
        "number": OPERATIONAL,
        "last_event": OPERATIONAL,
        "apart": OPERATIONAL,
        "count": OPERATIONAL,
        "digest": OPERATIONAL,
        "key_id": OPERATIONAL,
        "mac": OPERATIONAL,
    },
    "practices.Practice": {
        **_MODEL,
        "name": OPERATIONAL,
        "timezone": OPERATIONAL,
        "appointment_minutes": OPERATIONAL,
        "max_upcoming_appointments": OPERATIONAL,
        "booking_months_ahead": OPERATIONAL,
        "booking_notice_hours": OPERATIONAL,
        "same_day_booking": OPERATIONAL,
        "cancellation_hours": OPERATIONAL,
        "currency": OPERATIONAL,
        "two_factor_required": OPERATIONAL,
        "doctors_see_drafts": OPERATIONAL,
        "retention_years": OPERATIONAL,
        "join_code": SECRET,
        "join_code_index": OPERATIONAL,  # a keyed hash
        "version": OPERATIONAL,
    },
    "practices.Office": {
        **_OF_PRACTICE,
        "name": OPERATIONAL,
        "address": OPERATIONAL,
        "phone": OPERATIONAL,
        "timezone": OPERATIONAL,
    },
    "accounts.User": {  # most accounts are patients', so what names the person is PHI
        **_OF_PRACTICE,
        "email": PHI,
        "email_index": OPERATIONAL,  # a keyed hash
        "name": PHI,
        "phone": PHI,
        "role": OPERATIONAL,
        "office": OPERATIONAL,
        "specialization": OPERATIONAL,  # doctors alone have one
        "department": OPERATIONAL,  # staff alone have one
        "is_active": OPERATIONAL,
        "is_superuser": OPERATIONAL,
        "password": OPERATIONAL,  # a bcrypt hash
        "session_epoch": OPERATIONAL,  # a count
    },
    "accounts.LoginSession": {
        **_MODEL,
        "user": OPERATIONAL,
        "expires_at": OPERATIONAL,
        "last_seen_at": OPERATIONAL,
        "address": PERSONAL,
        "agent": PERSONAL,
        "channel": OPERATIONAL,
        "second_factor": OPERATIONAL,
        "refresh_hash": OPERATIONAL,  # SHA-256 of a signed token
        "replaced_hash": OPERATIONAL,  # the same
        "replaced_at": OPERATIONAL,
        "revoked_at": OPERATIONAL,
        "revocation_reason": OPERATIONAL,
    },
    "accounts.Authenticator": {
        **_MODEL,
        "user": OPERATIONAL,
        "secret": SECRET,
        "confirmed_at": OPERATIONAL,
        "last_step": OPERATIONAL,
    },
    "accounts.Passkey": {
        **_MODEL,
        "user": OPERATIONAL,
        "name": PHI,  # free text: "Ada's phone"
        "credential_id": OPERATIONAL,
        "public_key": OPERATIONAL,  # opens nothing by itself
        "sign_count": OPERATIONAL,
        "transports": OPERATIONAL,
        "last_used_at": OPERATIONAL,
    },
    "accounts.PasskeyChallenge": {**_MODEL, "user": OPERATIONAL, "value": OPERATIONAL, "expires_at": OPERATIONAL},
    "accounts.RecoveryCode": {
        **_MODEL,
        "user": OPERATIONAL,
        "code_hash": OPERATIONAL,  # SHA-256 of 78 random bits
        "used_at": OPERATIONAL,
    },
    "accounts.Invitation": {
        **_OF_PRACTICE,
        "name": PHI,
        "email": PHI,
        "email_index": OPERATIONAL,  # a keyed hash
        "role": OPERATIONAL,
        "invited_by": OPERATIONAL,
        "token_hash": OPERATIONAL,  # SHA-256 of 256 random bits
        "sent_at": OPERATIONAL,
        "expires_at": OPERATIONAL,
        "accepted_at": OPERATIONAL,
        "withdrawn_at": OPERATIONAL,
    },
    "accounts.JoinCode": {
        **_OF_PRACTICE,
        "doctor": OPERATIONAL,
        "office": OPERATIONAL,
        "code_index": OPERATIONAL,  # a keyed hash
        "made_by": OPERATIONAL,
        "expires_at": OPERATIONAL,
        "most_uses": OPERATIONAL,
        "uses": OPERATIONAL,
        "withdrawn_at": OPERATIONAL,
    },
    "patients.Patient": {
        **_OF_PRACTICE,
        "user": OPERATIONAL,
        "status": OPERATIONAL,
        "primary_doctor": OPERATIONAL,
        "merged_into": OPERATIONAL,
        "deletion": OPERATIONAL,
        "name": PHI,
        "email": PHI,
        "phone": PHI,
        "date_of_birth": PHI,
        "gender": OPERATIONAL,  # three values over a whole practice single nobody out, and the column is constrained
        "address": PHI,
        "blood_type": PHI,
        "allergies": PHI,
        "medical_history": PHI,
        "emergency_contact": PHI,
        "search_index": OPERATIONAL,  # keyed hashes; docs/adr/0003 says what they leak
        "restricted": OPERATIONAL,  # the practice may know that it is, not why
        "incomplete": OPERATIONAL,  # that something is not known, not what
        "version": OPERATIONAL,
    },
    "patients.ChartMerge": {
        **_OF_PRACTICE,
        "patient": OPERATIONAL,
        "merged": OPERATIONAL,
        "merged_by": OPERATIONAL,
        "moved": OPERATIONAL,  # ids
        "values": PHI,
        "accounts": OPERATIONAL,  # ids
    },
    "patients.LegalHold": {**_OF_PRACTICE, "patient": OPERATIONAL, "placed_by": OPERATIONAL, "reason": PHI},
    "patients.Deletion": {
        **_OF_PRACTICE,
        "patient": OPERATIONAL,
        "about": OPERATIONAL,
        "about_id": OPERATIONAL,
        "deleted_by": OPERATIONAL,
        "reason": PHI,
        "purge_began_at": OPERATIONAL,
    },
    "patients.EmergencyAccess": {
        **_OF_PRACTICE,
        "patient": OPERATIONAL,
        "opened_by": OPERATIONAL,
        "reason": PHI,  # free text
        "expires_at": OPERATIONAL,
        "alerted_at": OPERATIONAL,
        "reviewed_by": OPERATIONAL,
        "reviewed_at": OPERATIONAL,
        "note": PHI,  # free text
    },
    "appointments.Appointment": {
        **_OF_PRACTICE,
        "patient": OPERATIONAL,
        "doctor": OPERATIONAL,
        "office": OPERATIONAL,
        "type": OPERATIONAL,
        "room": OPERATIONAL,
        "starts_at": OPERATIONAL,  # the calendar is filtered and kept free of overlaps by it
        "ends_at": OPERATIONAL,
        "status": OPERATIONAL,
        "reason": PHI,
        "notes": PHI,
        **dict.fromkeys(("confirmed_at", "arrived_at", "started_at", "finished_at", "no_show_at"), OPERATIONAL),
        **dict.fromkeys(("cancelled_at", "cancelled_late"), OPERATIONAL),
        "cancel_reason": OPERATIONAL,  # one of six; withheld like the reason of the visit
        "version": OPERATIONAL,
        "change_number": OPERATIONAL,
        "changed_at": OPERATIONAL,
        "last_writes": OPERATIONAL,  # names of fields, ids and times
        "series": OPERATIONAL,
        "position": OPERATIONAL,
        "deletion": OPERATIONAL,
    },
    "appointments.AppointmentSeries": {**_OF_PRACTICE, "every": OPERATIONAL, "unit": OPERATIONAL},
    "appointments.SlotHold": {
        **_OF_PRACTICE,
        "doctor": OPERATIONAL,
        "type": OPERATIONAL,
        "held_by": OPERATIONAL,
        "starts_at": OPERATIONAL,
        "ends_at": OPERATIONAL,
        "expires_at": OPERATIONAL,
    },
    **{
        name: {
            **_OF_PRACTICE,
            **dict.fromkeys(("code", "name", "price", "currency", "tax_rate", "tax_included"), OPERATIONAL),
            **dict.fromkeys(further, OPERATIONAL),
        }
        for name, further in {
            "billing.Service": ("is_active", "version"),
            "billing.ServicePrice": ("service", "number", "author"),
        }.items()
    },
    "billing.ServiceOfType": {**_OF_PRACTICE, "service": OPERATIONAL, "appointment_type": OPERATIONAL},
    "billing.Invoice": {
        **_OF_PRACTICE,
        **dict.fromkeys(("patient", "kind", "credits", "currency", "net", "tax", "total", "version"), OPERATIONAL),
        **dict.fromkeys(("year", "sequence", "issued_at", "issued_on", "due_on", "issuer"), OPERATIONAL),
        **dict.fromkeys(("created_by", "issued_by"), OPERATIONAL),
        **dict.fromkeys(("patient_name", "patient_address", "payer_name", "payer_address", "note", "reason"), PHI),
    },
    "billing.InvoiceLine": {
        **_OF_PRACTICE,
        **dict.fromkeys(("invoice", "position", "service", "appointment", "quantity", "unit_price"), OPERATIONAL),
        **dict.fromkeys(("discount", "tax_rate", "tax_included", "net", "tax", "total"), OPERATIONAL),
        "code": PHI,  # what was done
        "description": PHI,
    },
    "billing.LedgerEntry": {
        **_OF_PRACTICE,
        **dict.fromkeys(("patient", "kind", "amount", "currency", "booked_on", "invoice", "payment"), OPERATIONAL),
        **dict.fromkeys(("method", "author"), OPERATIONAL),
        "reference": PHI,
        "reason": PHI,
    },
    "billing.Allocation": {
        **_OF_PRACTICE,
        **dict.fromkeys(("payment", "invoice", "amount", "author"), OPERATIONAL),
    },
    "appointments.WaitingListEntry": {
        **_OF_PRACTICE,
        "patient": OPERATIONAL,
        "type": OPERATIONAL,
        "first_day": OPERATIONAL,  # like these, the times that suit are searched by when a slot becomes free
        "last_day": OPERATIONAL,
        "weekdays": OPERATIONAL,
        "earliest": OPERATIONAL,
        "latest": OPERATIONAL,
        "priority": OPERATIONAL,
        "note": PHI,
        "status": OPERATIONAL,
        "appointment": OPERATIONAL,
    },
    "appointments.WantedDoctor": {**_OF_PRACTICE, "entry": OPERATIONAL, "doctor": OPERATIONAL},
    "appointments.SlotOffer": {
        **_OF_PRACTICE,
        "entry": OPERATIONAL,
        "hold": OPERATIONAL,
        "doctor": OPERATIONAL,
        "starts_at": OPERATIONAL,
        "ends_at": OPERATIONAL,
        "expires_at": OPERATIONAL,
    },
    "appointments.CalendarFeed": {
        **_OF_PRACTICE,
        "user": OPERATIONAL,
        "secret_hash": OPERATIONAL,  # of 256 random bits
    },
    "appointments.AppointmentEvent": {
        **_OF_PRACTICE,
        "appointment": OPERATIONAL,
        "by": OPERATIONAL,
        "what": OPERATIONAL,
        "details": OPERATIONAL,  # ids, times and names of fields
    },
    "appointments.AppointmentType": {
        **_OF_PRACTICE,
        "name": OPERATIONAL,
        "minutes": OPERATIONAL,
        "buffer_before": OPERATIONAL,
        "buffer_after": OPERATIONAL,
        "colour": OPERATIONAL,
        "bookable_online": OPERATIONAL,
        "video": OPERATIONAL,
        "video_link": OPERATIONAL,  # the practice's own meeting room, which patients are told
        "position": OPERATIONAL,
        "is_active": OPERATIONAL,
    },
    "records.NoteTemplate": {
        **_OF_PRACTICE,
        "doctor": OPERATIONAL,
        "name": OPERATIONAL,
        "texts": PHI,  # clinical words, though of no patient
        "prompts": PHI,
        "appointment_type": OPERATIONAL,
    },
    "records.Phrase": {**_OF_PRACTICE, "doctor": OPERATIONAL, "word": OPERATIONAL, "text": PHI},
    "appointments.Room": {**_OF_PRACTICE, "office": OPERATIONAL, "name": OPERATIONAL, "is_active": OPERATIONAL},
    "appointments.TypeOffer": {**_OF_PRACTICE, "appointment_type": OPERATIONAL, "doctor": OPERATIONAL},
    "appointments.WorkingHours": {
        **_OF_PRACTICE,
        "doctor": OPERATIONAL,
        "office": OPERATIONAL,
        "weekday": OPERATIONAL,
        "start": OPERATIONAL,
        "end": OPERATIONAL,
        "valid_from": OPERATIONAL,
        "valid_to": OPERATIONAL,
    },
    "appointments.ScheduleException": {
        **_OF_PRACTICE,
        "doctor": OPERATIONAL,
        "office": OPERATIONAL,
        "starts_at": OPERATIONAL,
        "ends_at": OPERATIONAL,
        "kind": OPERATIONAL,
        "reason": PHI,  # free text: why a colleague is away
    },
    "idempotency.KeptAnswer": {
        **_OF_PRACTICE,
        "user_id": OPERATIONAL,
        "key_hash": OPERATIONAL,
        "request": PHI,  # a hash of what was typed, which is guessable
        "answer": PHI,
        "is_done": OPERATIONAL,
        "began_at": OPERATIONAL,
        "expires_at": OPERATIONAL,
    },
    "records.MedicalRecord": {
        **_OF_PRACTICE,
        "patient": OPERATIONAL,
        "doctor": OPERATIONAL,
        "appointment": OPERATIONAL,
        "deletion": OPERATIONAL,
        "version": OPERATIONAL,
        "amended_at": OPERATIONAL,
        "date": OPERATIONAL,
        "diagnosis": PHI,
        "prescription": PHI,
        "has_prescription": OPERATIONAL,  # counted by the dashboard; says no more than that the text is not empty
        "notes": PHI,
        "attachments": PHI,
    },
    "records.ChartEntry": {
        **_OF_PRACTICE,
        "patient": OPERATIONAL,
        "doctor": OPERATIONAL,
        "deletion": OPERATIONAL,
        "version": OPERATIONAL,
        "amended_at": OPERATIONAL,
        "kind": OPERATIONAL,
        "status": OPERATIONAL,
        "text": PHI,
        "code": PHI,
        "code_system": PHI,
        "dose": PHI,
        "reaction": PHI,
        "severity": PHI,
        "since": PHI,
        "until": PHI,
    },
    "records.ChartEntryVersion": {**_OF_VERSION, "entry": OPERATIONAL},
    "records.RecordVersion": {**_OF_VERSION, "record": OPERATIONAL},
    "records.SessionNote": {
        **_OF_PRACTICE,
        "patient": OPERATIONAL,
        "doctor": OPERATIONAL,
        "appointment": OPERATIONAL,
        "plan_of_care": OPERATIONAL,
        "deletion": OPERATIONAL,
        "date": OPERATIONAL,
        "duration_minutes": OPERATIONAL,
        "subjective": PHI,
        "objective": PHI,
        "assessment": PHI,
        "plan": PHI,
        "status": OPERATIONAL,
        "version": OPERATIONAL,
        "finalised_at": OPERATIONAL,
        "amended_at": OPERATIONAL,
    },
    "records.NoteVersion": {**_OF_VERSION, "note": OPERATIONAL},
    "records.PlanOfCare": {
        **_OF_PRACTICE,
        "patient": OPERATIONAL,
        "doctor": OPERATIONAL,
        "deletion": OPERATIONAL,
        "title": PHI,
        "diagnosis": PHI,
        "frequency": PHI,
        "starts_on": OPERATIONAL,
        "target_end_on": OPERATIONAL,
        "status": OPERATIONAL,
        "version": OPERATIONAL,
        "amended_at": OPERATIONAL,
    },
    "records.Goal": {
        **_OF_PRACTICE,
        "plan": OPERATIONAL,
        "position": OPERATIONAL,
        "text": PHI,
        "measure": PHI,
        "target": PHI,
        "due_on": OPERATIONAL,
        "status": OPERATIONAL,
    },
    "records.GoalProgress": {
        **_OF_PRACTICE,
        "goal": OPERATIONAL,
        "author": OPERATIONAL,
        "date": OPERATIONAL,
        "text": PHI,
        "status": OPERATIONAL,
    },
    "records.PlannedAppointment": {**_OF_PRACTICE, "plan": OPERATIONAL, "appointment": OPERATIONAL},
    "records.PlanVersion": {**_OF_VERSION, "plan": OPERATIONAL},
    "records.Attachment": {
        **_OF_PRACTICE,
        "patient": OPERATIONAL,
        "note": OPERATIONAL,
        "uploaded_by": OPERATIONAL,
        "deletion": OPERATIONAL,
        "name": PHI,
        "media_type": OPERATIONAL,
        "size": OPERATIONAL,
        "state": OPERATIONAL,
        "storage_name": OPERATIONAL,  # random
        "data_key": SECRET,
        "scanned_at": OPERATIONAL,
        "scan_tries": OPERATIONAL,
    },
}

# PHI that is encrypted, though not by the fields of core/encryption/.
ENCRYPTED_OTHERWISE = {
    "audit.Event.email": "under the trail's own keys (audit/keys.py): a row that never changes is never re-encrypted"
}

# Bound to every ciphertext, so these can never change, not even when a model or a field is renamed.
LABELS = {
    "practices.Practice.join_code": "practice.join_code",
    "accounts.User.email": "user.email",
    "accounts.User.name": "user.name",
    "accounts.User.phone": "user.phone",
    "accounts.Authenticator.secret": "authenticator.secret",
    "accounts.Invitation.email": "invitation.email",
    "accounts.Invitation.name": "invitation.name",
    "accounts.Passkey.name": "passkey.name",
    "patients.Patient.name": "patient.name",
    "patients.Patient.email": "patient.email",
    "patients.Patient.phone": "patient.phone",
    "patients.Patient.date_of_birth": "patient.date_of_birth",
    "patients.Patient.address": "patient.address",
    "patients.Patient.blood_type": "patient.blood_type",
    "patients.Patient.allergies": "patient.allergies",
    "patients.Patient.medical_history": "patient.medical_history",
    "patients.Patient.emergency_contact": "patient.emergency_contact",
    "patients.ChartMerge.values": "chart_merge.values",
    "patients.EmergencyAccess.reason": "emergency.reason",
    "patients.EmergencyAccess.note": "emergency.note",
    "idempotency.KeptAnswer.request": "kept_answer.request",
    "idempotency.KeptAnswer.answer": "kept_answer.answer",
    "appointments.Appointment.reason": "appointment.reason",
    "appointments.Appointment.notes": "appointment.notes",
    "appointments.ScheduleException.reason": "schedule_exception.reason",
    "appointments.WaitingListEntry.note": "waiting_list_entry.note",
    **{
        f"billing.Invoice.{name}": f"invoice.{name}"
        for name in ("patient_name", "patient_address", "payer_name", "payer_address", "note", "reason")
    },
    "billing.InvoiceLine.code": "invoice_line.code",
    "billing.InvoiceLine.description": "invoice_line.description",
    "billing.LedgerEntry.reference": "ledger_entry.reference",
    "billing.LedgerEntry.reason": "ledger_entry.reason",
    "records.MedicalRecord.diagnosis": "record.diagnosis",
    "records.MedicalRecord.prescription": "record.prescription",
    "records.MedicalRecord.notes": "record.notes",
    "records.MedicalRecord.attachments": "record.attachments",
    "patients.LegalHold.reason": "legal_hold.reason",
    "patients.Deletion.reason": "deletion.reason",
    **{
        f"records.ChartEntry.{name}": f"chart_entry.{name}"
        for name in ("text", "code", "code_system", "dose", "reaction", "severity", "since", "until")
    },
    "records.ChartEntryVersion.content": "chart_entry_version.content",
    "records.ChartEntryVersion.reason": "chart_entry_version.reason",
    "records.RecordVersion.content": "record_version.content",
    "records.RecordVersion.reason": "record_version.reason",
    "records.NoteTemplate.texts": "note_template.texts",
    "records.NoteTemplate.prompts": "note_template.prompts",
    "records.Phrase.text": "phrase.text",
    "records.SessionNote.subjective": "note.subjective",
    "records.SessionNote.objective": "note.objective",
    "records.SessionNote.assessment": "note.assessment",
    "records.SessionNote.plan": "note.plan",
    "records.NoteVersion.content": "note_version.content",
    "records.NoteVersion.reason": "note_version.reason",
    "records.PlanOfCare.title": "plan.title",
    "records.PlanOfCare.diagnosis": "plan.diagnosis",
    "records.PlanOfCare.frequency": "plan.frequency",
    "records.Goal.text": "goal.text",
    "records.Goal.measure": "goal.measure",
    "records.Goal.target": "goal.target",
    "records.GoalProgress.text": "goal_progress.text",
    "records.PlanVersion.content": "plan_version.content",
    "records.PlanVersion.reason": "plan_version.reason",
    "records.Attachment.name": "attachment.name",
    "records.Attachment.data_key": "attachment.data_key",
}
