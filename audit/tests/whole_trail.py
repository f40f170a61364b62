"""The trail as a test reads and writes it: of every practice, whatever scope is open."""

from audit import log
from audit.models import Event
from core.tenancy.managers import InstallationQuerySet
from core.tenancy.scope import installation_scope

record = installation_scope()(log.record)


def whole_trail():
    return InstallationQuerySet(Event)
