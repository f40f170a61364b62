"""The classification of every model field. A new field must be added here, unless it is of every model, or a
relation to one of LED_TO.

`phi`          identifies a patient or describes their health (45 CFR 160.103): always encrypted.
`secret`       a credential: always encrypted, unless it is a hash (then it is operational).
`personal`     about staff or an account: encrypted where the same column also holds patients.
`operational`  anything else: keys, times, statuses, and the practice's own public data.
"""

from django.apps import apps

PHI, SECRET, PERSONAL, OPERATIONAL = "phi", "secret", "personal", "operational"

OUR_APPS = {"core", "practices", "accounts", "notifications", "patients", "appointments", "records", "dashboard"}
OUR_APPS |= {"billing", "audit"}
OURS = [model for model in apps.get_models() if model.__module__.split(".")[0] in OUR_APPS]
OF_EVERY_MODEL = {"id", "created_at", "updated_at", "practice"}

# Where relations may lead: that a row names one of these says nothing that is not encrypted elsewhere. A table of what
# patients can have (diagnoses, medicines) is none of them: who has which would be health data in plain.
LED_TO = {
    *("practices.Practice", "practices.Office", "accounts.User", "notifications.Webhook"),
    *("patients.Patient", "patients.Deletion", "patients.Import"),
    *(
        "appointments.Appointment",
        "appointments.AppointmentSeries",
        "appointments.AppointmentType",
        "appointments.Room",
    ),
    *("appointments.SlotHold", "appointments.WaitingListEntry"),
    *("records.Attachment", "records.BodyChart", "records.ChartEntry", "records.FormTemplate", "records.FormVersion"),
    *("records.Goal", "records.Measure", "records.MedicalRecord", "records.PlanOfCare", "records.SessionNote"),
    *("billing.Invoice", "billing.InvoiceLine", "billing.LedgerEntry", "billing.Service"),
}

# What is not encrypted: operational, or personal where PERSONAL_FIELDS says so. Relations are ids, and not listed.
PLAIN = {
    "audit.Event": (
        "at practice_id kind outcome user_id role address agent request_id patients about about_id details key_id mac"
    ),
    "audit.Subject": "practice_id patient_id event_id",
    "audit.Unsealed": "event_id practice_id",
    "audit.Seal": "at practice_id number last_event apart count digest key_id mac",
    "backups.Run": "kind name began_at ended_at is_good bytes_written",
    "idempotency.KeptAnswer": "user_id key_hash is_done began_at expires_at",
    "practices.Practice": (
        "name timezone language appointment_minutes max_upcoming_appointments booking_months_ahead "
        "booking_notice_hours same_day_booking cancellation_hours currency two_factor_required payment_days "
        "doctors_see_revenue doctors_see_drafts retention_years join_code_index version"
    ),
    "practices.Office": "name address phone timezone version",
    "accounts.User": (
        "email_index role language specialization department is_active is_superuser password session_epoch"
    ),
    "accounts.LoginSession": (
        "expires_at last_seen_at address agent channel second_factor refresh_hash replaced_hash replaced_at "
        "revoked_at revocation_reason"
    ),
    "accounts.Authenticator": "confirmed_at last_step",
    "accounts.Passkey": "credential_id public_key sign_count transports last_used_at",
    "accounts.PasskeyChallenge": "value expires_at",
    "accounts.RecoveryCode": "code_hash used_at",
    "accounts.Invitation": "email_index role token_hash sent_at expires_at accepted_at withdrawn_at",
    "accounts.ApiKey": "prefix secret_hash permissions expires_at last_used_at revoked_at",
    "accounts.JoinCode": "code_index expires_at most_uses uses withdrawn_at",
    "notifications.Job": (
        "name payload unique_key urgent run_at state attempts max_attempts lost claimed_by claimed_until "
        "started_at past_return_at last_error finished_at"
    ),
    "notifications.Message": (
        "about about_id occurrence says kind channel status why why_details planned_for due_at attempts "
        "started_at sent_at address_index language template_version provider_id"
    ),
    "notifications.MessagePreference": "language no_email_since no_email_how no_sms_since no_sms_how",
    "notifications.MessageSettings": "language notices reminders recalls recalls_since quiet_from quiet_until version",
    "notifications.MessageTemplate": "kind channel language subject text version",
    "notifications.Webhook": "events is_active old_secret_until",
    "notifications.Delivery": "event_key type about_id version happened_at state attempts attempted_at answered error",
    "notifications.Schedule": "name last_run_at next_run_at",
    "patients.Patient": "status gender search_index restricted incomplete version",
    "patients.ChartMerge": "moved accounts",
    "patients.DuplicatePair": "reasons",
    "patients.DuplicateSearch": "changed_at chart_id",
    "patients.Import": (
        "kind state encoding separator quoted lines parts_count mapping date_order position finished_at emptied_at"
    ),
    "patients.ImportPart": "number",
    "patients.ImportLine": "number state row_id person number_key",
    "patients.ImportMapping": "kind",
    "patients.PrivacyRequest": "kind received_on due_on state refusal handled_at",
    "patients.LiftRequest": "expires_at",
    "patients.Deletion": "about about_id purge_began_at",
    "patients.EmergencyAccess": "expires_at alerted_at reviewed_at",
    "appointments.Appointment": (
        "starts_at ends_at status confirmed_at arrived_at started_at finished_at no_show_at cancelled_at "
        "cancelled_late cancel_reason version change_number changed_at last_writes position"
    ),
    "appointments.AppointmentSeries": "every unit",
    "appointments.SlotHold": "starts_at ends_at expires_at",
    "appointments.WaitingListEntry": "first_day last_day weekdays earliest latest priority status version",
    "appointments.SlotOffer": "starts_at ends_at expires_at",
    "appointments.CalendarFeed": "secret_hash",
    "appointments.AppointmentEvent": "what details",
    "appointments.AppointmentType": (
        "name minutes buffer_before buffer_after colour bookable_online video video_link position is_active version"
    ),
    "appointments.Room": "name is_active version",
    "appointments.WorkingHours": "weekday start end valid_from valid_to version",
    "appointments.ScheduleException": "starts_at ends_at kind version",
    "records.NoteTemplate": "name version removed_at",
    "records.LetterTemplate": "name title version removed_at",
    "records.FormTemplate": "name need number valid_from archived_at",
    "records.FormVersion": "number",
    "records.PatientForm": "reviewed_at withdrawn_at state channel completed_at sha256 address",
    "records.FormCode": "fingerprint practice_id form_id handed_by_id expires_at",
    "records.Phrase": "word version removed_at",
    "records.MedicalRecord": "version amended_at date has_prescription",
    "records.ChartEntry": "version amended_at kind status",
    "records.Measure": "kind measured_at version amended_at",
    "records.BodyChart": "drawn_at version amended_at",
    "records.BodyChartVersion": "number",
    "records.MeasureVersion": "number",
    "records.ChartEntryVersion": "number",
    "records.RecordVersion": "number",
    "records.SessionNote": "date duration_minutes status version finalised_at amended_at",
    "records.NoteVersion": "number",
    "records.PlanOfCare": "planned_visits starts_on target_end_on status version amended_at",
    "records.Goal": "position due_on status",
    "records.GoalProgress": "date status",
    "records.PlanVersion": "number",
    "records.Attachment": "media_type size state storage_name category seen_at scanned_at scan_tries",
    "billing.Service": "code name price currency tax_rate tax_included is_active version",
    "billing.ServicePrice": "code name price currency tax_rate tax_included number",
    "billing.Invoice": "kind currency net tax total version year sequence issued_at issued_on due_on issuer removed_at",
    "billing.InvoiceLine": "position quantity unit_price discount tax_rate tax_included net tax total",
    "billing.LedgerEntry": "kind amount currency booked_on method",
    "billing.Allocation": "amount",
    "billing.OpenAmount": "issued_on due_on amount payer",
    "billing.LeftAmount": "received_on amount",
    "billing.OnlineRefund": "amount",
    "billing.IssuedLine": "issued_on kind total",
    "billing.Checkout": "amount currency state provider is_live session intent expires_at",
    "billing.ProviderIdentity": "npi taxonomy",
    "billing.VisitCoding": "place_of_service version",
    "billing.Coverage": "position",
    "billing.ProviderEvent": "event",
}

PERSONAL_FIELDS = {
    "audit.Event.address",
    "audit.Event.agent",
    "accounts.LoginSession.address",
    "accounts.LoginSession.agent",
    "records.PatientForm.address",
}

# Why it may be in plain: what holds less than its name suggests, and all text of a row that names a patient, unless it
# is one of a list of choices.
WHY_PLAIN = {
    "audit.Event.patients": "ids",
    "audit.Event.details": "names of fields, counts, ids; a test looks for PHI in it",
    "notifications.Job.payload": "ids alone (notifications/jobs/services.py)",
    "notifications.Job.last_error": "types and places, never the text of an exception that is not ours",
    "notifications.Message.about": "a model's name",
    "notifications.Message.occurrence": "a moment, a version and a status: the same message is planned once",
    "notifications.Message.says": "a moment and ends of ids",
    "notifications.Message.why": "from a fixed list (notifications/messages/why.py)",
    "notifications.Message.why_details": "moments and a provider's codes",
    "notifications.Message.address_index": "keyed hash",
    "notifications.Message.language": "a code",
    "notifications.Message.provider_id": "the provider's random number of it",
    "notifications.MessageTemplate.text": "of nobody: what it says of a patient is filled in",
    "notifications.Delivery.error": "fixed words (integrations/web_post)",
    "practices.Practice.join_code_index": "a keyed hash",
    "accounts.User.email_index": "a keyed hash",
    "accounts.User.specialization": "doctors alone have one",
    "accounts.User.department": "staff alone have one",
    "accounts.User.password": "a bcrypt hash",
    "accounts.User.session_epoch": "a count",
    "accounts.LoginSession.refresh_hash": "SHA-256 of a signed token",
    "accounts.LoginSession.replaced_hash": "SHA-256 of a signed token",
    "accounts.Passkey.public_key": "opens nothing by itself",
    "accounts.RecoveryCode.code_hash": "SHA-256 of 78 random bits",
    "accounts.Invitation.email_index": "a keyed hash",
    "accounts.Invitation.token_hash": "SHA-256 of 256 random bits",
    "accounts.ApiKey.secret_hash": "SHA-256 of 256 random bits",
    "accounts.JoinCode.code_index": "a keyed hash",
    "patients.Patient.gender": "three values over a whole practice single nobody out, and the column is constrained",
    "patients.Patient.search_index": "keyed hashes; docs/adr/0003 says what they leak",
    "patients.Patient.restricted": "the practice may know that it is, not why",
    "patients.Patient.incomplete": "that something is not known, not what",
    "patients.Deletion.about": "a model's name",
    "patients.ChartMerge.moved": "ids",
    "patients.ChartMerge.accounts": "ids",
    "patients.DuplicatePair.reasons": "from a fixed list",
    "patients.Import.mapping": "names of fields",
    "patients.ImportLine.person": "a keyed hash",
    "patients.ImportLine.number_key": "a keyed hash",
    "appointments.Appointment.starts_at": "the calendar is filtered and kept free of overlaps by it",
    "appointments.Appointment.cancel_reason": "one of six; withheld like the reason of the visit",
    "appointments.Appointment.last_writes": "names of fields, ids and times",
    "billing.Invoice.currency": "a code",
    "billing.Invoice.issuer": "the practice's own name",
    "billing.LedgerEntry.currency": "a code",
    "billing.OpenAmount.payer": "a keyed hash",
    "billing.Checkout.currency": "a code",
    "billing.Checkout.provider": "the service that takes the money",
    "billing.Checkout.session": "that service's random number of it",
    "billing.Checkout.intent": "that service's random number of the payment",
    "billing.VisitCoding.place_of_service": "a two-digit code: where the practice treats",
    "billing.ProviderIdentity.npi": "NPIs are public (NPPES)",
    "billing.ProviderIdentity.taxonomy": "NPIs are public (NPPES)",
    "appointments.WaitingListEntry.first_day": "the days and times that suit are searched by when a slot becomes free",
    "appointments.CalendarFeed.secret_hash": "of 256 random bits",
    "appointments.AppointmentEvent.details": "ids, times and names of fields",
    "appointments.AppointmentType.video_link": "the practice's own meeting room, which patients are told",
    "records.PatientForm.sha256": "of a file with a person's signature and the time, which nobody can guess",
    "records.FormCode.fingerprint": "keyed",
    "records.MedicalRecord.has_prescription": "counted by the dashboard; says no more than that the text is not empty",
    "records.Attachment.storage_name": "random",
}

# The encrypted fields of each model: PHI, unless in SECRETS. The label before them is bound to every ciphertext
# (`patient.name`), so it can never change, not even when a model or a field is renamed.
ENCRYPTED: dict[str, tuple[str, str]] = {
    "idempotency.KeptAnswer": ("kept_answer", "request answer"),
    "practices.Practice": ("practice", "join_code"),
    "accounts.User": ("user", "email name phone"),
    "accounts.Authenticator": ("authenticator", "secret"),
    "accounts.ApiKey": ("api_key", "name"),
    "accounts.Invitation": ("invitation", "email name"),
    "accounts.Passkey": ("passkey", "name"),
    "notifications.Webhook": ("webhook", "url secret old_secret"),
    "notifications.Message": ("message", "address subject text"),
    "patients.Patient": (
        "patient",
        "name email phone date_of_birth address blood_type allergies medical_history emergency_contact",
    ),
    "patients.ChartMerge": ("chart_merge", "values"),
    "patients.LiftRequest": ("lift_request", "reason"),
    "patients.Import": ("import", "file_name columns"),
    "patients.ImportPart": ("import_part", "rows"),
    "patients.ImportLine": ("import_line", "report"),
    "patients.ImportMapping": ("import_mapping", "fields"),
    "patients.EmergencyAccess": ("emergency", "reason note"),
    "patients.LegalHold": ("legal_hold", "reason"),
    "patients.Deletion": ("deletion", "reason"),
    "appointments.Appointment": ("appointment", "reason notes"),
    "appointments.ScheduleException": ("schedule_exception", "reason"),
    "appointments.WaitingListEntry": ("waiting_list_entry", "note"),
    "records.MedicalRecord": ("record", "diagnosis prescription notes attachments"),
    "records.ChartEntry": ("chart_entry", "text code code_system dose reaction severity since until"),
    "records.BodyChart": ("body_chart", "marks remark"),
    "records.BodyChartVersion": ("body_chart_version", "content reason"),
    "records.Measure": ("measure", "reading remark"),
    "records.MeasureVersion": ("measure_version", "content reason"),
    "records.ChartEntryVersion": ("chart_entry_version", "content reason"),
    "records.RecordVersion": ("record_version", "content reason"),
    "records.NoteTemplate": ("note_template", "texts prompts"),
    "records.LetterTemplate": ("letter_template", "text"),
    "records.Phrase": ("phrase", "text"),
    "records.FormVersion": ("form_version", "content"),
    "records.PatientForm": ("patient_form", "answers signature withdrawal_reason"),
    "records.SessionNote": ("note", "subjective objective assessment plan"),
    "records.NoteVersion": ("note_version", "content reason"),
    "records.PlanOfCare": ("plan", "title diagnosis frequency"),
    "records.Goal": ("goal", "text measure target"),
    "records.GoalProgress": ("goal_progress", "text value"),
    "records.PlanVersion": ("plan_version", "content reason"),
    "records.Attachment": ("attachment", "name data_key"),
    "billing.Invoice": ("invoice", "patient_name patient_address payer_name payer_address note reason"),
    "billing.InvoiceLine": ("invoice_line", "code description"),
    "billing.ProviderIdentity": ("provider_identity", "tax_id"),
    "billing.VisitCoding": ("visit_coding", "content"),
    "billing.Coverage": ("coverage", "payer payer_id member_id group"),
    "billing.Checkout": ("checkout", "url"),
    "billing.LedgerEntry": ("ledger_entry", "reference reason"),
}
LABELS = {f"{model}.{name}": f"{label}.{name}" for model, (label, names) in ENCRYPTED.items() for name in names.split()}
# PHI that is encrypted, though not by the fields of core/encryption/.
ENCRYPTED_OTHERWISE = {
    "audit.Event.email": "under the trail's own keys (audit/keys.py): a row that never changes is never re-encrypted"
}
# Encrypted, and no PHI.
SECRETS = {
    "notifications.Webhook.url",  # it may hold a credential of the other program
    "notifications.Webhook.secret",
    "notifications.Webhook.old_secret",
    "practices.Practice.join_code",
    "accounts.Authenticator.secret",
    "billing.Checkout.url",  # whoever has it can see what is to be paid
    "billing.ProviderIdentity.tax_id",  # of a sole proprietor it is the social security number
    "records.Attachment.data_key",
}


def _classified(label: str, relations: set[str]) -> dict[str, str]:
    def named(model_fields) -> set[str]:
        return {field.rpartition(".")[2] for field in model_fields if field.rpartition(".")[0] == label}

    kinds = dict.fromkeys([*sorted(relations), *PLAIN.get(label, "").split()], OPERATIONAL)
    kinds |= dict.fromkeys(named(PERSONAL_FIELDS), PERSONAL)
    kinds |= dict.fromkeys(named([*LABELS, *ENCRYPTED_OTHERWISE]), PHI)
    return kinds | dict.fromkeys(named(SECRETS), SECRET)


def _unlisted(model) -> set[str]:
    fields = [field for field in model._meta.get_fields() if field.concrete]
    return {field.name for field in fields if field.is_relation or field.name in OF_EVERY_MODEL}


FIELDS = {model._meta.label: _classified(model._meta.label, _unlisted(model)) for model in OURS}
