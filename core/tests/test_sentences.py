"""What fields say is said in the language of each request."""

from django.utils import translation
from rest_framework import serializers


def test_sentence_with_a_number_is_not_kept_in_the_language_of_the_first_request(monkeypatch):
    class Query(serializers.Serializer):
        page = serializers.IntegerField(min_value=1)

    def said():
        query = Query(data={"page": 0})
        assert not query.is_valid()
        return str(query.errors["page"][0])

    field = Query().fields["page"]
    below = next(each for each in field.validators if each.limit_value == 1)
    assert said() == str(below.message) == "Enter 1 or more."
    monkeypatch.setattr(translation._trans, "gettext", lambda message: message.replace("Enter", "Bitte"))
    assert said() == str(below.message) == "Bitte 1 or more."
