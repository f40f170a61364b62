"""No manager, relation, list or API route shows a deleted row of any model. New models and routes are picked up
automatically."""

import io
import zipfile

import pytest
from django.apps import apps

from core.tenancy.scope import practice_scope
from core.tenancy.soft_delete import NotDeletedManager, SoftDeletable, set_deletion, soft_deletable_models
from patients.deletion.services import DELETABLES, delete
from patients.models import Deletion
from patients.tests.chart_with_all import chart_with_all
from tests.guards.rows import LOGGED, NAMES, Rows, rolled_back
from tests.guards.test_routes import LET_IN
from tests.sampling import sample

pytestmark = pytest.mark.production  # walks every address and page

ID_OF = {
    "patient": "chart_id",
    "appointment": "appointment_id",
    "record": "record_id",
    "session": "note_id",
    "plan": "plan_id",
    "chartEntry": "chart_entry_id",
    "measure": "measure_id",
    "bodyChart": "body_chart_id",
    "form": "form_id",
    "attachment": "attachment_id",
}
SHOWS_DELETED_ROWS = {
    "api/deleted": "the list of what is deleted",
    "api/audit": "the trail lists what was done with it, by id",
    "api/emergency-accesses": "an emergency access awaits review even if the chart was deleted",
    "api/patients/<uuid:chart_id>/legal-hold": "placed on a deleted chart too, for it decides what is purged",
}
READ = [path for method, path in LOGGED if method == "GET" and path not in SHOWS_DELETED_ROWS]


@pytest.fixture
def made(practice, make_user):
    with practice_scope(practice.pk):
        return chart_with_all(make_user("doctor"))


def test_only_the_deleted_manager_returns_deleted_rows(subtests, practice, made, make_user):
    with practice_scope(practice.pk):
        deletion = Deletion.objects.create(
            patient=made.patient, about="x.Y", about_id=made.patient.pk, deleted_by=make_user("admin"), reason="-"
        )

    for model in soft_deletable_models():
        with subtests.test(model=model.__name__), rolled_back(), practice_scope(practice.pk):
            set_deletion(model.objects.all(), deletion)

            assert not model.objects.exists() and not model._default_manager.exists()
            assert model.with_deleted.count() == model.with_deleted.filter(deletion=deletion).count() > 0
            assert isinstance(model.objects, NotDeletedManager) and not isinstance(
                model.with_deleted, NotDeletedManager
            )


def test_relations_skip_deleted_rows(practice, made, make_user):
    named = [
        (row, relation.get_accessor_name())
        for row in vars(made).values()
        for relation in row._meta.related_objects
        if issubclass(relation.related_model, SoftDeletable) and relation.get_accessor_name()
    ]
    with practice_scope(practice.pk):
        before = {name for row, name in named if getattr(row, name).exists()}
        delete(by=make_user("admin"), row=made.patient, reason="By mistake")

        assert before
        assert not {name for row, name in named if getattr(row, name).exists()}


def test_every_deletable_model_has_a_kind_and_a_route():
    assert {kind.name for kind in DELETABLES.values()} == set(ID_OF)
    for kind in DELETABLES.values():
        assert any(f"<uuid:{ID_OF[kind.name]}>" in path for method, path in LET_IN if method == "DELETE")
        assert any(path.endswith(f"<uuid:{ID_OF[kind.name]}>/restore") for _, path in LET_IN)


def body_of(answer):
    """Return the whole body, including the files of a ZIP."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if not body.startswith(b"PK"):
        return body
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


@pytest.mark.slow  # walks all that is read, for each kind
@pytest.mark.parametrize("role", sample(["admin", "doctor", "staff", "billing"], 2))
def test_no_route_shows_deleted_rows(subtests, as_role, make_user, practice, role):
    """Routes with its id answer 404; no other response contains the id."""
    rows, reader, manager = Rows(practice, make_user), as_role(role), make_user("admin")
    may_read = [path for path in READ if NAMES[role] in LET_IN[("GET", path)]]
    shown = [path for path in may_read if _answer(reader, rows, path).status_code == 200]
    assert shown

    for label, kind in DELETABLES.items():
        with subtests.test(kind=kind.name), rolled_back():
            row_id = str(rows.ids[ID_OF[kind.name]])
            with practice_scope(practice.pk):
                row = apps.get_model(label).objects.get(pk=row_id)
                delete(by=manager, row=row, reason="By mistake")

            for path in shown:
                answer = _answer(reader, rows, path)
                assert answer.status_code == (404 if kind.name in _needs(path) else 200), path
                assert row_id.encode() not in body_of(answer), path


def _answer(client, rows, path):
    query = f"?patientId={rows.chart.pk}" if path == "api/sessions/last-finalised" else ""
    return client.get(rows.address(path).partition("?")[0] + query)


def _needs(path):
    """Return the kinds whose row must not be deleted for this route: a chart's content needs the chart."""
    kinds = {kind for kind, name in ID_OF.items() if f"<uuid:{name}>" in path}
    kinds |= {"session"} if path == "api/sessions/last-finalised" else set()
    of_patient = any(f"<uuid:{name}>" in path for name in ("entry_id", "invoice_id", "payment_id"))
    return kinds | {"patient"} if kinds or of_patient else kinds
