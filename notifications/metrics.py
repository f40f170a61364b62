"""What a Prometheus reads of the worker: how much is waiting, how late it is, what has gone wrong."""

from collections.abc import Iterator

from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily, Metric

from core.monitoring.gauges import gauge, gauges
from core.tenancy.scope import installation_scope
from notifications.jobs.status import lateness
from notifications.models import Job, JobState

# Those done are many, and all well.
COUNTED_STATES = (JobState.WAITING, JobState.RUNNING, JobState.FAILED, JobState.UNCERTAIN)


@gauges
def _jobs() -> Iterator[Metric]:
    family = GaugeMetricFamily("praxis_jobs", "Background jobs by state; failed ones of 90 days.", labels=["state"])
    with installation_scope():
        rows = (
            Job.objects.filter(state__in=COUNTED_STATES)
            .values_list("state")
            .annotate(number=Count("pk"))
            .order_by("state")
        )
        numbers = dict(rows)
    for state in COUNTED_STATES:
        family.add_metric([state.value], numbers.get(state, 0))
    yield family


@gauges
def _lateness() -> Iterator[Metric]:
    late = lateness()
    yield gauge(
        "praxis_queue_age_seconds", "How long the job that is due longest has been waiting.", late.queue.total_seconds()
    )
    yield gauge(
        "praxis_worker_lag_seconds",
        "How late the worker's schedule is; missing if no worker has ever run.",
        None if late.schedule is None else late.schedule.total_seconds(),
    )
