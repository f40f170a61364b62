"""Logging: structlog writes one JSON object a line to standard error, or readable text in DEBUG.

Our code logs through structlog: a fixed message and chosen values. The standard library's logging is used by libraries,
whose values might hold user input: only the message template is written. Of an exception only types and places are
written, never the message: PostgreSQL quotes the row in it, Python the value.
"""

import logging
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = "site-packages/"
MAX_FRAMES = 40


def set_up(*, debug: bool) -> dict[str, Any]:
    """Return the configuration for LOGGING and gunicorn, and configure structlog."""
    to_formatter: list[Processor] = [structlog.stdlib.filter_by_level, structlog.contextvars.merge_contextvars]
    structlog.configure(
        processors=[*to_formatter, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(not debug)
    logging.raiseExceptions = debug  # otherwise a line that cannot be written is printed with all its values
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": _formatter(debug=debug)},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            "praxis": {"level": "INFO"},  # the prefix of our own loggers
            # What these log is in the line of the request (core/middleware/request_log.py) or of its error.
            "django.request": {"level": "CRITICAL"},
            "django.security": {"level": "CRITICAL"},
            "django.server": {"level": "ERROR"},
            "psycopg.pool": {"level": "ERROR"},  # an attempt a second while the server is away
            "gunicorn.error": {"level": "ERROR", "propagate": True},  # lower levels quote malformed requests
        },
    }


def _formatter(*, debug: bool) -> dict[str, Any]:
    name_and_level = [structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level]
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=not debug)
    without_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if debug:
        last: list[Processor] = [without_meta, structlog.dev.ConsoleRenderer()]
    else:
        last = [_drop_values, _format_exception, without_meta, _as_json]
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "use_get_message": debug,
        "foreign_pre_chain": [structlog.contextvars.merge_contextvars],
        "processors": [*name_and_level, stamp, *last],
    }


def _drop_values(logger: Any, method: str, event: EventDict) -> EventDict:
    """Reduce a library's message to its template. Of Python's warnings only the file and category are kept, of an
    exception in place of a message only its type."""
    record = event["_record"]
    if event["_from_structlog"]:
        return event
    if not isinstance(record.msg, str):
        event["event"] = type(record.msg).__name__
    elif record.name == "py.warnings":
        event["event"] = ": ".join(record.msg.split(": ", 2)[:2])
    return event


def _format_exception(logger: Any, method: str, event: EventDict) -> EventDict:
    raised = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        event["exception"] = _exception_chain(error)
    return event


def _exception_chain(error: BaseException) -> list[dict[str, Any]]:
    """Return the exception and its causes, outermost first, with their types and traceback places."""
    chain: list[dict[str, Any]] = []
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        kind = type(at)
        chain.append({"type": f"{kind.__module__}.{kind.__qualname__}", "at": _places(at.__traceback__)})
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return chain


def _places(at: TracebackType | None) -> list[str]:
    frames = list(traceback.walk_tb(at))[-MAX_FRAMES:]
    return [f"{_short(frame.f_code.co_filename)}:{line} {frame.f_code.co_name}" for frame, line in frames]


def _short(file: str) -> str:
    return file.rpartition(PACKAGES)[2] if PACKAGES in file else file.removeprefix(f"{ROOT}/")


def _as_json(logger: Any, method: str, event: EventDict) -> str:
    return orjson.dumps(event, default=_name_of_type, option=orjson.OPT_NON_STR_KEYS).decode()


def _name_of_type(value: Any) -> str:
    return type(value).__name__
