"""What every ACS request and answer has, whichever API it is for: `gate` admits a request by its
credential (`access_key`, or a bearer token), its api-version and the rate `limits`; `answers` are
the error bodies of the service; `identifiers` are the ids of people and phones. All packages beside
this one use these, and this one uses none of them.
"""
