"""Describes the details of an audit event in plain words for an office manager, leaving out what only machines read."""

from typing import Any
from uuid import UUID

import orjson
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import TextChoices
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.join_codes.services import JoinCodeState
from accounts.models import RevocationReason, SecondFactorMethod, SignInChannel
from accounts.roles import Role
from audit.events import AuditEvent, Outcome
from audit.models import Event
from patients.models import ImportKind, LineState
from patients.registrations.matching import MatchReason
from patients.registrations.services import DeclineReason

DATA_EVENTS = {AuditEvent.CREATED, AuditEvent.CHANGED, AuditEvent.DELETED}  # their labels do not name the model
PAGES = {
    "index": _("Today"),
    "trail": _("Audit trail"),
    "autocomplete": _("Name suggestions"),
    "calendar": _("Calendar"),
    "calendar_changes": _("Calendar"),
    "calendar_slot": _("Calendar: booking"),
    "calendar_book": _("Calendar: booking"),
    "calendar_patients": _("Calendar: patient search"),
    "calendar_next": _("Calendar: next free times"),
    "calendar_visit": _("Calendar: visit"),
    "calendar_change": _("Calendar: change of a visit"),
    "calendar_act": _("Calendar: what happened to a visit"),
    "chart": _("Chart"),
    "chart_search": _("Chart: search in the notes"),
    "chart_allergies": _("Chart: allergies"),
    **{
        name: _("Chart: problems, medications and allergies")
        for name in (
            *("chart_lists_take_over", "chart_no_known_allergies"),
            *("chart_entry_add", "chart_entry_change", "chart_entry_delete"),
        )
    },
    **{name: _("Chart: files") for name in ("chart_files", "chart_file", "chart_file_add", "chart_file_delete")},
    "chart_files_compare": _("Chart: pictures compared"),
    "chart_file_content": _("Chart: file shown"),
    "chart_file_small": _("Chart: file shown"),
    "chart_file_download": _("Chart: file downloaded"),
    **{
        name: _("Chart: measures")
        for name in ("chart_measures", "chart_measures_add", "chart_measure_correct", "chart_measure_delete")
    },
    **{
        name: _("Chart: plan of care")
        for name in ("chart_plan_new", "chart_plan", "chart_plan_amend", "chart_plan_print", "chart_plan_progress")
    },
    **{
        name: _("Chart: where it hurts")
        for name in ("chart_body", "chart_body_draw", "chart_body_correct", "chart_body_delete")
    },
    "chart_record_new": _("Chart: new medical record"),
    "chart_letter": _("Chart: new letter"),
    "chart_letter_preview": _("Chart: preview of a letter"),
    **{
        name: _("Letter templates")
        for name in ("letter-templates", "letter-template-new", "letter-template-edit", "letter-template-remove")
    },
    "chart_contact": _("Chart: contact data"),
    "chart_emergency": _("Chart: emergency access"),
    "search": _("Search"),
    "my-day": _("My day"),
    "my-day-act": _("My day: what happened to a visit"),
    "note-new": _("New session note"),
    **{
        name: _("Note templates")
        for name in (
            *("note-templates", "note-template-new", "note-template-edit", "note-template-remove"),
            *("phrase-new", "phrase-edit", "phrase-remove", "note-templates-export", "note-templates-import"),
        )
    },
    **{
        name: _("Forms and consents")
        for name in (
            *("form-templates", "form-template-new", "form-template-edit", "form-template-archive"),
            *("patient-forms", "form", "form-code", "form-hand-over", "form-withdraw", "form-take-back"),
            *("form-review", "form-file", "me_form", "me_form_needed", "me_form_withdraw", "me_form_file"),
        )
    },
    "note-edit": _("Session note"),
    "note-save-new": _("Session note: saving"),
    "note-save": _("Session note: saving"),
    "note-review": _("Session note: finalising"),
    "note-amend": _("Session note: amending"),
    "note-save-amendment": _("Session note: amending"),
    "note-print": _("Session note: print"),
    "prescription": _("Prescription: print"),
    "note-versions": _("Session note: versions"),
    "billing": _("Billing: invoices"),
    "billing-invoice": _("Billing: invoice"),
    "billing-invoice-save": _("Billing: saving an invoice"),
    "billing-invoice-print": _("Billing: printing an invoice"),
    "billing-invoice-credit": _("Billing: credit note"),
    "billing-invoice-write-off": _("Billing: writing off"),
    "billing-invoice-delete": _("Billing: deleting a draft"),
    "billing-invoice-new": _("Billing: new invoice"),
    "billing-visit-invoice": _("Billing: new invoice"),
    "billing-visits": _("Billing: visits to bill"),
    "billing-account": _("Billing: a patient's account"),
    "billing-balance": _("Chart: balance"),
    "billing-statement": _("Billing: printing a statement"),
    "billing-payment-new": _("Billing: taking a payment"),
    "billing-payment": _("Billing: payment"),
    "billing-refund": _("Billing: refund"),
    "billing-allocate": _("Billing: paying invoices with credit"),
    "billing-use-credit": _("Billing: paying invoices with credit"),
    "billing-receipt": _("Billing: printing a receipt"),
    "billing-prices": _("Billing: price list"),
    "billing-service": _("Billing: price list"),
    "billing-service-new": _("Billing: price list"),
    "me_bills": _("My bills"),
    "me_bill": _("My bills: an invoice"),
    **{
        name: _("Import")
        for name in (
            *("imports", "import-new", "import", "import-match", "import-step", "import-decide"),
            *("import-start", "import-undo", "import-discard", "import-left"),
        )
    },
    **{name: _("Duplicates") for name in ("duplicates", "duplicates-compare", "duplicates-dismiss")},
    **{name: _("Privacy requests") for name in ("privacy", "privacy-new-request", "privacy-request")},
    **{
        name: _("Who saw this chart")
        for name in ("privacy-accesses", "privacy-accesses-file", "privacy-accesses-print")
    },
    **{name: _("Retention") for name in ("privacy-retention", "privacy-retention-file")},
    **{name: _("Who may see what") for name in ("privacy-people", "privacy-people-file")},
    "system": _("System"),
    **{name: _("Numbers") for name in ("numbers", "numbers-file", "numbers-owed")},
    "trail_export": _("Audit trail as a file"),
    "calendar_waiting": _("Calendar: waiting list"),
    "calendar_waiting_entry": _("Calendar: waiting list"),
    "calendar_waiting_save": _("Calendar: waiting list"),
    "calendar_waiting_remove": _("Calendar: waiting list"),
    "calendar_offer": _("Calendar: offer of a free time"),
    "calendar_take_back": _("Calendar: offer of a free time"),
    "calendar_accept": _("Calendar: offer of a free time"),
}
PARTS = {  # of a model's pages
    "changelist": _("list"),
    "change": _("details"),
    "add": _("add form"),
    "delete": _("delete form"),
    "add_to": _("add a file"),
    "break_glass": _("break glass"),
    "confirm": _("confirm"),
    "content": _("download"),
    "decline": _("decline"),
    "end_sessions": _("sign out everywhere"),
    "export": _("export"),
    "export_list": _("list as a file"),
    "ask_to_lift": _("ask to lift the restriction"),
    "agree_to_lift": _("agree to lift the restriction"),
    "withdraw_lift": _("take back the request to lift the restriction"),
    "send_password_link": _("send a link to set a new password"),
    "hold": _("legal hold"),
    "lift": _("lift restriction"),
    "lift_hold": _("lift legal hold"),
    "merge": _("merge"),
    "merge_charts": _("merge another chart"),
    "pdf": _("PDF"),
    "remove": _("remove"),
    "reopen": _("reopen"),
    "reset_second_factor": _("turn off two-step verification"),
    "restore": _("restore"),
    "restrict": _("restrict"),
    "review": _("sign off"),
    "undo_merge": _("undo a merge"),
    "withdraw": _("withdraw"),
}
FILTERS = {
    "user": _("person"),
    "start": _("from"),
    "end": _("to"),
    "patient": _("patient"),
    "event": _("event"),
    "outcome": _("outcome"),
}
STATUSES = {403: _("not allowed"), 404: _("not found")}
MATCHES = {reason.value: reason.label for reason in MatchReason}  # of a merge
REASONS = {
    "broken": _("damaged file"),
    "bomb": _("file too complex"),
    "challenge_not_valid": _("expired sign-in"),
    "changed_meanwhile": _("account changed meanwhile"),
    "deactivated": _("deactivated"),
    "empty": _("empty file"),
    "encrypted": _("file with a password"),
    "ended": _("ended"),
    "full": _("no room for more files"),
    "infected": _("virus found"),
    "link_not_valid": _("link not valid"),
    "mismatch": _("content is not what the name says"),
    "name": _("file without a name"),
    "none_set_up": _("none set up"),
    "not_in_the_admin_site": _("no access to the admin site"),
    "new_role": _("joined the team"),
    "not_pending": _("registration not pending"),
    "not_valid": _("not valid"),
    "polyglot": _("file with hidden content"),
    "reset": _("turned off by an office manager"),
    "reset_link": _("reset link"),
    "timed_out": _("timed out"),
    "too_large": _("file too large"),
    "too_many_tries": _("too many tries"),
    "too_often": _("too often"),
    "type": _("file type not supported"),
    "unknown": _("unknown"),
    "unknown_email": _("unknown email"),
    "while_setting_it_up": _("while setting it up"),
    "wrong_password": _("wrong password"),
}
# Reasons that are a choice of their own, by the event that has them.
CHOSEN: dict[str, type[TextChoices]] = {
    AuditEvent.SIGNED_OUT: RevocationReason,
    AuditEvent.TIMED_OUT: RevocationReason,
    AuditEvent.SESSION_ENDED: RevocationReason,
    AuditEvent.REFRESH_REUSED: RevocationReason,
    AuditEvent.JOIN_CODE_REFUSED: JoinCodeState,
    AuditEvent.REGISTRATION_DECLINED: DeclineReason,
}
MAX_FIELDS_NAMED = 6
OMITTED = {"limit", "part", "rows", "session", "api_key"}  # of a key, who it was says its name
IMPORTED = {state.value: state.label for state in LineState}  # lines of an import


def model_name(event: Event) -> str:
    """Return the verbose name of the model the event is about: `patients.Patient` is "patient"."""
    try:
        return str(apps.get_model(event.about)._meta.verbose_name)
    except (LookupError, ValueError):
        return event.about


def describe(event: Event) -> list[str]:
    """Return short phrases, the most important first: `["Patients: list", "25 results"]`."""
    details: dict[str, Any] = orjson.loads(event.details)
    pieces = [phrase(event, name, value) for name, value in details.items() if name not in OMITTED]
    if event.kind in DATA_EVENTS:
        pieces.insert(0, model_name(event))
    if event.outcome != Outcome.DONE and event.about_id and event.patients == "[]":
        pieces.append(gettext("requested ID %(id)s") % {"id": event.about_id})
    return [piece for piece in pieces if piece]


def phrase(event: Event, name: str, value: Any) -> str:
    """Return a detail in a few words; empty for what only machines read."""
    if name == "because" and isinstance(value, list):
        return ", ".join(str(MATCHES.get(reason, reason)) for reason in value) or gettext("no matching details")
    if value in ([], {}, ""):
        return ""
    match name, value:
        case "page", str():
            return _page(value)
        case "page", int():
            return gettext("page %(number)s") % {"number": value} if value > 1 else ""
        case "fields", list():
            return _field_names(event, value)
        case "filters", dict() | list():
            names = ", ".join(str(FILTERS.get(one) or one.removesuffix("__exact")) for one in value)
            return gettext("filtered by %(names)s") % {"names": names}
        case "hits", int():
            return ngettext("%(number)s result", "%(number)s results", value) % {"number": f"{value:,}"}
        case str(), int() if name in IMPORTED:
            return f"{IMPORTED[name]}: {value:,}"
        case "what", str() if value in ImportKind:
            return str(ImportKind(value).label)
        case "lines" | "count", int():
            return ngettext("%(number)s row", "%(number)s rows", value) % {"number": f"{value:,}"}
        case "status", int():
            return str(STATUSES.get(value, "")) or gettext("status %(number)s") % {"number": value}
        case "searched", True:
            return gettext("search")
        case "emergency", _anything:
            return gettext("emergency access")
        case "door", str():
            way = SignInChannel(value).label.lower() if value in SignInChannel else value
            return gettext("via %(way)s") % {"way": way}
        case "method", str() if value in SecondFactorMethod:
            return str(SecondFactorMethod(value).label).lower()
        case "as_role", str() if value in Role:
            return gettext("as %(role)s") % {"role": str(Role(value).label).lower()}
        case "reason", str():
            return _reason(event, value)
    return "" if isinstance(value, list | dict) or _is_id(value) else f"{name}: {value}".replace("_", " ")


def _reason(event: Event, code: str) -> str:
    chosen = CHOSEN.get(event.kind)
    if chosen is not None and code in chosen:
        return str(chosen(code).label).lower()
    return str(REASONS.get(code) or code.replace("_", " "))


def _page(name: str) -> str:
    """Return `patients_patient_changelist` as "Patients: list"."""
    app, _separator, rest = name.partition("_")
    model, _separator, part = rest.partition("_")
    try:
        meta = apps.get_model(app, model)._meta
    except (LookupError, ValueError):
        return str(PAGES.get(name) or capfirst(name.replace("_", " ")))
    name_shown = meta.verbose_name_plural if part == "changelist" else meta.verbose_name
    return f"{capfirst(str(name_shown))}: {PARTS.get(part) or part.replace('_', ' ')}"


def _field_names(event: Event, fields: list[str]) -> str:
    named = ", ".join(field_name(event, field) for field in fields[:MAX_FIELDS_NAMED])
    left = len(fields) - MAX_FIELDS_NAMED
    if left <= 0:
        return named
    return ngettext("%(names)s and %(number)s more", "%(names)s and %(number)s more", left) % {
        "names": named,
        "number": left,
    }


def field_name(event: Event, field: str) -> str:
    try:
        return str(apps.get_model(event.about)._meta.get_field(field).verbose_name)
    except (LookupError, ValueError, FieldDoesNotExist, AttributeError):  # a name of before, or of a reverse relation
        return field.replace("_", " ")


def _is_id(value: Any) -> bool:
    try:
        return bool(UUID(str(value)))
    except ValueError:
        return False
