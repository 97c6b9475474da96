"""How this service asks Azure: one HTTP session and credential, few retries, bounded concurrency.

The adapters of all packages use it. `clients.Upstream` gives an SDK client its transport and its
credential; `retries.with_retries` wraps each request, and `errors.problem_of` says what its failure
is to clients and operators; `wire.Wire` asks without an SDK, and `batches.send_together` asks for
several changes at once; `concurrency.for_each`, `SingleFlight` and `SharedWork` limit work;
`settings.UpstreamSettings` says where ACS and the tables are.
"""
