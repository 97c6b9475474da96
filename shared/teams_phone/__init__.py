"""What makes Teams Phone work with this service, besides the calls themselves.

`agents.Agents` keeps which Teams users may take calls in their own client, and is the part of
`shared.privacy` that belongs to the table `agents`, of which `rows` says what it stores.
`acs.Assignments` is the adapter to ACS: whom of a tenant the ACS resource serves, be they agents or
resource accounts. `settings` reads the voice apps that people may call; `contract` holds the bodies
and the answers.
"""
