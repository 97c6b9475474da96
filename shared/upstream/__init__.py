"""How this service asks Azure: one HTTP session and credential, few retries, bounded concurrency.

The adapters of all packages use it. `clients.Upstream` gives an SDK client its transport and its
credential; `retries.with_retries` wraps each request, and `errors.problem_of` says what its failure
is to clients and operators; `wire.Wire` asks without an SDK, and `batches.send_together` asks for
several changes at once; `sdk.by_sdk` asks through one, with the same errors, those of `failures`;
`concurrency.for_each` bounds work, `SingleFlight` and `SharedWork` share it;
`settings.UpstreamSettings` says where ACS and the tables are.
"""
