import factory
from factory.django import DjangoModelFactory

from core.tenancy.scope import installation_scope
from practices.models import Office, Practice


class PracticeFactory(DjangoModelFactory):
    class Meta:
        model = Practice

    name = factory.Sequence(lambda n: f"Clinic {n}")

    @classmethod
    def _create(cls, model_class, *args, **fields):
        with installation_scope():
            return super()._create(model_class, *args, **fields)


class OfficeFactory(DjangoModelFactory):
    class Meta:
        model = Office

    name = factory.Sequence(lambda n: f"Office {n}")
