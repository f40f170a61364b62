"""Who an event names that a service writes for somebody: whom it acts for, and nobody else afterwards."""

import pytest

from audit import context
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.services import open_chart


def test_events_name_the_person_a_service_acts_for(make_user, practice):
    desk = make_user("staff")
    before = set(whole_trail().values_list("pk", flat=True))

    with practice_scope(practice.pk):
        chart = open_chart(by=desk, name="Ada Lovelace", email="ada@example.com")

    (event,) = whole_trail().exclude(pk__in=before)
    assert (event.user_id, event.role, event.about_id) == (desk.pk, "staff", chart.pk)


def test_origin_is_restored_and_counts_events(make_user):
    somebody, desk = make_user("admin"), make_user("staff")

    with context.coming_from(context.Origin(user_id=somebody.pk, role="admin")) as origin:
        with pytest.raises(ZeroDivisionError), context.done_by(desk):
            context.current().events += 1
            raise ZeroDivisionError
        assert context.current() is origin
        assert (origin.user_id, origin.role, origin.events) == (somebody.pk, "admin", 1)
