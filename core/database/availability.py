"""Errors that say that the database, or the disk that files are on, cannot do its work at the moment. They are answered
with 503; every other error of a database is a mistake of ours."""

import errno
import sqlite3
from typing import Any

from django.db import Error, InterfaceError, OperationalError
from django.utils.translation import gettext_lazy as _

RETRY_AFTER_SECONDS = 5
SENTENCE = _("Praxis can't use its database right now. Please try again in a moment.")
# PostgreSQL's classes of errors: connection, conflict between transactions, resources (a full disk), shutdown, system
_CLASSES = ("08", "40", "53", "57", "58")
_CODES = ("25006", "55P03")  # read-only after a failover; a lock that was not to be waited for
_SQLITE = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
)
_DISK = (errno.ENOSPC, errno.EDQUOT)


def is_unavailable(error: BaseException | None) -> bool:
    """Return whether this may work again in a moment, without a change of the request or of Praxis."""
    if isinstance(error, OSError):
        return error.errno in _DISK
    if not isinstance(error, Error):
        return False
    cause: Any = error.__cause__ or error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE  # the other bytes say more exactly why
    state = getattr(cause, "sqlstate", None)
    if state is None:  # there is no connection to ask
        return isinstance(error, OperationalError | InterfaceError)
    return str(state).startswith(_CLASSES) or state in _CODES
