"""Django's session store for the admin site, with the session key hashed in the database, so that a database dump does
not open any session. The key is random (165 bits) and needs no salt."""

import hashlib
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

COLUMN = 40  # characters of django_session.session_key: 160 bits of the hash


def stored_key(key: str | None) -> str:
    """Return the hash under which a cookie's key is stored."""
    return hashlib.sha256((key or "").encode()).hexdigest()[:COLUMN]


class SessionStore(DatabaseStore):
    """Only the methods that touch the database use the hash; everything else has the cookie's key."""

    def load(self) -> dict[str, Any]:
        row = self.model.objects.filter(pk=stored_key(self.session_key), expire_date__gt=timezone.now()).first()
        if row is None:
            self._session_key = None  # never adopt a key that the client made up
            return {}
        return self.decode(row.session_data)

    def exists(self, session_key: str) -> bool:
        return super().exists(stored_key(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        return _hashed(super().create_model_instance(data))

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            super().delete(stored_key(key))

    # None of our pages is asynchronous, but Django's own versions would store the plain key.
    async def aload(self) -> dict[str, Any]:
        return await sync_to_async(self.load)()

    async def aexists(self, session_key: str) -> bool:
        return await super().aexists(stored_key(session_key))

    async def acreate_model_instance(self, data: dict[str, Any]) -> Any:
        return _hashed(await super().acreate_model_instance(data))

    async def adelete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            await super().adelete(stored_key(key))


def _hashed(row: Any) -> Any:
    row.session_key = stored_key(row.session_key)
    return row
