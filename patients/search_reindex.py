"""Rebuild the blind indexes after SEARCH_INDEX_KEY has changed: accounts' emails (used by sign-in), practices' join
codes and charts' search indexes. Doctors' join codes cannot be rebuilt, because only their fingerprints are stored."""

from collections.abc import Callable, Generator, Iterator
from types import SimpleNamespace
from typing import Any

from django.db import connection

from accounts.models import User
from core.encryption import batch_rewrite
from core.encryption.blind_index import email_fingerprint, join_code_fingerprint
from core.encryption.keyring import DecryptionError
from core.encryption.rotation import Unreadable
from patients.models import Patient
from patients.search_index import INDEXED, chart_tokens
from practices.models import Practice


class Reindexing:
    """A run of the rebuild. `changed` counts the rewritten rows; `failed` lists the rows that could not be rebuilt and
    why."""

    def __init__(self, *, batch_rows: int = batch_rewrite.BATCH_ROWS) -> None:
        self._batch_rows = batch_rows
        self.changed = 0
        self.failed: list[Unreadable] = []
        parts = list(batch_rewrite.parts())
        self._accounts = [part for part in parts if part.model is User]  # first: nobody can sign in until they are done
        self._practices = [part for part in parts if part.model is Practice]
        self._charts = [part for part in parts if part.model is Patient]

    def count(self) -> int:
        total = 0
        for part in (*self._accounts, *self._practices, *self._charts):
            with part.scope():
                total += part.rows().count()
        return total

    def run(self) -> Generator[int]:
        """Rebuild in batches and yield each batch's row count. Rows that are already right are only read, so a stopped
        run can simply be started again."""
        for part in self._accounts:
            yield from self._rebuild(part, ["email"], "email_index", _email_index)
        for part in self._practices:
            yield from self._rebuild(part, ["join_code"], "join_code_index", _join_code_index)
        for part in self._charts:
            yield from self._rebuild(part, sorted(INDEXED), "search_index", _chart_index)

    def _rebuild(
        self, part: batch_rewrite.Part, sources: list[str], index: str, build: Callable[..., Any]
    ) -> Iterator[int]:
        meta = part.model._meta
        column, fields = meta.get_field(index), [meta.get_field(name) for name in sources]

        def change(pk: Any, stored: Any, *envelopes: Any) -> list[Any] | None:
            values: dict[str, Any] = {}
            for field, envelope in zip(fields, envelopes, strict=True):
                try:
                    values[field.name] = None if envelope is None else field.decrypt(bytes(envelope))  # type: ignore[union-attr]
                except DecryptionError as error:
                    self.failed.append(Unreadable(meta.label, str(field.name), pk, error.reason))
                    return None
            built = build(part, pk, **values)
            if built == (stored if isinstance(stored, list) else bytes(stored)):
                return None
            self.changed += 1
            return [column.get_db_prep_save(built, connection)]  # type: ignore[union-attr]

        def refused(pk: Any) -> None:
            """Someone registered with this email after the key changed, while the old account could not be found."""
            self.changed -= 1
            self.failed.append(Unreadable(meta.label, index, pk, "a newer account has this email"))

        with part.scope():
            yield from batch_rewrite.rewrite(
                part.rows(),
                read=[index, *(batch_rewrite.raw(field) for field in fields)],  # type: ignore[arg-type]
                write=[column],  # type: ignore[list-item]
                change=change,
                size=self._batch_rows,
                on_conflict=refused if column.unique else None,  # type: ignore[union-attr]
            )


def _email_index(part: batch_rewrite.Part, pk: Any, *, email: str) -> bytes:
    return email_fingerprint(email)


def _join_code_index(part: batch_rewrite.Part, pk: Any, *, join_code: str) -> bytes:
    return join_code_fingerprint(join_code)


def _chart_index(part: batch_rewrite.Part, pk: Any, **values: Any) -> list[int]:
    return chart_tokens(SimpleNamespace(practice_id=part.practice_id, **values))
