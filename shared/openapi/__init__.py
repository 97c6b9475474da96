"""The OpenAPI 3.1 description of the HTTP contract, made from what runs.

`python -m shared.openapi` (or `python3 dev.py openapi`) writes `docs/openapi.json`, which the
function OpenApi serves. No request needs this package: a deployed app only reads the file.

`functions` finds the operations, `schemas` describes the types of the contract, `answers` what an
operation answers, `limits` what bounds its callers (and writes docs/limits.md), `overview` has the
words that are nowhere else, and `document` joins all of it. `routes_page` tells the same to people
(docs/api.md), with the types in the words of `type_words`.
"""
