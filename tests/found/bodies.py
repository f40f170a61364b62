"""What these tests send to the API."""

CHART = {
    "name": "Nora Quist",
    "email": "nora@example.com",
    "phone": "(212) 555-0188",
    "dateOfBirth": "1979-03-08",
    "gender": "female",
    "address": "4 Mill Road",
}
