// Microsoft's AzureCommunicationTokenCredential with a tokenRefresher on our API, as an app uses it.
// Reads {api, bearer} from standard input; prints what it got.

import assert from "node:assert/strict";
import { text } from "node:stream/consumers";

import {
  AzureCommunicationTokenCredential,
  createIdentifierFromRawId,
} from "@azure/communication-common";

const { api, bearer } = JSON.parse(await text(process.stdin));
const answers = [];

async function tokenRefresher(abortSignal) {
  const path = `/token?expiresInMinutes=${60 + answers.length}`; // each time another token
  const options = { headers: { Authorization: `Bearer ${bearer}` }, signal: abortSignal };
  let response = await fetch(api + path, options);
  for (let tries = 1; response.headers.has("Retry-After") && tries < 10; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 300)); // soon enough for a test
    response = await fetch(api + path, options);
  }
  assert.equal(response.status, 200);
  answers.push(await response.json());
  return answers.at(-1).token;
}

/** A token as far as the client can see: it reads nothing but `exp`. */
function expiringIn(seconds) {
  const claims = { exp: Math.floor(Date.now() / 1000) + seconds };
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`;
}

async function refreshed(options, count) {
  const credential = new AzureCommunicationTokenCredential({ tokenRefresher, ...options });
  try {
    while (answers.length < count) await new Promise((resolve) => setImmediate(resolve));
    return await credential.getToken();
  } finally {
    credential.dispose();
  }
}

const first = await refreshed({}, 0); // no token yet: getToken fetches one
assert.equal(first.token, answers[0].token);
assert.ok(Math.abs(first.expiresOnTimestamp - Date.parse(answers[0].expiresOn)) < 1000);

const second = await refreshed({ token: expiringIn(-60) }, 1); // expired: getToken fetches another
assert.equal(second.token, answers[1].token);

// The client refreshes by itself as soon as a token enters its last ten minutes.
const third = await refreshed({ token: expiringIn(601), refreshProactively: true }, 3);
assert.equal(third.token, answers[2].token);

const ids = new Set(answers.map((answer) => answer.user.communicationUserId));
assert.equal(ids.size, 1);
const [id] = ids;
const identifier = createIdentifierFromRawId(id);
assert.deepEqual(identifier, { kind: "communicationUser", communicationUserId: id });
console.log(JSON.stringify({ refreshes: answers.length, id }));
