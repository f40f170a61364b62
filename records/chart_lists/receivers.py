"""What changes elsewhere mean for a chart's lists, in the same transaction: a changed text changes them, and a deleted
or restored entry changes the text."""

from typing import Any

from django.dispatch import receiver

from accounts.models import User
from patients.deletion.services import post_restore, pre_soft_delete
from patients.models import Patient
from patients.services import chart_texts_changed
from records.chart_lists import services
from records.models import ChartEntry


@receiver(chart_texts_changed)
def follow_text(*, chart: Patient, by: User, **kwargs: Any) -> None:
    services.take_over_texts(chart=chart, by=by)


@receiver(pre_soft_delete, sender=ChartEntry)
def write_text_without(*, row: ChartEntry, by: User, **kwargs: Any) -> None:
    services.write_text_without(entry=row, by=by)


@receiver(post_restore, sender=ChartEntry)
def write_text_with(*, row: ChartEntry, by: User, **kwargs: Any) -> None:
    services.write_text_with(entry=row, by=by)
