"""Every page of the site, as each role sees it: it opens, nothing complains, axe finds nothing, it does not scroll
sideways, it offers what this person may open, and in German nothing is left in English.

A run takes a sample of the pages, each in one language, width and scheme; `make test-all` takes them all in all."""

import re
from datetime import timedelta
from decimal import Decimal
from functools import cache
from itertools import product
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from babel.messages.pofile import read_po
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import URLPattern, get_resolver, resolve, reverse
from django.utils import timezone
from playwright.sync_api import expect

from appointments.messages.tokens import LinkKind, link_of
from appointments.models import SlotHold
from appointments.tests.factories import AppointmentFactory, SlotOfferFactory, WaitingListEntryFactory
from audit.context import Origin, coming_from
from billing.invoices import services as invoices
from billing.payments import services as payments
from billing.tests.factories import ServiceFactory
from core import catalogue
from core.admin.needs import _is_only_posted, may_open
from core.client import ADMIN_ROOT, WORK_ROOTS
from core.tenancy.scope import practice_scope
from patients.models.privacy_request import RequestKind
from patients.privacy import services as privacy
from patients.tests.factories import PatientFactory
from practices.models import Practice
from records.forms.services import hand_over
from records.tests.factories import (
    BodyChartFactory,
    FinalisedNoteFactory,
    GoalFactory,
    LetterTemplateFactory,
    MeasureFactory,
    NoteFactory,
    NoteTemplateFactory,
    PhraseFactory,
    PlanFactory,
    asked_form,
    consent_template,
    stored_file,
)
from tests.browser.test_calendar import MONDAY, cell, monday
from tests.browser.test_pages import overflows
from tests.sampling import sample

__all__ = ["monday"]

LANGUAGES, WIDTHS, SCHEMES = ("de", "en"), (320, 768, 1280), ("light", "dark")
IN_EACH_RUN = 40
# What practices call their visits and write in phrases and forms, and a language's own name.
NAMES = {"First visit", "Follow-up", "No known allergies", "Signature", "English"}
NOT_WALKED = {
    "parts of a page that is walked": """
        billing-balance calendar_changes calendar_colours calendar_day_news calendar_next calendar_visit
        calendar_waiting chart_search note-review note-versions session_active session_left ws_events""",
    "what follows on a form of such a page": """
        chart_allergies chart_body_delete chart_entry_add chart_entry_change chart_entry_delete chart_file_add
        chart_file_delete chart_letter_preview chart_lists_take_over chart_measure_delete chart_measures_add
        chart_no_known_allergies chart_plan_progress form-code form-hand-over form-review form-template-archive
        form-withdraw import import-match me_form_needed me_form_withdraw me_offer_accept me_offer_decline
        me_security_passkey me_security_passkey_add me_security_passkey_remove me_security_recovery_codes
        me_security_totp me_security_totp_confirm
        me_security_totp_remove my-day-act sign_out admin:logout admin:own_sessions_end admin:own_sessions_end_others
        admin:security_passkey admin:security_passkey_add admin:security_passkey_remove admin:security_recovery_codes
        admin:security_totp admin:security_totp_confirm admin:security_totp_remove""",
    "what leads elsewhere or is asked by a page": "admin:login admin:search admin:autocomplete",
    "files and papers": """
        billing-claim billing-invoice-print billing-month-print billing-receipt billing-report-movements-file
        billing-report-own-file billing-report-revenue-file billing-report-takings-file billing-report-unpaid-file
        billing-report-payers-file
        billing-statement billing-superbill chart_file_content chart_file_small
        chart_file_download chart_plan_print form-file
        import-left me_bill me_form_file me_receipt metrics note-print note-templates-export numbers-file prescription
        privacy-accesses-file privacy-accesses-print privacy-people-file privacy-retention-file
        admin:jsi18n admin:patients_patient_export admin:records_attachment_content admin:records_planofcare_pdf
        admin:trail_export""",
    "where a secret or a state leads that these rows do not have": """
        chart_emergency invitation password_reset_set pay_console pay_thanks second_factor""",
}
PLACEHOLDER = re.compile(r"%\(\w+\)\w|\{\w*\}")
SAID = """() => {
  const said = new Set([document.title])
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const within = texts.currentNode.parentElement
    if (!within.closest('script,style,svg,template,textarea,.material-symbols-outlined,[lang]:not(html)')) {
      said.add(texts.currentNode.textContent)
    }
  }
  for (const name of ['title', 'aria-label', 'placeholder', 'alt']) {
    for (const element of document.querySelectorAll(`[${name}]`)) said.add(element.getAttribute(name))
  }
  return [...said].map(text => text.replace(/\\s+/g, ' ').trim())
}"""


def admin_pages(user, own):
    """Yield the list, the form of a new row, that of one that exists and the page that deletes it, of everything on the
    admin site, and its other pages."""
    asking = SimpleNamespace(user=user)
    of_account = ("security", "own_sessions", "password_change", "password_change_done")
    yield from (reverse(f"admin:{name}") for name in ("index", "trail", *of_account))
    yield reverse("admin:app_list", args=["accounts"])
    yield reverse("admin:records_attachment_add_to", args=[own.chart.pk])
    yield reverse("admin:patients_patient_merge_charts", args=[own.chart.pk])
    for model, model_admin in admin.site._registry.items():
        named = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        rows = [row for row in vars(own).values() if isinstance(row, model)][:1]
        pages = [reverse(f"{named}_changelist"), *(reverse(f"{named}_change", args=[row.pk]) for row in rows)]
        yield from (page for page in [*pages, reverse(f"{named}_add")] if may_open(asking, page))
        deleted = (row for row in rows if model_admin.has_delete_permission(asking, row))
        yield from (reverse(f"{named}_delete", args=[row.pk]) for row in deleted)


@pytest.fixture
def addresses(live_server, practice, make_user, own, superuser):
    """Return each role's user and the pages to look at. `own` has a row of everything that the admin site shows."""
    people = {role: make_user(role) for role in ("admin", "doctor", "staff", "billing", "patient")}
    doctor, soon = people["doctor"], timezone.now() + timedelta(hours=2)
    with practice_scope(practice.pk):
        Practice.objects.filter(pk=practice.pk).update(doctors_see_revenue=True)
        paula = PatientFactory(name="Paula Jensen", user=people["patient"], allergies="Penicillin")
        visit = AppointmentFactory(patient=paula, doctor=doctor, starts_at=soon, ends_at=soon + timedelta(minutes=30))
        draft = NoteFactory(patient=paula, doctor=doctor)
        form = asked_form(patient=paula, by=people["staff"])
        with coming_from(Origin()):
            code, _ends_at = hand_over(by=people["staff"], form_id=form.pk)
        final = FinalisedNoteFactory(patient=paula, doctor=doctor)
        free = {"doctor": doctor, "starts_at": soon + timedelta(days=1), "ends_at": soon + timedelta(days=1, hours=1)}
        kept = SlotHold.objects.create(**free, held_by=people["staff"], expires_at=soon)
        offer = SlotOfferFactory(
            entry=WaitingListEntryFactory(patient=paula), hold=kept, **free, expires_at=soon.replace(microsecond=0)
        )
        links = [
            link_of(LinkKind.VISIT, practice.pk, visit.pk, visit.starts_at),
            link_of(LinkKind.OFFER, practice.pk, offer.pk, offer.expires_at),
        ]
        biller, lines = people["billing"], [{"description": "Massage", "unit_price": Decimal("80.00")}]
        bill, unissued = (invoices.write_draft(by=biller, patient_id=paula.pk, lines=lines) for _ in range(2))
        invoices.issue(by=biller, invoice_id=bill.pk)
        paid = payments.take(by=biller, patient_id=paula.pk, amount=Decimal("90.00"), method="cash")
        measure, _other = MeasureFactory.create_batch(2, patient=paula, doctor=doctor)
        body = BodyChartFactory(patient=paula, doctor=doctor)
        letter, template, phrase = LetterTemplateFactory(), NoteTemplateFactory(), PhraseFactory()
        consent = consent_template(by=people["admin"], need="everyone")
        price = ServiceFactory()
        plan = GoalFactory(plan=PlanFactory(patient=paula, doctor=doctor)).plan
        file = stored_file(patient=paula, uploaded_by=doctor)
        asked = privacy.enter(
            by=people["admin"],
            patient_id=paula.pk,
            kind=RequestKind.EXPORT,
            received_on=practice.today(),
            due_on=practice.today() + timedelta(days=30),
        )
    names = (
        "chart",
        "chart_contact",
        "chart_files",
        "chart_files_compare",
        "chart_measures",
        "chart_letter",
        "chart_record_new",
        "chart_plan_new",
        "chart_body",
        "chart_body_draw",
        "patient_visits",
        "note-new",
    )
    of_chart = {name: reverse(name, args=[paula.pk]) for name in names}
    corrected = {"measure_correct": measure, "body_correct": body}
    return {
        None: (
            None,
            [
                *("/", "/password-reset/", "/tablet/", f"/tablet/{code}/", "/tablet/done/"),
                *(urlsplit(link).path for link in links),
            ],
        ),
        "superuser": (superuser, [reverse("admin:pick_practice"), reverse("admin:system")]),
        "admin": (
            people["admin"],
            [
                *("/forms/templates/", "/forms/templates/new/", reverse("form-template-edit", args=[consent.pk])),
                *admin_pages(people["admin"], own),
                reverse("admin:appointments_scheduleexception_holidays"),
            ],
        ),
        "staff": (
            people["staff"],
            [
                *("/calendar/", of_chart["patient_visits"], of_chart["chart_contact"]),
                *(reverse("patient-forms", args=[paula.pk]), reverse("form", args=[form.pk])),
                *(reverse("chart_messages", args=[paula.pk]), reverse("form-take-back", args=[form.pk])),
                *("/search/", "/language/", reverse("admin:patients_patient_changelist")),
                reverse("admin:patients_patient_change", args=[paula.pk]),
            ],
        ),
        "billing": (
            people["billing"],
            [
                *("/billing/", "/billing/visits/", "/billing/prices/", "/billing/prices/new/"),
                *(reverse("billing-invoice", args=[one.pk]) for one in (bill, unissued)),
                *(reverse(f"billing-{name}", args=[paula.pk]) for name in ("account", "payment-new")),
                reverse("billing-payment", args=[paid.pk]),
                *(
                    f"/billing/reports/{name}/"
                    for name in ("takings", "revenue", "unpaid", "payers", "credit", "movements")
                ),
                *(
                    "/billing/reports/lines/?by=service",
                    "/billing/reports/open/?age=days0to30",
                    reverse("billing-service", args=[price.pk]),
                ),
                *(reverse("admin:patients_patient_changelist"), reverse("admin:index")),
                reverse("admin:patients_patient_change", args=[paula.pk]),
                *("/billing/policy/", reverse("billing-coding", args=[visit.pk])),
                *("/billing/reports/", "/billing/identities/", reverse("billing-month", args=[paula.pk])),
                reverse("billing-coverage", args=[paula.pk]),
            ],
        ),
        "doctor": (
            doctor,
            [
                *("/calendar/", "/my-day/", of_chart["chart"], of_chart["note-new"], "/notes/templates/"),
                *(reverse("note-edit", args=[draft.pk]), reverse("note-edit", args=[final.pk])),
                *(of_chart[name] for name in ("chart_files", "chart_files_compare", "chart_measures", "chart_letter")),
                *(of_chart["chart_body"], of_chart["chart_body_draw"]),
                *(
                    of_chart["chart_record_new"],
                    of_chart["chart_plan_new"],
                    reverse("chart_plan", args=[paula.pk, plan.pk]),
                ),
                reverse("chart_plan_amend", args=[paula.pk, plan.pk]),
                *(reverse("letter-templates"), reverse("letter-template-new")),
                *(reverse("letter-template-edit", args=[letter.pk]), reverse("note-template-edit", args=[template.pk])),
                *(reverse("phrase-edit", args=[phrase.pk]), reverse("note-template-new"), reverse("phrase-new")),
                *(reverse("note-amend", args=[final.pk]), reverse("admin:appointments_workinghours_changelist")),
                *(reverse(f"chart_{name}", args=[paula.pk, row.pk]) for name, row in corrected.items()),
                *(reverse("admin:appointments_workinghours_change", args=[own.hours.pk]), reverse("admin:index")),
                reverse("admin:patients_patient_changelist"),
                reverse("chart_file", args=[paula.pk, file.pk]),
                *("/billing/reports/own/", "/billing/reports/own/lines/?first=2030-01-01&last=2030-12-31"),
            ],
        ),
        "manager": (
            people["admin"],
            [
                *(reverse("messages"), reverse("message_text", args=["reminder", "email", "en"])),
                *(reverse(name) for name in ("numbers", "numbers-owed", "duplicates", "imports")),
                reverse("import-new", kwargs={"kind": "patients"}),
                *(reverse(name) for name in ("privacy", "privacy-retention", "privacy-people")),
                *(reverse(name, args=[paula.pk]) for name in ("privacy-new-request", "privacy-accesses")),
                reverse("privacy-request", args=[asked.pk]),
            ],
        ),
        "patient": (
            people["patient"],
            [
                *(reverse(name) for name in ("my_page", "me_sessions", "me_password", "me_security")),
                *(reverse(name) for name in ("me_accesses", "me_bills", "me_messages")),
                *(reverse(name, args=[visit.pk]) for name in ("me_move", "me_cancel")),
                reverse("me_form", args=[form.pk]),
            ],
        ),
    }


def test_every_page_is_whole(page, addresses, live_server, subtests):
    axe, shown = Axe(), None
    walked = [(role, path) for role, (_user, paths) in addresses.items() for path in paths]
    for (role, path), language, width, scheme in sample(list(product(walked, LANGUAGES, WIDTHS, SCHEMES)), IN_EACH_RUN):
        with subtests.test(role=role, path=path, language=language, width=width, scheme=scheme):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 850})
            if shown != (role, path, language):
                shown = (role, path, language)
                page.set_extra_http_headers({"Accept-Language": language})
                _enter(page, live_server, addresses[role][0])
                assert page.goto(path).status == 200
                assert _offered_in_vain(page, addresses[role][0]) == []
                assert language == "en" or _left_in_english(page) == []
            found = axe.run(page)
            assert found.violations_count == 0, found.generate_report()
            assert not overflows(page)
            assert page.complaints == []
        page.complaints.clear()


def test_panels_of_the_calendar_are_whole(page, sign_in, monday):
    """What the walk opens shows none of them: a free time with who waits for it, a visit, the waiting list."""
    with practice_scope(monday.practice.pk):
        WaitingListEntryFactory(patient=PatientFactory(name="Wanda Waits"), type=monday.visit.type)
    sign_in("staff")
    axe, panel = Axe(), page.locator("#panel")
    for width, scheme in sample(list(product(WIDTHS, SCHEMES)), 1):
        page.set_viewport_size({"width": width, "height": 850})
        page.emulate_media(color_scheme=scheme)
        openings = {
            "Wanda Waits": cell(page, "Dr. Daniel Reyes", "11:00 AM"),
            "Cancel visit": page.locator(f"#v-{monday.visit.pk}"),
            "Waiting list": page.get_by_role("button", name="Waiting list"),
            "Next free": page.get_by_role("button", name="Next free"),
        }
        for said, opening in openings.items():
            page.goto(MONDAY)
            opening.click()
            expect(panel).to_contain_text(said)
            found = axe.run(page)
            assert found.violations_count == 0, found.generate_report()
            assert not overflows(page)


def _enter(page, live_server, user):
    page.context.clear_cookies()
    if user:
        client = Client()
        client.force_login(user)
        cookie = {"name": "praxis_admin", "value": client.cookies["praxis_admin"].value, "sameSite": "Strict"}
        page.context.add_cookies([{**cookie, "url": live_server.url}])


def _offered_in_vain(page, user):
    """Return the pages that this one links to and that would refuse this person."""
    asking = SimpleNamespace(user=user or AnonymousUser())
    links = page.evaluate("[...document.querySelectorAll('a[href]')].map(link => new URL(link.href).pathname)")
    of_site = {link for link in links if link.startswith((ADMIN_ROOT, *WORK_ROOTS))}
    return sorted(link for link in of_site if not may_open(asking, link))


@cache
def _english():
    """Return the texts that are other words in German, and how those with something filled in look."""
    with (catalogue.ROOT / "locale/de/LC_MESSAGES/django.po").open("rb") as file:
        messages = [message for message in read_po(file, locale="de") if message.id]
    texts, german = set(), set()
    for message in messages:
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        texts |= {" ".join(text.split()) for text in ids if text not in said}
        german |= {" ".join(text.split()) for text in said}
    filled_in = {text for text in texts if PLACEHOLDER.search(text)}
    shapes = [".+".join(map(re.escape, PLACEHOLDER.split(text))) for text in filled_in if _words_of(text) > 1]
    return texts - filled_in - german, re.compile("|".join(shapes))


def _words_of(text):
    return len(re.findall(r"[A-Za-z]{3,}", PLACEHOLDER.sub("", text)))


def _left_in_english(page):
    texts, shapes = _english()
    said = page.evaluate(SAID)
    months = [
        text for text in said if re.search(r"\b(Januar|März|Mai|Juni|Juli|Oktober|Dezember) \d{1,2}\b", text)
    ]  # English order
    return [text for text in said if (text in texts or shapes.fullmatch(text)) and text not in NAMES] + months


def test_no_page_is_left_out(addresses):
    walked = {resolve(urlsplit(path).path).view_name for _user, paths in addresses.values() for path in paths}
    pages = {name for name, view in _pages(get_resolver()) if not _is_only_posted(view)}
    assert pages - walked - _of_models() == {name for names in NOT_WALKED.values() for name in names.split()}


def _pages(resolver, prefix="", namespace=""):
    for entry in resolver.url_patterns:
        address = prefix + str(entry.pattern)
        if address.startswith(("api", "auth")):
            continue
        if isinstance(entry, URLPattern):
            if entry.name:
                yield namespace + entry.name, entry.callback
        else:
            yield from _pages(entry, address, f"{entry.namespace}:" if entry.namespace else namespace)


def _of_models():
    """Return the names of the pages that `admin_pages` yields of every model, and of those that show nothing."""
    pages = ("changelist", "add", "change", "delete", "history", "export_list")
    models = [model._meta for model in admin.site._registry]
    return {f"admin:{model.app_label}_{model.model_name}_{page}" for model in models for page in pages}
