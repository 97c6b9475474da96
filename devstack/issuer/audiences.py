"""The services that tokens of the stack are for: the `aud` of each, and its roles."""

# The app, for its clients: the setting AUTH_AUDIENCE.
API_AUDIENCE = "api://trusted-service"
# The scope that a client may ask for when its user signs in. Every token is for the API, with this
# scope or without.
API_SCOPE = f"{API_AUDIENCE}/access"

# ACS, for a managed identity. SDKs ask for this, plus "/.default".
ACS_AUDIENCE = "https://communication.azure.com/"

# Microsoft Graph, and what an admin of the tenant can allow an app to do there.
GRAPH_AUDIENCE = "https://graph.microsoft.com"
MEETINGS_READ_WRITE = "OnlineMeetings.ReadWrite.All"
MEETINGS_READ = "OnlineMeetings.Read.All"

STORAGE_AUDIENCE = "https://storage.azure.com"

# ACS, for a client whose user acts as a Teams user: what it asks Entra for.
TEAMS_AUDIENCE = "https://auth.msft.communication.azure.com"
