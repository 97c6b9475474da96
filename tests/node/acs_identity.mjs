// Microsoft's JavaScript identity client against the ACS emulator, unmodified.
// Reads {connectionString, endpoint, bearer, teams} from standard input; trust in the emulator's
// certificate comes from NODE_EXTRA_CA_CERTS. Prints {connectionString: "ok", bearer: "ok"}.

import assert from "node:assert/strict";
import { text } from "node:stream/consumers";

import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { CommunicationIdentityClient } from "@azure/communication-identity";

const wanted = JSON.parse(await text(process.stdin));

async function useEveryOperation(client) {
  const user = await client.createUser();
  assert.match(user.communicationUserId, /^8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}$/);

  const created = await client.createUserAndToken(["chat", "voip"], {
    tokenExpiresInMinutes: 60,
  });
  const minutes = (created.expiresOn.getTime() - Date.now()) / 60_000;
  assert.ok(minutes > 58 && minutes <= 60, `${minutes} minutes`);

  // What a calling client does with the token.
  const credential = new AzureCommunicationTokenCredential(created.token);
  const parsed = await credential.getToken();
  assert.ok(Math.abs(parsed.expiresOnTimestamp - created.expiresOn.getTime()) < 1000);
  credential.dispose();

  const again = await client.getToken(created.user, ["voip.join"]);
  assert.notEqual(again.token, created.token);
  await client.revokeTokens(created.user);
  const teams = await client.getTokenForTeamsUser(wanted.teams);
  assert.ok(teams.token);

  // This client leaves the bounds to the service.
  await assert.rejects(client.getToken(user, ["chat"], { tokenExpiresInMinutes: 59 }), {
    code: "ValidationError",
    statusCode: 400,
    message:
      "ExpiresInMinutes value 59 is invalid. Value must be within the [60, 1440] interval.",
  });
  await client.deleteUser(user);
  await client.deleteUser(created.user);
  await assert.rejects(client.getToken(user, ["chat"]), { statusCode: 404 });
}

await useEveryOperation(new CommunicationIdentityClient(wanted.connectionString));
const managedIdentity = {
  getToken: async () => ({ token: wanted.bearer, expiresOnTimestamp: Date.now() + 600_000 }),
};
await useEveryOperation(new CommunicationIdentityClient(wanted.endpoint, managedIdentity));
console.log(JSON.stringify({ connectionString: "ok", bearer: "ok" }));
