"""How a log line is written: by structlog, one JSON object on standard error; in DEBUG for a person to read.

Our own code logs through structlog: an event in fixed words, and named values that were chosen to be told. Whatever
comes through the standard library's logging is a library's and might hold what a caller typed: its fixed words are
written, the values it would put into them are not. Of an exception the type and the places are written, never its
message: PostgreSQL quotes the row in it, Python the value.
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
MOST_FRAMES = 40


def set_up(*, debug: bool) -> dict[str, Any]:
    """What Django's LOGGING and gunicorn's take; structlog is configured by the way."""
    to_formatter: list[Processor] = [structlog.stdlib.filter_by_level, structlog.contextvars.merge_contextvars]
    structlog.configure(
        processors=[*to_formatter, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(not debug)
    logging.raiseExceptions = debug  # a line that cannot be written would be told with all that it holds
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": _formatter(debug=debug)},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            "praxis": {"level": "INFO"},  # what our own loggers' names begin with
            # What they would tell is in the line of the request (core/middleware.py) or in that of its error.
            "django.request": {"level": "CRITICAL"},
            "django.security": {"level": "CRITICAL"},
            "django.server": {"level": "ERROR"},
            "gunicorn.error": {"level": "ERROR", "propagate": True},  # below it quotes requests that are none
        },
    }


def _formatter(*, debug: bool) -> dict[str, Any]:
    name_and_level = [structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level]
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=not debug)
    without_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if debug:
        ending: list[Processor] = [without_meta, structlog.dev.ConsoleRenderer()]
    else:
        ending = [_only_fixed_words, _only_places_of_exception, without_meta, _as_json]
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "use_get_message": debug,
        "foreign_pre_chain": [structlog.contextvars.merge_contextvars],
        "processors": [*name_and_level, stamp, *ending],
    }


def _only_fixed_words(logger: Any, method: str, event: EventDict) -> EventDict:
    """A library's message before the values are put into it. Python's warnings come as one text, file and category
    first; an exception in the place of a message is told by its type."""
    record = event["_record"]
    if event["_from_structlog"]:
        return event
    if not isinstance(record.msg, str):
        event["event"] = type(record.msg).__name__
    elif record.name == "py.warnings":
        event["event"] = ": ".join(record.msg.split(": ", 2)[:2])
    return event


def _only_places_of_exception(logger: Any, method: str, event: EventDict) -> EventDict:
    raised = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        event["exception"] = _story_of(error)
    return event


def _story_of(error: BaseException) -> list[dict[str, Any]]:
    """The exception and those that led to it, the outermost first: type, and where it passed."""
    story: list[dict[str, Any]] = []
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        kind = type(at)
        story.append({"type": f"{kind.__module__}.{kind.__qualname__}", "at": _places(at.__traceback__)})
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return story


def _places(at: TracebackType | None) -> list[str]:
    frames = list(traceback.walk_tb(at))[-MOST_FRAMES:]
    return [f"{_short(frame.f_code.co_filename)}:{line} {frame.f_code.co_name}" for frame, line in frames]


def _short(file: str) -> str:
    return file.rpartition(PACKAGES)[2] if PACKAGES in file else file.removeprefix(f"{ROOT}/")


def _as_json(logger: Any, method: str, event: EventDict) -> str:
    return orjson.dumps(event, default=_name_of_type, option=orjson.OPT_NON_STR_KEYS).decode()


def _name_of_type(value: Any) -> str:
    return type(value).__name__
