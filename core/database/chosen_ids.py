"""Rows whose id a page has chosen, so that what is sent twice is done once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from core.errors import Conflict

ID_TAKEN = _("This page is out of date. Reload the page and try again.")


@contextmanager
def chosen_id(pk: Any) -> Iterator[None]:
    """Run what creates the row. Raises Conflict if the id is another row's, of whatever practice."""
    if pk is None:
        yield
        return
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise Conflict(ID_TAKEN) from error
