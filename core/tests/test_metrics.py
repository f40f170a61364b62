"""/metrics: what it counts, that no label tells of anybody, and who may read it."""

import queue
import re
import shutil
import subprocess
from datetime import timedelta

import orjson
import pytest
import yaml
from django.conf import settings as project
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from audit.models import Event
from core.api import health
from core.backups import runs
from core.backups.models import RunKind
from core.cache import redis_client
from core.metrics import traces
from core.metrics.requests import COUNTED
from core.monitoring import gauges, shared
from core.tenancy.scope import installation_scope
from integrations.tests.speaking import answer as reply
from integrations.tests.speaking import speaking
from notifications.models import Job, JobState, Schedule

PROMTOOL = shutil.which("promtool") or ""
MONITORING = project.BASE_DIR / "docs" / "monitoring"
TOKEN = "A-token-of-monitoring-Xy7Kq2Lm9Pw4"


def read(client=None, **headers):
    """Return the samples of /metrics: (name, labels) → value."""
    answer = (client or Client()).get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.content[:200]
    families = text_string_to_metric_families(answer.content.decode())
    return {(sample.name, *sorted(sample.labels.items())): sample.value for one in families for sample in one.samples}


def number(samples, name, **labels):
    return samples.get((name, *sorted(labels.items())), 0)


def test_requests_are_counted_by_the_pattern_of_their_route(as_role, db):
    staff, chart = as_role("staff"), "0199f4b0-0000-7000-8000-00000000aaaa"
    route = {"method": "GET", "route": "/api/patients/<uuid:chart_id>", "status": "404"}
    before = read()
    for path in (f"/api/patients/{chart}", f"/api/patients/{chart}", "/Ottilie/Zwq", "/api/Ottilie?name=Zwq"):
        staff.get(path)
    after = read()
    assert number(after, "praxis_requests_total", **route) - number(before, "praxis_requests_total", **route) == 2
    timed = "praxis_request_seconds_count"
    assert number(after, timed, route=route["route"]) - number(before, timed, route=route["route"]) == 2
    assert not [key for key in after if re.search("Ottilie|Zwq|aaaa", str(key))]


def test_words_that_a_client_makes_up_are_one_label(db):
    client = Client()
    for word in ("FROB", "ZWQ"):
        client.generic(word, "/api/health/live")
    methods = {dict(key[1:])["method"] for key in read() if key[0] == "praxis_requests_total"}
    assert "other" in methods
    assert not {"FROB", "ZWQ"} & methods


def test_sign_ins_and_lockouts_are_counted(make_user, db):
    user, before = make_user("staff", email="zoe@example.org"), read()
    for _ in range(6):
        Client().post(
            "/api/auth/login", {"email": user.email, "password": "wrong-password"}, content_type="application/json"
        )
    after = read()
    gained = {
        result: number(after, "praxis_sign_ins_total", result=result)
        - number(before, "praxis_sign_ins_total", result=result)
        for result in ("succeeded", "failed", "locked_out")
    }
    assert (gained["succeeded"], gained["failed"]) == (0, 5)
    assert gained["locked_out"] >= 1


def test_queue_and_worker_are_told_with_as_many_statements_whatever_there_is(practice):
    now = timezone.now()
    read()
    with CaptureQueriesContext(connection) as few:
        read()
    with installation_scope():
        Schedule.objects.all().delete()
        Schedule.objects.create(name="audit.seal", next_run_at=now - timedelta(minutes=7))
        for _ in range(3):
            Job.objects.create(name="test.metrics", run_at=now - timedelta(minutes=20))
        Job.objects.create(name="test.metrics", state=JobState.FAILED, finished_at=now)
    with CaptureQueriesContext(connection) as more:
        samples = read()
    assert len(more) == len(few)
    assert len(more) < 20
    assert number(samples, "praxis_jobs", state="waiting") == 3
    assert number(samples, "praxis_jobs", state="failed") == 1
    assert 1190 < number(samples, "praxis_queue_age_seconds") < 1300
    assert 410 < number(samples, "praxis_worker_lag_seconds") < 500
    assert number(samples, "praxis_database_up") == 1


def test_age_of_what_no_seal_covers(as_role, db):
    as_role("staff").get("/api/patients")
    assert 0 < number(read(), "praxis_trail_unsealed_seconds") < 600


def test_last_backup(db):
    samples = read()
    assert number(samples, "praxis_backup_known") == 0
    assert ("praxis_backup_timestamp_seconds",) not in samples
    moment = timezone.now()
    runs.record(RunKind.BACKUP, name="one", began_at=moment, is_good=True)
    samples = read()
    assert number(samples, "praxis_backup_known") == 1
    assert number(samples, "praxis_backup_timestamp_seconds") == pytest.approx(moment.timestamp(), abs=1)


def test_messages_are_counted_where_every_worker_counts(db):
    if not redis_client.configured():
        pytest.skip("counted in Redis")
    for _ in range(2):
        shared.count_message("sms", "failed")
    assert number(read(), "praxis_messages_total", channel="sms", status="failed") == 2


def test_a_part_that_fails_leaves_the_others(db, monkeypatch):
    def broken():
        raise DatabaseError

    monkeypatch.setattr(gauges, "unsealed_seconds", broken)
    samples = read()
    assert ("praxis_trail_unsealed_seconds",) not in samples
    assert number(samples, "praxis_database_up") == 1


def test_programs_on_this_machine_may_read_and_nobody_else(db, settings):
    assert Client().get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="::1").get("/metrics").status_code == 200
    for other in ({"REMOTE_ADDR": "10.0.0.7"}, {"REMOTE_ADDR": "203.0.113.9"}, {"REMOTE_ADDR": ""}):
        assert Client(**other).get("/metrics").status_code == 404
    # a proxy on this machine, whether it is known to Praxis or not
    for header in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via", "X-Forwarded-Host"):
        assert Client().get("/metrics", headers={header: "127.0.0.1"}).status_code == 404, header
    settings.METRICS_TOKEN = TOKEN
    for wrong in ({}, {"Authorization": "Bearer no"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": TOKEN}):
        assert Client().get("/metrics", headers=wrong).status_code == 404
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "FROB"):  # a page that is not there answers 404 to all of them
        assert Client(enforce_csrf_checks=True).generic(method, "/metrics").status_code == 404, method
    afar = Client(REMOTE_ADDR="10.0.0.7")
    assert read(afar, Authorization=f"Bearer {TOKEN}")
    assert afar.post("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405


def test_being_signed_in_opens_nothing(as_role, db):
    client = as_role("admin")
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.7").status_code == 404


def test_it_is_read_past_the_proxy_without_tls(db, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/metrics").status_code == 200


def test_ready_says_that_nothing_can_be_written(db, monkeypatch):
    health.writing.reset()
    assert Client().get("/api/health/ready").json()["checks"]["writing"] == "ok"

    def full(**columns):
        raise health.AuditLogUnavailable

    monkeypatch.setattr("audit.log._insert", full)
    assert Client().get("/api/health/ready").status_code == 200, "asked again within seconds"
    health.writing.reset()
    answer = Client().get("/api/health/ready")
    assert (answer.status_code, answer.json()["checks"]["writing"]) == (503, "failing")
    assert Client().get("/api/health/live").status_code == 200
    monkeypatch.undo()
    health.writing.reset()
    assert Client().get("/api/health/ready").status_code == 200


def test_trying_to_write_leaves_nothing(db):
    with installation_scope():
        before = Event.objects.count()
    health.writing.reset()
    assert Client().get("/api/health/ready").status_code == 200
    with installation_scope():
        assert Event.objects.count() == before


# --- docs/monitoring --------------------------------------------------------------------------------------------------


def exposed():
    """Return the names of all metrics, whether they have a value now or not."""
    found = {one._name for one in COUNTED}  # type: ignore[attr-defined]
    found |= {family.name for family in gauges.Gauges().collect()}
    return found


def base_name(name, known):
    """Return a metric's name without what the format adds to it."""
    parts = (name, *(name.removesuffix(end) for end in ("_total", "_bucket", "_count", "_sum")))
    return next((part for part in parts if part in known), name)


def names_in(expression):
    return set(re.findall(r"\bpraxis_\w+", expression))


def test_dashboard_and_alerts_ask_for_what_there_is(db):
    known = exposed()
    dashboard = yaml.safe_load((MONITORING / "dashboard.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    rules = alert_rules()
    asked = set().union(*map(names_in, [*expressions, *(rule["expr"] for rule in rules)]))
    assert {name for name in asked if base_name(name, known) not in known} == set()
    assert {name for name in known if name not in {base_name(one, known) for one in asked}} == set(), "watched by none"


def alert_rules():
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed (apt install prometheus)")
def test_prometheus_takes_the_rules_and_each_is_raised_by_what_it_says():
    for check in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([PROMTOOL, *check], cwd=MONITORING, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_test_of_the_rules_names_each_alert():
    raised = (MONITORING / "alerts_test.yml").read_text()
    assert {rule["alert"] for rule in alert_rules()} == set(re.findall(r'alertname="(\w+)"', raised))


def test_each_alert_is_whole_and_has_its_line_in_the_runbook():
    runbook = (project.BASE_DIR / "docs" / "operations.md").read_text()
    rules = alert_rules()
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 12
    for rule in rules:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert re.fullmatch(r"\d+[smh]", rule["for"])
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert f"| `{rule['alert']}` |" in runbook, rule["alert"]
    written = set(re.findall(r"^\| `(Praxis\w+)` \|", runbook, re.MULTILINE))
    assert written == {rule["alert"] for rule in rules}


def test_each_request_is_a_span_where_a_collector_is_named(as_role, settings, monkeypatch):
    """Of what was typed nothing is in it; a collector that is away keeps nobody waiting."""
    exporter = traces.Exporter("http://127.0.0.1:1/")
    monkeypatch.setattr(traces, "exporter", lambda: exporter)
    monkeypatch.setattr(traces, "PAUSE", 0.01)
    caller, parent = as_role("staff"), f"00-{'a' * 32}-{'b' * 16}-01"
    caller.get("/api/patients?search=Zwq-marked")
    assert exporter.spans.empty(), "by choice"
    settings.TRACES_URL = "http://127.0.0.1:1"
    answer = caller.get("/api/patients?search=Zwq-marked", headers={"traceparent": parent})
    caller.get("/api/nowhere/Zwq-marked", headers={"traceparent": "00-Zwq-marked"})
    first, second = exporter.gathered()
    assert (first["traceId"], first["parentSpanId"], first["name"]) == ("a" * 32, "b" * 16, "GET /api/patients")
    assert "parentSpanId" not in second and len(second["traceId"]) == 32
    said = {one["key"]: one["value"] for one in first["attributes"]}
    assert said["praxis.request_id"] == {"stringValue": answer["X-Request-ID"]}
    assert said["http.response.status_code"] == {"intValue": "200"}
    assert int(first["endTimeUnixNano"]) > int(first["startTimeUnixNano"])
    with speaking(reply(200), reply(503)) as collector:
        exporter.url = f"{collector.url}/v1/traces"
        exporter.send([first, second])
        exporter.send([first])
    (sent, _again) = collector.requests
    assert sent.startswith(b"POST /v1/traces ") and b"Zwq-marked" not in sent
    assert orjson.loads(sent.partition(b"\r\n\r\n")[2])["resourceSpans"][0]["scopeSpans"][0]["spans"] == [first, second]
    assert not exporter.is_heard
    exporter.url = "http://127.0.0.1:1/v1/traces"
    exporter.send([first])
    monkeypatch.setattr(exporter, "spans", queue.Queue(1))
    for _ in range(3):
        exporter.add(first)
    assert exporter.spans.qsize() == 1
