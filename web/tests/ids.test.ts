import assert from "node:assert/strict";
import { test } from "node:test";

import { pathId } from "../src/api/ids.ts";

test("a usual id is its own path", () => {
  assert.equal(pathId("carol.d_1|x@example-com"), "carol.d_1|x@example-com");
});

test("another id is written as ~ and base64url of its UTF-8", () => {
  assert.equal(pathId("a/b"), "~YS9i");
  assert.equal(pathId("~"), "~fg");
  assert.equal(pathId("Zoë?>"), "~Wm_Dqz8-");
});
