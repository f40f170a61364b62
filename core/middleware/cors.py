"""CORS as in the contract."""

from corsheaders.middleware import CorsMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class Cors(CorsMiddleware):
    """django-cors-headers with the contract's `allow_headers=["*"]`. Browsers do not accept a literal star with
    credentials, so a preflight is answered with the headers that it asked for."""

    def add_response_headers(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = super().add_response_headers(request, response)
        requested = request.headers.get("Access-Control-Request-Headers")
        if requested and "Access-Control-Allow-Headers" in response:
            response["Access-Control-Allow-Headers"] = requested
        return response
