"""The OpenAPI 3.1 description of the HTTP contract, made from what runs.

`python -m shared.openapi` (or `python3 dev.py openapi`) writes `docs/openapi.json`, which the
function OpenApi serves. No request needs this package: a deployed app only reads the file.

`functions` finds the operations, `schemas` describes the types of the contract, `answers` the
answers of an operation, `limits` its limits (and writes docs/limits.md), `overview` has the words
that are nowhere else, and `document` joins all of it. `routes_page` writes docs/api.md for people,
with the types in the words of `type_words`.
"""
