"""kill -9 while two desks issue invoices, real processes: their numbers have no gap, and each is charged once."""

import os
import random
import subprocess
import sys
from contextlib import ExitStack
from itertools import islice

import pytest

from tests import sampling
from tests.server import ROOT, Server, own_database, own_redis

pytestmark = [pytest.mark.production, pytest.mark.slow]  # processes are started and killed

DRAFTS = 40
PREPARE = """
import django
django.setup()
from decimal import Decimal
from accounts.tests.factories import UserFactory
from audit.context import by_command
from billing.invoices import services as invoices
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.tests.factories import PracticeFactory
"""
SEED = f"""{PREPARE}
by_command("seed")
practice = PracticeFactory()
with practice_scope(practice.pk):
    biller, chart = UserFactory(role="billing"), PatientFactory()
    line = {{"description": "Massage", "unit_price": Decimal("100.00")}}
    for _ in range({DRAFTS}):
        invoices.write_draft(by=biller, patient_id=chart.pk, lines=[line])
print(practice.pk, biller.pk)
"""
ISSUE = f"""{PREPARE}
import sys
from uuid import UUID
from accounts.models import User
from billing.models import Invoice
from core.errors import Refusal

by_command("issue")
with practice_scope(UUID(sys.argv[1])):
    biller = User.objects.get(pk=sys.argv[2])
    for pk in Invoice.objects.filter(issued_at=None).order_by("?").values_list("pk", flat=True):
        try:
            print(invoices.issue(by=biller, invoice_id=pk).sequence, flush=True)
        except Refusal:  # the other desk has issued it
            pass
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("killed")
    with own_database(directory) as database_url:
        server = Server(directory, database_url, own_redis(), changes={"DJANGO_SETTINGS_MODULE": "config.settings"})
        server.prepare()
        yield server


def test_numbers_have_no_gap_whoever_is_killed(server):
    environment = {**os.environ, **server.environment, "PYTHONPATH": str(ROOT)}

    def started(script, *arguments):
        command = [sys.executable, "-c", script, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)

    with started(SEED) as seeding:
        clinic = seeding.stdout.read().split()
    chance, said = random.Random(sampling.SEED), set()
    for _ in range(2):
        with ExitStack() as stack:
            desks = [stack.enter_context(started(ISSUE, *clinic)) for _ in range(2)]
            for desk in desks:
                said |= {int(line) for line in islice(desk.stdout, chance.randint(1, 5))}
                desk.kill()
                said |= {int(line) for line in desk.stdout if line.endswith("\n")}
    with started(ISSUE, *clinic) as last:
        said |= {int(line) for line in last.stdout}
        assert last.wait() == 0

    numbers = [number for (number,) in server.rows("SELECT sequence FROM billing_invoice ORDER BY sequence")]
    assert numbers == list(range(1, DRAFTS + 1)) and said <= set(numbers)
    assert server.rows("SELECT count(DISTINCT invoice_id), count(*) FROM billing_ledgerentry") == [(DRAFTS, DRAFTS)]
