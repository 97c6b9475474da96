import assert from "node:assert/strict";
import { test } from "node:test";

import { addressesOf, originOfPlane, policyOf } from "../policy.ts";

function directives(environment: Record<string, string>): Map<string, string[]> {
  const policy = policyOf(addressesOf(environment));
  return new Map(
    policy.split("; ").map((part) => {
      const [name, ...sources] = part.split(" ");
      return [name as string, sources];
    }),
  );
}

test("nothing inline and no eval, and everything that is not named is forbidden", () => {
  const policy = directives({});
  assert.deepEqual(policy.get("default-src"), ["'none'"]);
  assert.deepEqual(policy.get("script-src"), ["'self'"]);
  assert.deepEqual(policy.get("worker-src"), ["'self'", "blob:"]);
  assert.equal(policyOf(addressesOf({})).includes("unsafe"), false);
});

test("the page asks its own services and nobody else", () => {
  const policy = directives({
    PAGE_API: "https://app.example.com/api",
    PAGE_ISSUER: "https://issuer.example.com/tenant/v2.0",
    PAGE_CALLING: "ws://127.0.0.1:7073/_emulator/calling",
  });
  assert.deepEqual(policy.get("connect-src"), [
    "'self'",
    "https://app.example.com",
    "https://issuer.example.com",
    "ws://127.0.0.1:7073",
    "http://127.0.0.1:7073",
  ]);
  assert.deepEqual(policy.get("media-src"), ["'self'", "blob:", "http://127.0.0.1:7073"]);
});

test("with ACS, it may ask the hosts of the Calling SDK, and no emulator", () => {
  const asked = directives({ PAGE_CALLING: "acs" }).get("connect-src") ?? [];
  assert.ok(asked.includes("https://*.communication.azure.com"));
  assert.ok(!asked.some((source) => source.startsWith("ws:")));
});

test("the files of a plane come over HTTP from where its socket is", () => {
  assert.equal(originOfPlane("ws://127.0.0.1:7073/_emulator/calling"), "http://127.0.0.1:7073");
  assert.equal(originOfPlane("wss://127.0.0.1:7074/_emulator/calling"), "https://127.0.0.1:7074");
});
