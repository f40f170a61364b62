"""The trail as a test reads and writes it: of every practice, whatever scope is open."""

from audit import trail
from audit.models import Event
from core.tenancy import InstallationQuerySet, installation_scope

record = installation_scope()(trail.record)


def whole_trail():
    return InstallationQuerySet(Event)
