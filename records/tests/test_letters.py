"""Letters and certificates: templates with fields, nothing silently empty, signed and kept as files."""

from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader

from appointments.tests.factories import AppointmentFactory
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from records.letters.fields import FIELDS, blanks_in
from records.models import Attachment, LetterTemplate
from records.tests.factories import ChartEntryFactory, LetterTemplateFactory
from records.tests.test_chart_lists import post
from records.tests.test_chart_pages import events, text_of
from tests import damage

SEEN, HALF_AN_HOUR = datetime(2026, 3, 2, 15, 0, tzinfo=UTC), timedelta(minutes=30)


@pytest.fixture
def paula(practice, make_user, client_of):
    doctor = make_user("doctor", name="Dr. Daniel Reyes", specialization="Chiropractor")
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Paula Jensen", date_of_birth=date(1980, 5, 17), address="", phone="")
        AppointmentFactory(
            patient=chart, doctor=doctor, starts_at=SEEN, ends_at=SEEN + HALF_AN_HOUR, status="completed"
        )
        template = LetterTemplateFactory(title="Certificate for {patient}")
    site = Client()
    site.force_login(doctor)
    api = client_of(doctor)
    return SimpleNamespace(practice=practice, doctor=doctor, chart=chart, template=template, site=site, api=api)


def begin(paula, text, client=None):
    with practice_scope(paula.practice.pk):
        LetterTemplate.objects.filter(pk=paula.template.pk).delete()
        paula.template = LetterTemplateFactory(title="Certificate for {patient}", text=text)
    return (client or paula.api).get(f"/api/patients/{paula.chart.pk}/letters/{paula.template.pk}")


def words_of(answer):
    content = b"".join(answer) if answer.streaming else answer.content
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages).split())


def test_fields_are_filled_in_and_none_is_silently_empty(paula):
    with practice_scope(paula.practice.pk):
        ChartEntryFactory(patient=paula.chart, doctor=paula.doctor, text="Naproxen")
    text = "{patient}, {date_of_birth}, {address}: {medications}. {last_visit}. {problems} {doctor} [[Reason]]"
    begun = begin(paula, text).json()
    assert begun["title"] == "Certificate for Paula Jensen"
    assert begun["text"] == (
        "Paula Jensen, May 17, 1980, [[Patient's address]]: Naproxen. Mar 2, 2026. [[Problems]] "
        "Dr. Daniel Reyes [[Reason]]"
    )
    assert begun["missing"] == ["Patient's address", "Problems"]
    everything = begin(paula, " ".join(f"{{{name}}}" for name in FIELDS)).json()
    assert "{" not in everything["text"] and "  " not in everything["text"]
    with practice_scope(paula.practice.pk):
        damage.lose_key(paula.chart, "address")
    assert begin(paula, "{address}").json()["missing"] == ["Patient's address"]  # not the mark of a lost key
    (first, *_) = events(paula.practice, kind="chart.read")
    assert str(paula.chart.pk) in str(first.patients)


def test_name_of_a_patient_is_no_field(paula):
    with practice_scope(paula.practice.pk):
        paula.chart.address = "{phone} [[x]]"
        paula.chart.save()
    begun = begin(paula, "{address}").json()
    assert (begun["text"], blanks_in(begun["text"])) == ("(phone) [x]", [])


def test_letter_with_blanks_is_not_signed_and_one_without_is_kept(paula):
    address = f"/api/patients/{paula.chart.pk}/letters"
    for text in ("Fit on [[day]].", "Seen by {doctor}.", "[[ ]]"):
        refused = post(paula.api, address, {"title": "Certificate", "text": text})
        assert refused.status_code == 400 and "Fill this in first" in refused.json()["errors"]["text"][0]
    kept = post(paula.api, address, {"title": "Certificate 3/4", "text": "Fit on Monday.\n\nNo lifting."})
    assert kept.status_code == 201, kept.content
    file = kept.json()
    assert (file["category"], file["mediaType"], file["seenById"]) == (
        "letter",
        "application/pdf",
        str(paula.doctor.pk),
    )
    assert file["name"].startswith("Certificate 3-4 20")
    printed = words_of(paula.api.get(f"/api/attachments/{file['id']}/content"))
    for words in ("Certificate 3/4", "Fit on Monday.", "Paula Jensen, born May 17, 1980", "Demo Clinic"):
        assert words in printed, printed
    assert "Signed electronically by Dr. Daniel Reyes," in printed and "Chiropractor" in printed
    assert len(events(paula.practice, kind="data.created", about="records.Attachment")) == 1


def test_page_shows_what_is_blank_previews_and_signs(paula):
    page = reverse("chart_letter", args=[paula.chart.pk])
    assert paula.template.name in text_of(paula.site.get(page))
    begun = paula.site.get(page, {"template": paula.template.pk})
    assert "Certificate for Paula Jensen" in begun.content.decode()
    assert "frame-src 'self'" in begun["Content-Security-Policy"]
    begin(paula, "{address} until [[day]]")
    begun = paula.site.get(page, {"template": paula.template.pk})
    assert "Still to be filled in" in text_of(begun) and "Patient's address, day" in text_of(begun)
    letter = {"title": "Certificate", "text": "Fit on [[day]]."}
    preview = paula.site.post(reverse("chart_letter_preview", args=[paula.chart.pk]), letter)
    assert (preview["Content-Type"], preview["X-Frame-Options"]) == ("application/pdf", "SAMEORIGIN")
    assert "Preview: not signed" in words_of(preview) and "Fit on [[day]]." in words_of(preview)
    refused = paula.site.post(page, letter)
    assert "Fill this in first: day." in text_of(refused) and "Fit on [[day]]." in refused.content.decode()
    signed = paula.site.post(page, {"title": "Certificate", "text": "Fit on Monday."})
    with practice_scope(paula.practice.pk):
        kept = Attachment.objects.get()
    assert signed.url == reverse("chart_file", args=[paula.chart.pk, kept.pk])
    assert "<iframe" in paula.site.get(signed.url).content.decode()


def test_templates_are_the_practices_or_ones_own(paula, as_role, enter_as, other_practice, make_user, client_of):
    address = "/api/letter-templates"
    own = post(paula.api, address, {"name": "Mine", "title": "Letter", "text": "{patient}"}).json()
    assert own["shared"] is False
    manager = as_role("admin")
    shared = post(manager, address, {"name": "Ours", "title": "Letter", "text": "{patient}"}).json()
    assert [one["name"] for one in manager.get(address).json()["letterTemplates"]] == [paula.template.name, "Ours"]
    assert manager.get(f"{address}/{own['id']}").status_code == 404
    assert post(manager, address, {"name": "ours", "title": "Letter", "text": "x"}).status_code == 409
    unknown = post(paula.api, address, {"name": "Odd", "title": "Letter", "text": "{patiant} {patient}"})
    assert unknown.json()["errors"] == {"text": ["These fields don't exist: {patiant}."]}
    assert as_role("staff").get(address).status_code == 403
    stranger = client_of(make_user("doctor", practice=other_practice))
    assert stranger.get(f"{address}/{shared['id']}").status_code == 404
    assert stranger.get(f"/api/patients/{paula.chart.pk}/letters/{shared['id']}").status_code == 404
    new, site = reverse("letter-template-new"), enter_as("admin")
    odd = {"name": "Page", "title": "Letter", "text": "{who}"}
    assert "These fields don't exist: {who}." in text_of(site.post(new, odd))
    assert site.post(new, {**odd, "text": "{patient}"}).url == reverse("letter-templates")
    with practice_scope(paula.practice.pk):
        made = next(one for one in LetterTemplate.objects.all() if one.name == "Page")
    assert made.doctor_id is None
    removed = site.post(reverse("letter-template-remove", args=[made.pk]))
    assert removed.url == reverse("letter-templates")
    text = text_of(site.get(removed.url))
    assert "Saved: Page." in text and "Removed: Page." in text
    assert "Page" not in text.replace("Saved: Page.", "").replace("Removed: Page.", "").split("None yet")[0]


def test_walls_hold(paula, make_user, other_practice, enter_as, as_role, client_of):
    page, letter = reverse("chart_letter", args=[paula.chart.pk]), {"title": "Certificate", "text": "Fit."}
    for role in ("admin", "staff", "billing", "patient"):
        assert enter_as(role).get(page).status_code == 403
        assert post(as_role(role), f"/api/patients/{paula.chart.pk}/letters", letter).status_code == 403
    stranger = Client()
    stranger.force_login(make_user("doctor", practice=other_practice))
    assert stranger.get(page).status_code == stranger.post(page, letter).status_code == 404
    with practice_scope(paula.practice.pk):
        Patient.objects.filter(pk=paula.chart.pk).update(restricted=True)
    colleague = make_user("doctor")
    assert post(client_of(colleague), f"/api/patients/{paula.chart.pk}/letters", letter).status_code == 403
    site = Client()
    site.force_login(colleague)
    assert site.post(page, letter).status_code == 403
    with practice_scope(paula.practice.pk):
        assert not Attachment.objects.exists()
