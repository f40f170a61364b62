"""CORS as the contract gives it."""

from corsheaders.middleware import CorsMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class Cors(CorsMiddleware):
    """django-cors-headers, with the contract's `allow_headers=["*"]`: with credentials a browser takes no literal
    star, so a preflight is answered with the very headers it asked for."""

    def add_response_headers(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = super().add_response_headers(request, response)
        asked = request.headers.get("Access-Control-Request-Headers")
        if asked and "Access-Control-Allow-Headers" in response:
            response["Access-Control-Allow-Headers"] = asked
        return response
