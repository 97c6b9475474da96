"""The certificate of the parts that serve TLS, and the authority that clients have to trust."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

from devstack.files import write_secret, write_whole


@dataclass(frozen=True)
class Certificates:
    authority: Path  # PEM of the CA: SSL_CERT_FILE, NODE_EXTRA_CA_CERTS and the like
    server: Path  # PEM of key and chain, for a server


def certificates(folder: Path) -> Certificates:
    """The certificates in `folder`, made at the first call.

    Raises:
        ValueError: what is there is no certificate.

    They are valid for loopback only. The authority's private key is never written, so that nobody
    can sign another certificate with it, even if a developer trusts it system-wide.
    """
    found = Certificates(authority=folder / "ca.pem", server=folder / "server.pem")
    if not (found.authority.exists() and found.server.exists()):
        authority = trustme.CA(organization_name="devstack, for loopback only")
        leaf = authority.issue_cert("127.0.0.1", "localhost", "::1")
        write_secret(found.server, leaf.private_key_and_cert_chain_pem.bytes().decode("ascii"))
        # Written last: after a kill between the two, the next start makes both again.
        write_whole(found.authority, authority.cert_pem.bytes().decode("ascii"))
    try:
        ssl.create_default_context(cafile=found.authority)
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(found.server)
    except ssl.SSLError as error:
        raise ValueError(
            f"{found.server} or {found.authority.name} holds no certificate"
        ) from error
    return found
