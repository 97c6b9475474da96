"""The services of Azure that this one asks, and what an operator does if one refuses us."""

from typing import NamedTuple

from shared.unavailable import (
    CommunicationRefused,
    CommunicationUnavailable,
    GraphTokenRefused,
    GraphUnavailable,
    Refused,
    StorageRefused,
    StorageUnavailable,
    Unavailable,
)


class Service(NamedTuple):
    """A service of Azure, and how its failures are reported.

    Attributes:
        name: what the log calls it.
        unavailable: the problem if it does not answer as it should.
        refused: the problem if it refuses our credential, or if we have none.
        if_refused: what the operator has to do if it refuses our key or our access token.
        if_no_token: what the operator has to do if we got no access token for it.
        limits_clients: whether 429 means that our client asked too much; else it is one more way
            of being unavailable.
    """

    name: str
    unavailable: type[Unavailable]
    refused: type[Refused]
    if_refused: str
    if_no_token: str
    limits_clients: bool = True


_GIVE_IDENTITY = "give the app a managed identity (az functionapp identity assign)"

STORAGE = Service(
    name="storage",
    unavailable=StorageUnavailable,
    refused=StorageRefused,
    if_refused="check TABLES_CONNECTION_STRING, or give the app's identity the role 'Storage Table"
    " Data Contributor' on the storage account",
    if_no_token=f"{_GIVE_IDENTITY}, or set TABLES_CONNECTION_STRING in the place of"
    " TABLES_ENDPOINT",
    limits_clients=False,  # how busy storage is does not depend on one client
)
ACS = Service(
    name="ACS",
    unavailable=CommunicationUnavailable,
    refused=CommunicationRefused,
    if_refused="check COMMUNICATION_CONNECTION_STRING, or give the app's identity the role"
    " 'Communication and Email Service Owner' on the ACS resource",
    if_no_token=f"{_GIVE_IDENTITY}, or set COMMUNICATION_CONNECTION_STRING in the place of"
    " COMMUNICATION_ENDPOINT",
)
GRAPH = Service(
    name="Graph",
    unavailable=GraphUnavailable,
    refused=GraphTokenRefused,
    if_refused="Graph takes no token of this app: is GRAPH_ENDPOINT that of the cloud of the app's"
    " managed identity?",
    if_no_token=f"{_GIVE_IDENTITY}, in the cloud of GRAPH_ENDPOINT",
)
