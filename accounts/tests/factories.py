import factory
from factory.django import DjangoModelFactory

from accounts.models import User
from accounts.roles import Role

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
        user = model_class(**fields)
        user.set_password(password)
        user.save()
        return user
