"""Command-line arguments shared by the audit commands."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from uuid import UUID


def add_span(parser: ArgumentParser) -> None:
    parser.add_argument("--practice", type=UUID, metavar="ID", help="only the trail of this practice")
    parser.add_argument(
        "--since",
        type=_moment,
        metavar="DATE",
        help="only what was sealed at this time (UTC) or later: 2026-11-21, 2026-11-21T08:00",
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a date such as 2026-11-21.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
