"""Who may use the admin site, and what they may do there."""

import pytest
from django.contrib import admin
from django.urls import reverse

from core.admin.base import PracticeModelAdmin
from core.tenancy.scope import practice_scope
from patients.models import Patient

LISTS = [
    "admin:patients_patient_changelist",
    "admin:appointments_appointment_changelist",
    "admin:records_medicalrecord_changelist",
    "admin:records_sessionnote_changelist",
    "admin:records_planofcare_changelist",
    "admin:records_attachment_changelist",
    "admin:accounts_user_changelist",
    "admin:practices_office_changelist",
]
ROWS = {
    "patients_patient": "chart",
    "appointments_appointment": "appointment",
    "records_medicalrecord": "record",
    "records_sessionnote": "note",
    "records_planofcare": "plan",
    "records_attachment": "file",
    "patients_emergencyaccess": "emergency",
    "accounts_user": "doctor",
    "practices_office": "office",
    "practices_practice": "practice",
    "accounts_joincode": "join_code",
    "accounts_invitation": "invitation",
    "appointments_appointmenttype": "kind",
    "appointments_room": "room",
    "appointments_workinghours": "hours",
    "appointments_scheduleexception": "time_off",
    "patients_deletion": "deletion",
    "notifications_job": "job",
    "notifications_webhook": "webhook",
}
MANAGERS_ONLY = ["patients_emergencyaccess", "accounts_user", "accounts_invitation", "accounts_joincode"]
MANAGERS_ONLY += ["patients_deletion", "notifications_job", "notifications_webhook"]
ADDABLE_AND_CHANGEABLE = ["patients_patient", "appointments_appointment", "accounts_user", "practices_office"]
SCHEDULES = [
    "appointments_appointmenttype",
    "appointments_room",
    "appointments_workinghours",
    "appointments_scheduleexception",
]
MAY_ADD = [*ADDABLE_AND_CHANGEABLE, *SCHEDULES, "accounts_joincode", "accounts_invitation", "notifications_webhook"]
INVITED = "accounts_user"  # "Add" leads to the invitation
MAY_CHANGE = [*ADDABLE_AND_CHANGEABLE, *SCHEDULES, "practices_practice", "records_attachment", "notifications_webhook"]
DELETABLE = [
    "patients_patient",
    "appointments_appointment",
    "records_medicalrecord",
    "records_sessionnote",
    "records_planofcare",
    "records_attachment",
]


@pytest.mark.slow  # opens every page of the admin site
@pytest.mark.parametrize("role", ["admin", "staff", "doctor"])
def test_clinic_sees_every_list_and_page(enter_as, own, role):
    client = enter_as(role)
    assert client.get(reverse("admin:index")).status_code == 200
    for address in LISTS:
        hidden = role != "admin" and address == "admin:accounts_user_changelist"
        assert client.get(reverse(address)).status_code == (403 if hidden else 200)
    for model, row in ROWS.items():
        status = 403 if role != "admin" and model in MANAGERS_ONLY else 200
        assert client.get(reverse(f"admin:{model}_change", args=[getattr(own, row).pk])).status_code == status
    assert (
        "Diagnosis Ownwood"
        in client.get(reverse("admin:records_medicalrecord_change", args=[own.record.pk])).content.decode()
    )


@pytest.mark.slow  # opens every page of the admin site
@pytest.mark.parametrize("role", ["staff", "doctor"])
def test_staff_and_doctors_have_read_only_access(enter_as, own, role):
    client = enter_as(role)
    for model, row in ROWS.items():
        address = reverse(f"admin:{model}_change", args=[getattr(own, row).pk])
        assert b'name="_save"' not in client.get(address).content
        assert client.post(address, {"name": "Changed"}).status_code == 403
    for model in MAY_ADD:
        assert client.get(reverse(f"admin:{model}_add")).status_code == 403
        assert client.post(reverse(f"admin:{model}_add"), {}).status_code == 403


def test_front_desk_confirms_registrations(enter_as, own):
    client = enter_as("staff")
    assert b"Confirm as new" in client.get(reverse("admin:patients_patient_change", args=[own.pending.pk])).content
    assert client.post(reverse("admin:patients_patient_confirm", args=[own.pending.pk])).status_code == 302
    with practice_scope(own.practice.pk):
        assert Patient.objects.get(pk=own.pending.pk).status == "confirmed"


@pytest.mark.slow  # opens every page of the admin site
def test_office_manager_adds_changes_and_needs_a_reason_to_delete(enter_as, own):
    client = enter_as("admin")
    for model, row in ROWS.items():
        pk = getattr(own, row).pk
        page = client.get(reverse(f"admin:{model}_change", args=[pk]))
        assert (b'name="_save"' in page.content) == (model in MAY_CHANGE)
        added = client.get(reverse(f"admin:{model}_add")).status_code
        assert added == (302 if model == INVITED else 200 if model in MAY_ADD else 403)
        deleted = client.post(reverse(f"admin:{model}_delete", args=[pk]), {"post": "yes"})
        assert deleted.status_code == (200 if model in DELETABLE else 403)  # 200: asks for a reason
    bulk = {"action": "delete_selected", "_selected_action": [str(own.chart.pk)], "post": "yes"}
    client.post(reverse("admin:patients_patient_changelist"), bulk)
    with practice_scope(own.practice.pk):
        assert Patient.objects.filter(pk=own.chart.pk).exists()
        for model in DELETABLE:
            assert getattr(own, ROWS[model]).__class__.objects.filter(pk=getattr(own, ROWS[model]).pk).exists()


@pytest.mark.slow  # opens every page of the admin site
def test_lists_show_only_the_own_practice(enter_as, own, foreign):
    client = enter_as("admin")
    for address in [reverse("admin:index"), *map(reverse, LISTS)]:
        page = client.get(address).content.decode()
        assert "Foreignson" not in page
        assert foreign.practice.name not in page
    assert "Ann Ownwood" in client.get(reverse("admin:patients_patient_changelist")).content.decode()


@pytest.mark.parametrize("model", ROWS)
def test_rows_of_another_practice_do_not_exist(enter_as, own, foreign, model):
    client = enter_as("admin")
    foreign_id = getattr(foreign, ROWS[model]).pk
    address = reverse(f"admin:{model}_change", args=[foreign_id])
    assert client.get(address).status_code == 404
    assert client.get(reverse(f"admin:{model}_history", args=[foreign_id])).status_code == 404
    # what the role may never do answers 403, as for a row of its own practice
    assert client.post(address, {"name": "Taken over"}).status_code == (404 if model in MAY_CHANGE else 403)
    deleted = client.post(reverse(f"admin:{model}_delete", args=[foreign_id]), {"post": "yes"})
    assert deleted.status_code == (404 if model in DELETABLE else 403)
    assert client.get(reverse(f"admin:{model}_change", args=["no-id"])).status_code == 404


def test_foreign_registration_cannot_be_confirmed(enter_as, own, foreign):
    client = enter_as("admin")
    assert client.post(reverse("admin:patients_patient_confirm", args=[foreign.pending.pk])).status_code == 404
    bulk = {"action": "confirm_registrations", "_selected_action": [str(foreign.pending.pk)]}
    client.post(reverse("admin:patients_patient_changelist"), bulk)
    with practice_scope(foreign.practice.pk):
        assert Patient.objects.get(pk=foreign.pending.pk).status == "pending"


def test_forms_and_suggestions_offer_no_foreign_people(enter_as, own, foreign):
    client = enter_as("admin")
    page = client.get(reverse("admin:appointments_appointment_add")).content.decode()
    assert "Dr Ownwood" in page and "Foreignson" not in page
    asked = {"app_label": "appointments", "model_name": "appointment", "field_name": "patient"}
    for term in ("ann", ""):
        answer = client.get(reverse("admin:autocomplete"), {**asked, "term": term}).json()
        assert any(result["text"].startswith("Ann Ownwood, born ") for result in answer["results"])
        assert not any("Foreignson" in result["text"] for result in answer["results"])

    answer = client.post(
        reverse("admin:appointments_appointment_add"),
        {
            "patient": str(foreign.chart.pk),
            "doctor": str(foreign.doctor.pk),
            "starts_at_0": "2031-01-06",
            "starts_at_1": "09:00",
            "reason": "Back pain",
            "notes": "",
        },
    )
    assert answer.status_code == 200
    assert set(answer.context["adminform"].form.errors) == {"patient", "doctor"}


def test_extra_pages_of_unfold_and_django_are_closed(enter_as, own):
    client = enter_as("admin")
    assert client.get(reverse("admin:search"), {"s": "ann"}).status_code == 404
    assert client.get(f"/admin/r/1/{own.chart.pk}/").status_code == 404
    assert client.get("/admin").url == "/admin/"


@pytest.mark.parametrize("query", ["name=x", "name__isnull=1", "search_index__has_all=1", "practice__name=x", "o=1.-3"])
def test_address_filters_and_sorts_by_nothing_encrypted(enter_as, own, query):
    client = enter_as("admin")
    answer = client.get(f"{reverse('admin:patients_patient_changelist')}?{query}")
    assert answer.status_code == (200 if query.startswith("o=") else 400)
    if answer.status_code == 200:
        assert answer.context["cl"].queryset.query.order_by == ("-id",)


def test_site_registers_only_practice_admins():
    assert {model._meta.label_lower.replace(".", "_") for model in admin.site._registry} == set(ROWS)
    assert all(isinstance(model_admin, PracticeModelAdmin) for model_admin in admin.site._registry.values())


def test_invalid_id_is_not_a_server_error(enter_as, own):
    client = enter_as("admin")
    add = reverse("admin:appointments_appointment_add")
    suggestions = {"app_label": "appointments", "model_name": "appointment", "field_name": "patient"}
    assert client.post(add, {"patient": "abc", "doctor": "abc"}).status_code == 400
    assert client.get(reverse("admin:autocomplete"), {**suggestions, "page": "abc"}).status_code == 404
    assert client.get(reverse("admin:autocomplete"), {**suggestions, "field_name": "status"}).status_code == 403
    charts = reverse("admin:patients_patient_changelist")
    bulk = {"action": "confirm_registrations", "_selected_action": ["abc"]}
    assert client.post(charts, bulk).status_code == 400
    for query in (
        {"p": "abc"},
        {"p": "999"},
        {"q": "x" * 5000},
        {"status__exact": "abc"},
        {"o": "9.x"},
    ):
        assert client.get(charts, query, follow=True).status_code == 200, query
