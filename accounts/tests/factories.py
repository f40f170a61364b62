import secrets
from datetime import timedelta
from functools import cache

import factory
from django.contrib.auth.hashers import make_password
from django.utils import timezone
from factory.django import DjangoModelFactory

from accounts.models import ApiKey, Invitation, JoinCode, User
from accounts.roles import Role
from core.encryption.blind_index import join_code_fingerprint
from practices.models import new_join_code

PASSWORD = "Passw0rd!"


class UserFactory(DjangoModelFactory):
    """Within a practice's scope."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    role = Role.STAFF
    name = factory.Sequence(lambda n: f"Person {n}")
    email = factory.Sequence(lambda n: f"person{n}@example.com")

    @classmethod
    def _create(cls, model_class, *args, password=PASSWORD, **fields):
        user = model_class(**fields, password=_hashed(password))
        user.save()
        return user


_hashed = cache(make_password)  # a hash is meant to be slow, and most tests sign nobody in by password


class JoinCodeFactory(DjangoModelFactory):
    """Within a practice's scope; give `doctor` and `office`, and `text` where somebody types it."""

    class Meta:
        model = JoinCode

    class Params:
        text = factory.LazyFunction(new_join_code)

    code_index = factory.LazyAttribute(lambda made: join_code_fingerprint(made.text))
    made_by = factory.SelfAttribute("doctor")


class ApiKeyFactory(DjangoModelFactory):
    """Within a practice's scope; give `made_by`. Its secret is unknown."""

    class Meta:
        model = ApiKey

    name = factory.Sequence(lambda n: f"Program {n}")
    prefix = factory.LazyFunction(lambda: secrets.token_hex(4))
    secret_hash = factory.LazyFunction(lambda: secrets.token_bytes(32))
    permissions = ("read_charts",)
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=365))


class InvitationFactory(DjangoModelFactory):
    """Within a practice's scope; give `invited_by`. Its link is unknown."""

    class Meta:
        model = Invitation

    name = factory.Sequence(lambda n: f"Newcomer {n}")
    email = factory.Sequence(lambda n: f"newcomer{n}@example.com")
    role = Role.STAFF
    token_hash = factory.LazyFunction(lambda: secrets.token_bytes(32))
    sent_at = factory.LazyFunction(timezone.now)
    expires_at = factory.LazyAttribute(lambda made: made.sent_at + timedelta(days=7))
