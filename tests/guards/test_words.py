"""Everything that people read goes through gettext (core/catalogue.py): templates, labels, pages, mails and PDFs. What
was forgotten shows in a language that marks all the rest (tests/pseudo_language.py)."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db.models import Choices
from django.test import Client
from django.urls import reverse

from accounts.invitations import services as invitations
from accounts.passwords import reset
from accounts.roles import PublicRole
from audit.registry import UNLOGGED_FIELDS
from core import catalogue
from core.api.health import HealthStatus
from core.models import Model
from core.tenancy.scope import practice_scope
from patients.deletion.services import DELETABLES
from patients.models import ChartStatus
from patients.restriction import alerts
from patients.serializers import GenderOrUnknown
from patients.tests.factories import PatientFactory
from records.export.services import export_chart
from records.medical_records.pdf import prescription_pdf
from records.models import MedicalRecord, SessionNote
from records.notes.pdf import note_pdf
from records.plans import services as plans
from records.plans.pdf import plan_pdf
from records.printing import Document
from tests.authenticator import app_of
from tests.pseudo_language import any_of, left_over, pseudo_language, said_on, texts_of

ROOT = Path(settings.BASE_DIR)
BRAND = {"Praxis"}
TAG = re.compile(r"\{%-?\s*(\w+).*?%\}|\{\{.*?\}\}", re.DOTALL)


def test_catalogue_is_current():
    assert catalogue.CATALOGUE.read_text() == catalogue.english(), "run `manage.py makemessages`"


@pytest.mark.parametrize("path", catalogue.translations(), ids=lambda path: path.parts[-3])
def test_translation_is_current_and_whole(path):
    """Nothing is left in English, and what is filled in stands in the translation too."""
    assert path.read_text() == catalogue.translated(path), "run `manage.py makemessages`"
    with path.open("rb") as file:
        texts = [text for text in read_po(file, locale=path.parts[-3]) if text.id]

    assert [text.id for text in texts if not all(_several(text.string))] == []
    assert [text.id for text in texts if _filled_in(text.string) != _filled_in(text.id)] == []


def _several(string):
    return string if isinstance(string, tuple) else (string,)


def _filled_in(string):
    return set(re.findall(r"%\(\w+\)\w|\{\w+\}|<[^>]+>", " ".join(_several(string))))


def test_templates_hold_no_words_outside_of_gettext():
    forgotten = [
        (str(path.relative_to(ROOT)), text)
        for path in sorted((ROOT / "templates").rglob("*.html"))
        for _elements, text in said_on(_without_tags(path.read_text()))
        if left_over(text, any_of(BRAND))
    ]

    assert forgotten == []


def _without_tags(source: str) -> str:
    source = re.sub(r"\{#.*?#\}", "", source, flags=re.DOTALL)
    source = re.sub(r"\{% blocktranslate.*?endblocktranslate %\}", "", source, flags=re.DOTALL)
    return TAG.sub("", source)


# --- Pages


@pytest.fixture
def everything(own):
    """One row of each kind, and the states that have words of their own."""
    with practice_scope(own.practice.pk):
        own.declined = PatientFactory(name="Declined Ownwood", status=ChartStatus.DECLINED)
        own.restricted = PatientFactory(name="Closed Ownwood", restricted=True)
    return own


def data_of(practice):
    """Return what the practice's pages may show as it is."""
    with practice_scope(practice.pk):
        rows = [row for model in apps.get_models() if issubclass(model, Model) for row in _rows(model)]
    return any_of(BRAND | texts_of(rows) | DATA.keys())


def _rows(model):
    manager = getattr(model, "with_deleted", model._default_manager)
    return manager.all()


DATA = {
    "UTC": "a time zone",
    "Test.job": "the name of a job, as a heading begins it",
    "Https://example.com/hook": "the address of a webhook, the same",
}
AS_STORED = {  # places of what nobody words
    "div[class=shown] pre": "what a file says",
    "ul[class=aids] li code": "how a field of a letter is written",
    "[id=id_currency]": "currencies, as ISO 4217 names them",
    "[id=id_language]": "languages, by their own names",
    "[id=id_country]": "countries, as CLDR names them in each language",
    "[id=id_region]": "regions, as people there call them",
    "[id=days-title]": "the same",
    "label[class=praxis-holiday] span strong": "holidays, as the library names them in each language",
    "[id=id_timezone]": "cities, as the IANA database names them",
    "details[class=praxis-quiet] ul li": "what the trail holds, as exports show it",
}


def pages(own):
    """Return the address of every page of the site that this clinic has."""
    for model_admin in admin.site._registry.values():
        opts = model_admin.opts
        name = f"admin:{opts.app_label}_{opts.model_name}"
        row = next((row for row in vars(own).values() if isinstance(row, model_admin.model)), None)
        assert row is not None, f"clinic() in tests/admin_site.py lacks a {opts.label}"
        yield reverse(f"{name}_changelist")
        if model_admin.access.add:
            yield reverse(f"{name}_add")
        yield reverse(f"{name}_change", args=[row.pk])
        if opts.label in DELETABLES:
            yield reverse(f"{name}_delete", args=[row.pk])
    for chart in (own.pending, own.declined, own.restricted):
        yield reverse("admin:patients_patient_change", args=[chart.pk])
    yield reverse("admin:records_attachment_add_to", args=[own.chart.pk])
    yield f"{reverse('admin:appointments_scheduleexception_holidays')}?country=GB&year=2031"
    yield f"{reverse('admin:patients_patient_changelist')}?q=nobody+at+all"
    yield from (reverse("language"), reverse("search"), reverse("form-templates"), reverse("form-template-new"))
    yield reverse("patient-forms", args=[own.chart.pk])
    yield from calendar_pages(own)
    yield from clinical_pages(own)
    for name in ("note-edit", "note-versions"):
        yield reverse(name, args=[own.note.pk])
    for name in ("note-templates", "note-template-new", "phrase-new", "letter-templates", "letter-template-new"):
        yield reverse(name)
    for name in ("imports", "numbers", "numbers-owed", "duplicates", "privacy", "privacy-retention", "privacy-people"):
        yield reverse(name)
    for name in ("privacy-new-request", "privacy-accesses"):
        yield reverse(name, args=[own.chart.pk])
    for kind in ("patients", "appointments"):
        yield reverse("import-new", kwargs={"kind": kind})
    for name in ("index", "own_sessions", "security", "password_change", "password_change_done"):
        yield reverse(f"admin:{name}")
    yield f"{reverse('admin:trail')}?first=2026-02-02&last=2026-01-01"
    yield reverse("admin:trail")  # of all the pages before


def calendar_pages(own):
    day = own.appointment.starts_at.date()
    for view in ("day", "rooms", "week", "list"):
        yield f"{reverse('calendar')}?day={day}&view={view}&doctor={own.doctor.pk}"
    yield reverse("calendar_next")
    yield reverse("calendar_waiting")
    yield reverse("calendar_visit", args=[own.appointment.pk])
    yield f"{reverse('calendar')}?day=x"


def clinical_pages(own):
    for show in ("", "visits", "notes", "records", "plans", "files"):
        yield f"{reverse('chart', args=[own.chart.pk])}?show={show}"
    yield reverse("chart", args=[own.restricted.pk])
    for name in ("chart_contact", "chart_files", "chart_files_compare", "chart_measures", "chart_letter"):
        yield reverse(name, args=[own.chart.pk])
    for name in ("chart_record_new", "chart_plan_new", "chart_body", "chart_body_draw"):
        yield reverse(name, args=[own.chart.pk])
    for name in ("chart_plan", "chart_plan_amend"):
        yield reverse(name, args=[own.chart.pk, own.plan.pk])
    yield reverse("chart_file", args=[own.chart.pk, own.file.pk])
    yield reverse("my-day")


@pytest.mark.embedded
@pytest.mark.slow  # opens every page of the site
def test_pages_say_nothing_outside_of_gettext(enter_as, everything, subtests):
    client = enter_as("admin")
    data = data_of(everything.practice)
    for address in pages(everything):
        with pseudo_language():
            answer = client.get(address, follow=True)
        with subtests.test(page=address):
            assert answer.status_code in (200, 400, 403)
            assert forgotten_on(answer, data) == []


def forgotten_on(answer, data):
    return [
        (place, left)
        for place, text in said_on(answer.content.decode())
        if (left := left_over(text, data)) and not any(each in place for each in AS_STORED)
    ]


@pytest.mark.embedded
def test_pages_before_sign_in_and_refusals_say_nothing_outside_of_gettext(
    client, superuser, make_user, practice, subtests
):
    manager = make_user("admin", name="Manager")
    app = app_of(manager)
    sign_in = reverse("home")
    with pseudo_language():
        answers = {
            "sign-in": client.get(sign_in),
            "wrong": client.post(sign_in, {"username": "nobody@example.com", "password": "x"}),
            "csrf": Client(enforce_csrf_checks=True).post(sign_in),
            "forgotten": client.get(reverse("password_reset_ask")),
            "asked": client.post(reverse("password_reset_ask"), {"email": "nobody@example.com"}),
            "dead link": client.get(reverse("password_reset_set", args=["made-up"])),
            "link": client.get(reverse("password_reset_set", args=[reset.token_for(manager)])),
            "password": client.post(sign_in, {"username": manager.email, "password": "Passw0rd!"}, follow=True),
            "code": client.post(reverse("second_factor"), {"code": app.code()}, follow=True),
            "own factor": client.get(reverse("admin:security")),
            "signed out": client.post(reverse("sign_out"), follow=True),
            "locked": [
                client.post(sign_in, {"username": "nobody@example.com", "password": "x"}) for _attempt in range(7)
            ][-1],
        }
        client.force_login(superuser)
        answers["practices"] = client.get("/admin/", follow=True)
        answers["odd"] = client.get("/admin/accounts/user/?x=%00")
    data = any_of({*BRAND, *texts_of([practice, manager, superuser]), settings.SITE_URL})

    for name, answer in answers.items():
        with subtests.test(page=name):
            assert answer["Content-Type"].startswith("text/html")
            assert forgotten_on(answer, data) == []


# --- Labels, messages, mails, PDFs

NEVER_SHOWN = {"id", "practice", "created_at", "updated_at", "deletion", "last_writes", "change_number", "changed_at"}
NEVER_SHOWN |= UNLOGGED_FIELDS


def test_labels_of_models_and_choices_go_through_gettext():
    said = [
        (f"{choices.__module__}.{choices.__qualname__}", label)
        for choices in _subclasses(Choices)
        if not choices.__module__.startswith(("django.", "rest_framework.")) and choices not in OF_THE_API
        for label in choices.labels
    ]
    for model in apps.get_models():
        if model in admin.site._registry or getattr(model, "audited", False):
            said += [(model._meta.label, name) for name in (model._meta.verbose_name, model._meta.verbose_name_plural)]
            for field in model._meta.concrete_fields if getattr(model, "audited", False) else ():
                if field.name not in NEVER_SHOWN:
                    said += [(f"{model._meta.label}.{field.name}", field.verbose_name)]
                    said += [(f"{model._meta.label}.{field.name}", field.help_text)] if field.editable else []

    with pseudo_language():
        assert [(place, str(text)) for place, text in said if left_over(str(text))] == []


def _subclasses(parent):
    for child in parent.__subclasses__():
        yield from _subclasses(child)
        if len(child):
            yield child


OF_THE_API = {
    HealthStatus: "two words for programs",
    PublicRole: "the contract's four words, which no page shows",
    GenderOrUnknown: "pages have a label of their own for what is unknown",
}


def test_code_of_pages_holds_no_sentence_outside_of_gettext():
    """Also what a test rarely opens: messages, refusals in forms, empty states."""
    modules = [*ROOT.glob("*/admin.py"), *ROOT.glob("*/admin/*.py"), *ROOT.glob("dashboard/*.py")]
    modules += [ROOT / "accounts/passwords/pages.py", ROOT / "core/error_pages.py", ROOT / "audit_review/wording.py"]
    found = [
        (str(path.relative_to(ROOT)), text)
        for path in sorted(modules)
        if path.name not in ("views.py", "serializers.py", "urls.py")
        for text in _sentences(ast.parse(path.read_text()))
    ]

    assert found == []


def _sentences(tree):
    """Return the texts of two words or more that begin like a sentence, apart from docstrings."""
    silent = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            silent.add(node.value)
        if isinstance(node, ast.Call) and _name(node.func) in SILENT_CALLS:
            silent |= set(ast.walk(node))
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [node.value for node in texts if node not in silent and re.match(r"\s*[A-Z][a-z]+ \S", node.value)]


def _name(function):
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


SILENT_CALLS = {
    *("_", "gettext", "ngettext"),
    "log_change",  # a row of Django's own log, which no page shows
}


def test_mails_go_through_gettext(make_user, practice, settings, own, mailbox, django_capture_on_commit_callbacks):
    manager = make_user("admin")
    with pseudo_language():
        reset.request_reset(email=manager.email)
        alerts.send(own.emergency)
        with practice_scope(practice.pk), django_capture_on_commit_callbacks(execute=True):
            invited = invitations.invite(by=manager, name="Nora New", email="nora@example.com", role="doctor")
    data = any_of({settings.SITE_URL, *texts_of([own.doctor, practice, invited])})

    assert len(mailbox) == 3
    for sent in mailbox:
        assert (left_over(sent.subject), left_over(sent.body, data)) == ("", "")


def test_pdfs_say_nothing_outside_of_gettext(own, make_user, monkeypatch):
    printed = []
    write = Document._one_line
    monkeypatch.setattr(
        Document, "_one_line", lambda self, text, *at, **how: (printed.append(text), write(self, text, *at, **how))
    )
    text = Document.text
    monkeypatch.setattr(Document, "text", lambda self, said, **how: (printed.append(said), text(self, said, **how)))
    manager = make_user("admin", name="Manager")
    with practice_scope(own.practice.pk), pseudo_language():
        plan = plans.get_plan(by=own.doctor, plan_id=own.plan.pk)
        plan_pdf(plan, practice=own.practice, by=manager)
        note_pdf(SessionNote.objects.get(pk=own.note.pk), practice=own.practice, by=manager)
        prescription_pdf(MedicalRecord.objects.get(pk=own.record.pk), practice=own.practice, by=manager)
        for _chunk in export_chart(own.chart, practice=own.practice, by=manager):
            pass
    rows = [own.practice, own.doctor, own.chart, own.appointment, own.plan, own.note, own.record, own.file, manager]
    data = any_of({"EST", "EDT", *texts_of(rows)})

    assert len(printed) > 40
    assert [said for said in printed if left_over(said, data)] == []
