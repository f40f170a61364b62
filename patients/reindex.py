"""Building the blind indexes anew after SEARCH_INDEX_KEY has changed: the accounts' emails, by which sign-in finds
them, the practices' own join codes, and the charts' search index. Doctors' join codes cannot be built anew: nothing but
their fingerprints is stored. Here and not in core/, which knows none of them."""

from collections.abc import Callable, Generator, Iterator
from types import SimpleNamespace
from typing import Any

from django.db import connection

from accounts.models import User
from core.encryption import rows
from core.encryption.blind_index import email_fingerprint, join_code_fingerprint
from core.encryption.keyring import DecryptionError
from core.encryption.rotation import Unreadable
from patients.models import Patient
from patients.search import INDEXED, chart_tokens
from practices.models import Practice


class Reindexing:
    """`changed` counts the rows whose index was another; `failed` says of which rows it could not be built, and why."""

    def __init__(self, *, batch_rows: int = rows.BATCH_ROWS) -> None:
        self._batch_rows = batch_rows
        self.changed = 0
        self.failed: list[Unreadable] = []
        parts = list(rows.parts())
        self._accounts = [part for part in parts if part.model is User]  # first, for nobody can sign in meanwhile
        self._practices = [part for part in parts if part.model is Practice]
        self._charts = [part for part in parts if part.model is Patient]

    def count(self) -> int:
        total = 0
        for part in (*self._accounts, *self._practices, *self._charts):
            with part.scope():
                total += part.rows().count()
        return total

    def run(self) -> Generator[int]:
        """Yields how many rows each batch looked at. A row that is right already costs a reading and no writing, so
        a run that was stopped is simply run again."""
        for part in self._accounts:
            yield from self._rebuild(part, ["email"], "email_index", _fingerprint)
        for part in self._practices:
            yield from self._rebuild(part, ["join_code"], "join_code_index", _code)
        for part in self._charts:
            yield from self._rebuild(part, sorted(INDEXED), "search_index", _tokens)

    def _rebuild(self, part: rows.Part, sources: list[str], index: str, build: Callable[..., Any]) -> Iterator[int]:
        meta = part.model._meta
        column, fields = meta.get_field(index), [meta.get_field(name) for name in sources]

        def change(pk: Any, stored: Any, *envelopes: Any) -> list[Any] | None:
            held: dict[str, Any] = {}
            for field, envelope in zip(fields, envelopes, strict=True):
                try:
                    held[field.name] = None if envelope is None else field.decrypt(bytes(envelope))  # type: ignore[union-attr]
                except DecryptionError as error:
                    self.failed.append(Unreadable(meta.label, str(field.name), pk, error.reason))
                    return None
            built = build(part, pk, **held)
            if built == (stored if isinstance(stored, list) else bytes(stored)):
                return None
            self.changed += 1
            return [column.get_db_prep_save(built, connection)]  # type: ignore[union-attr]

        def refused(pk: Any) -> None:
            """Somebody has registered with this email since the key changed, when it could not be found."""
            self.changed -= 1
            self.failed.append(Unreadable(meta.label, index, pk, "a newer account has this email"))

        with part.scope():
            yield from rows.rewrite(
                part.rows(),
                read=[index, *(rows.raw(field) for field in fields)],  # type: ignore[arg-type]
                write=[column],  # type: ignore[list-item]
                change=change,
                size=self._batch_rows,
                refused=refused if column.unique else None,  # type: ignore[union-attr]
            )


def _fingerprint(part: rows.Part, pk: Any, *, email: str) -> bytes:
    return email_fingerprint(email)


def _code(part: rows.Part, pk: Any, *, join_code: str) -> bytes:
    return join_code_fingerprint(join_code)


def _tokens(part: rows.Part, pk: Any, **held: Any) -> list[int]:
    return chart_tokens(SimpleNamespace(practice_id=part.practice_id, **held))  # type: ignore[arg-type]
