"""A chart on legal hold is kept, deleted or not."""

from django.utils import timezone

from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from core.tenancy.soft_delete import soft_deletable_models
from patients.deletion.services import DELETABLES
from patients.models import Deletion, LegalHold, Patient
from patients.tests.deletion.deleting import REASON, chart_path, delete


def test_hold_is_placed_once_and_lifted_once_also_on_what_is_deleted(admin, practice, made):
    path = f"{chart_path(made.patient)}/legal-hold"
    delete(admin, chart_path(made.patient))

    placed = admin.post(path, {"reason": "Order of the court"}, "application/json")
    assert placed.status_code == 201
    assert placed.json() == {
        "patientId": str(made.patient.pk), "placedAt": placed.json()["placedAt"], "placedById": str(admin.user.pk)
    }  # fmt: skip
    assert admin.get("/api/deleted").json()["deleted"][0]["legalHold"] is True
    assert admin.post(path, {"reason": "Again"}, "application/json").status_code == 409
    assert admin.delete(path).status_code == 204
    assert admin.delete(path).status_code == 409
    assert admin.get("/api/deleted").json()["deleted"][0]["legalHold"] is False
    kinds = (
        whole_trail()
        .filter(kind__startswith="chart.hold", outcome="done")
        .order_by("id")
        .values_list("kind", flat=True)
    )
    assert list(kinds) == ["chart.hold_placed", "chart.hold_lifted"]
    assert not whole_trail().filter(details__contains="court").exists()


def test_restricted_chart_can_be_put_on_hold(admin, practice, made):
    """A hold gives no access."""
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)

    assert admin.post(f"{chart_path(made.patient)}/legal-hold", REASON, "application/json").status_code == 201
    with practice_scope(practice.pk):
        assert LegalHold.objects.count() == 1


def test_hold_comes_too_late_for_a_chart_that_is_being_removed(admin, practice, made):
    delete(admin, chart_path(made.patient))
    with practice_scope(practice.pk):
        Deletion.objects.update(purge_began_at=timezone.now())

    assert admin.post(f"{chart_path(made.patient)}/legal-hold", REASON, "application/json").status_code == 409


def test_every_kind_of_row_that_can_be_deleted_says_who_may():
    assert set(DELETABLES) == {model._meta.label for model in soft_deletable_models()}
    assert len({kind.name for kind in DELETABLES.values()}) == len(DELETABLES)


def test_office_manager_reads_whether_a_chart_is_on_hold_and_why(admin, as_role, practice, made):
    path = f"{chart_path(made.patient)}/legal-hold"
    assert admin.get(path).json() == {"held": False}
    delete(admin, chart_path(made.patient))
    placed = admin.post(path, {"reason": "Order of the court"}, "application/json").json()

    held = {
        "held": True,
        "reason": "Order of the court",
        "placedById": placed["placedById"],
        "placedByName": admin.user.name,
        "placedAt": placed["placedAt"],
    }
    assert admin.get(path).json() == held
    assert whole_trail().filter(kind="chart.read", about_id=made.patient.pk, user_id=admin.user.pk).count() == 2
    with practice_scope(practice.pk):
        Patient.with_deleted.update(restricted=True)
    assert admin.get(path).json() == {**held, "reason": None}
    assert as_role("doctor").get(path).status_code == 403
    admin.delete(path)
    assert admin.get(path).json() == {"held": False}
