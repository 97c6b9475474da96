// Microsoft's JavaScript Call Automation client against the ACS emulator, unmodified.
// Reads {connectionString, endpoint, bearer, number, callerId, user, emulator} from standard input;
// trust in the emulator's certificate comes from NODE_EXTRA_CA_CERTS. Prints the names of the
// events of a call by each credential: {connectionString: [...], bearer: [...]}.

import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { createServer } from "node:http";
import { json, text } from "node:stream/consumers";

import { CallAutomationClient, parseCallAutomationEvent } from "@azure/communication-call-automation";

const wanted = JSON.parse(await text(process.stdin));
const { keys } = await (await fetch(`${wanted.emulator}/calling/keys`)).json();
const number = { phoneNumber: wanted.number };
const user = { communicationUserId: wanted.user };
const audio = { kind: "fileSource", url: "https://audio.example.com/hello.wav" };

function claimsOf(authorization) {
  const [header, payload, signature] = authorization.replace(/^Bearer /, "").split(".");
  const { alg, kid } = JSON.parse(Buffer.from(header, "base64url"));
  assert.equal(alg, "RS256");
  const key = createPublicKey({ key: keys.find((each) => each.kid === kid), format: "jwk" });
  const signed = Buffer.from(`${header}.${payload}`);
  assert.ok(verify("sha256", signed, key, Buffer.from(signature, "base64url")));
  return JSON.parse(Buffer.from(payload, "base64url"));
}

// Where callbacks arrive: `until(kind, count)` is the count-th event of a kind.
async function listen() {
  const events = [];
  const waiting = new Set();
  const server = createServer(async (request, response) => {
    const claims = claimsOf(request.headers.authorization);
    assert.equal(claims.iss, "https://acscallautomation.communication.azure.com");
    assert.ok(claims.exp > Date.now() / 1000);
    events.push(parseCallAutomationEvent(await json(request)));
    response.end();
    for (const look of waiting) look();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const until = (kind, count = 1) =>
    new Promise((resolve) => {
      const look = () => {
        const found = events.filter((event) => event.kind === kind)[count - 1];
        if (found) {
          waiting.delete(look);
          resolve(found);
        }
      };
      waiting.add(look);
      look();
    });
  return { events, until, server, url: `http://127.0.0.1:${server.address().port}/events` };
}

async function useACall(client) {
  const { events, until, server, url } = await listen();
  const made = await client.createCall(
    { targetParticipant: number, sourceCallIdNumber: { phoneNumber: wanted.callerId } },
    url,
    { operationContext: "made" },
  );
  assert.equal(made.callConnectionProperties.callConnectionState, "connecting");
  assert.equal((await until("CallConnected")).operationContext, "made");
  await until("ParticipantsUpdated");

  const call = made.callConnection;
  const known = await call.getCallConnectionProperties();
  assert.equal(known.callConnectionState, "connected");
  await call.addParticipant({ targetParticipant: user }, { operationContext: "added" });
  assert.deepEqual((await until("AddParticipantSucceeded")).participant, user);
  await until("ParticipantsUpdated", 2);
  assert.equal((await call.listParticipants()).values.length, 3);
  assert.equal((await call.getParticipant(number)).identifier.phoneNumber, wanted.number);

  const media = call.getCallMedia();
  await media.playToAll([audio], { operationContext: "played" });
  assert.equal((await until("PlayCompleted")).operationContext, "played");
  await media.startRecognizing(number, {
    kind: "callMediaRecognizeDtmfOptions",
    maxTonesToCollect: 3,
    playPrompt: audio,
  });
  const { dtmfResult, resultInformation } = await until("RecognizeCompleted");
  assert.deepEqual(dtmfResult.tones, ["one", "two", "pound"]);
  assert.equal(resultInformation.subCode, 8531);
  await call.removeParticipant(user);
  await until("RemoveParticipantSucceeded");
  await until("ParticipantsUpdated", 3);

  await call.hangUp(true);
  await until("CallDisconnected");
  await assert.rejects(call.getCallConnectionProperties(), { statusCode: 404, code: "8522" });
  server.close();
  return events.map((event) => event.kind);
}

const managedIdentity = {
  getToken: async () => ({ token: wanted.bearer, expiresOnTimestamp: Date.now() + 600_000 }),
};
const connectionString = await useACall(new CallAutomationClient(wanted.connectionString));
const bearer = await useACall(new CallAutomationClient(wanted.endpoint, managedIdentity));
console.log(JSON.stringify({ connectionString, bearer }));
