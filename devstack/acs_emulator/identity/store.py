"""What the emulator remembers: identities, tokens and counters, in SQLite."""

from dataclasses import dataclass
from pathlib import Path

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
    """A token that was issued: never the token itself, only what decides whether it is live."""

    jti: str
    identity: str
    iat: int
    exp: int
    scopes: str


class State(Database):
    """The database."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SCHEMA)

    def forget_tokens_expired_before(self, now: int) -> None:
        """Make room: nothing asks about an expired token except to hear that it is not live."""
        with self._change():
            self._db.execute("DELETE FROM tokens WHERE exp < ?", (now,))

    def add_identity(self, identity: str, token: TokenRecord | None) -> None:
        """Store a new identity, and its first token where one was asked for, or neither."""
        with self._change():
            self._db.execute("INSERT INTO identities (id) VALUES (?)", (identity,))
            self._count("created")
            if token is not None:
                self._insert_token(token)

    def add_token(self, token: TokenRecord) -> None:
        with self._change():
            self._insert_token(token)

    def has_identity(self, identity: str) -> bool:
        found = self._db.execute("SELECT 1 FROM identities WHERE id = ?", (identity,))
        return found.fetchone() is not None

    def revoke_tokens(self, identity: str, now: int) -> None:
        with self._change():
            self._revoke(identity, now)

    def remove_identity(self, identity: str, now: int) -> None:
        """Delete an identity, and with it every token that it still had."""
        with self._change():
            removed = self._db.execute("DELETE FROM identities WHERE id = ?", (identity,)).rowcount
            self._count("deleted", removed)
            self._revoke(identity, now)

    def is_live(self, jti: str) -> bool:
        """Whether the token was issued here and not revoked since. Says nothing of its expiry."""
        found = self._db.execute("SELECT 1 FROM tokens WHERE jti = ? AND revoked = 0", (jti,))
        return found.fetchone() is not None

    def identities(self) -> list[str]:
        return [id_ for (id_,) in self._db.execute("SELECT id FROM identities ORDER BY id")]

    def _insert_token(self, token: TokenRecord) -> None:
        self._db.execute(
            "INSERT INTO tokens (jti, identity, iat, exp, scopes) VALUES (?, ?, ?, ?, ?)",
            (token.jti, token.identity, token.iat, token.exp, token.scopes),
        )
        self._count("tokensIssued")

    def _revoke(self, identity: str, now: int) -> None:
        # The expired need no revoking, and are not counted.
        revoked = self._db.execute(
            "UPDATE tokens SET revoked = 1 WHERE identity = ? AND revoked = 0 AND exp > ?",
            (identity, now),
        )
        self._count("tokensRevoked", revoked.rowcount)
