"""The identities and tokens that the emulator keeps, in SQLite."""

from collections.abc import Callable
from dataclasses import dataclass

from devstack.emulation.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS identities (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    jti TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    iat INTEGER NOT NULL,  -- seconds since 1970, as in the token
    exp INTEGER NOT NULL,
    scopes TEXT NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tokens_of_identity ON tokens (identity);
"""


@dataclass(frozen=True, kw_only=True)
class TokenRecord:
    """The stored part of a token: never the token itself, only the data that decide whether it is
    active."""

    jti: str
    identity: str
    iat: int
    exp: int
    scopes: str


class IdentityStore:
    """Stores identities and tokens, and counts what was done with them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(SCHEMA)
        # Called with an identity whose tokens are revoked, or that is deleted.
        self.revocations: list[Callable[[str], None]] = []

    def forget_tokens_expired_before(self, now: int) -> None:
        """Delete expired tokens: they are inactive, whether they are stored or not."""
        self._database.execute("DELETE FROM tokens WHERE exp < ?", (now,))

    def add_identity(self, identity: str, token: TokenRecord | None) -> None:
        """Store a new identity together with its first token, if there is one."""
        with self._database.transaction():
            self._database.execute("INSERT INTO identities (id) VALUES (?)", (identity,))
            self._database.count("created")
            if token is not None:
                self._insert_token(token)

    def add_token(self, token: TokenRecord) -> None:
        with self._database.transaction():
            self._insert_token(token)

    def has_identity(self, identity: str) -> bool:
        found = self._database.execute("SELECT 1 FROM identities WHERE id = ?", (identity,))
        return found.fetchone() is not None

    def can_call(self, identity: str) -> bool:
        """Whether the identity has ever had a token with a scope for calls."""
        found = self._database.execute(
            "SELECT 1 FROM tokens WHERE identity = ? AND scopes LIKE '%voip%'", (identity,)
        )
        return found.fetchone() is not None

    def revoke_tokens(self, identity: str, now: int) -> None:
        with self._database.transaction():
            self._revoke(identity, now)
        self._tell_of_revocation(identity)

    def remove_identity(self, identity: str, now: int) -> None:
        """Delete an identity, and revoke its tokens."""
        with self._database.transaction():
            removed = self._database.execute("DELETE FROM identities WHERE id = ?", (identity,))
            self._database.count("deleted", removed.rowcount)
            self._revoke(identity, now)
        self._tell_of_revocation(identity)

    def is_active(self, jti: str) -> bool:
        """Whether the token was issued here and is not revoked. Does not check its expiry."""
        found = self._database.execute("SELECT 1 FROM tokens WHERE jti = ? AND revoked = 0", (jti,))
        return found.fetchone() is not None

    def identities(self) -> list[str]:
        return [id_ for (id_,) in self._database.execute("SELECT id FROM identities ORDER BY id")]

    def _insert_token(self, token: TokenRecord) -> None:
        self._database.execute(
            "INSERT INTO tokens (jti, identity, iat, exp, scopes) VALUES (?, ?, ?, ?, ?)",
            (token.jti, token.identity, token.iat, token.exp, token.scopes),
        )
        self._database.count("tokensIssued")

    def _tell_of_revocation(self, identity: str) -> None:
        for tell in self.revocations:
            tell(identity)

    def _revoke(self, identity: str, now: int) -> None:
        # Expired tokens need no revocation, and are not counted.
        revoked = self._database.execute(
            "UPDATE tokens SET revoked = 1 WHERE identity = ? AND revoked = 0 AND exp > ?",
            (identity, now),
        )
        self._database.count("tokensRevoked", revoked.rowcount)
