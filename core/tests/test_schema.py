"""The names that the OpenAPI schema gives to choices."""

import json

from django.conf import settings

from core.api.docs import schema_json
from core.choices import PublicTextChoices


def test_public_choices_are_named_after_their_class():
    schemas = json.loads(schema_json())["components"]["schemas"]
    for choices in PublicTextChoices.__subclasses__():
        assert schemas[choices.__name__]["enum"] == choices.values


def test_enum_name_overrides_name_only_what_has_no_class_of_that_name():
    assert settings.SPECTACULAR_SETTINGS["ENUM_NAME_OVERRIDES"].keys() == {"RegisterRole", "SessionKind"}
