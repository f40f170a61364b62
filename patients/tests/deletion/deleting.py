"""What the tests of deletions ask of a client, and of a practice."""

from datetime import timedelta

import orjson
from django.utils import timezone

from core.tenancy.scope import practice_scope
from core.tenancy.soft_delete import soft_deletable_models
from patients.models import Deletion

REASON = {"reason": "Opened twice by mistake, says Ada"}
MISSING = {"detail": "Patient not found."}


def delete(client, path, body=REASON):
    return client.delete(path, orjson.dumps(body), content_type="application/json")


def chart_path(chart):
    return f"/api/patients/{chart.pk}"


def restore(client, path):
    return client.post(f"{path}/restore")


def age(practice, days):
    with practice_scope(practice.pk):
        Deletion.objects.update(created_at=timezone.now() - timedelta(days=days))


def everything(practice):
    """Return every row of every model, without `updated_at`."""
    with practice_scope(practice.pk):
        return {model._meta.label: list(model.objects.order_by("pk").values()) for model in soft_deletable_models()}
