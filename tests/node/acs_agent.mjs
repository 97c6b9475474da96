// Microsoft's token credential exchanges an agent's Entra token itself, unmodified.
// Reads {endpoint, entraToken} from standard input; trust in the emulator's certificate comes from
// NODE_EXTRA_CA_CERTS. Prints the token, and whose it is.

import { text } from "node:stream/consumers";

import {
  AzureCommunicationTokenCredential,
  createIdentifierFromRawId,
} from "@azure/communication-common";

const { endpoint, entraToken } = JSON.parse(await text(process.stdin));
const scope = "https://auth.msft.communication.azure.com/TeamsExtension.ManageCalls";
const entra = {
  getToken: async () => ({ token: entraToken, expiresOnTimestamp: Date.now() + 3_600_000 }),
};

const credential = new AzureCommunicationTokenCredential({
  resourceEndpoint: endpoint,
  tokenCredential: entra,
  scopes: [scope],
});
const { token } = await credential.getToken();
credential.dispose();
const { skypeid } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
console.log(JSON.stringify({ token, identifier: createIdentifierFromRawId(`8:${skypeid}`) }));
