import assert from "node:assert/strict";
import { test } from "node:test";

import { CallingError, type Connection } from "../src/calling/contract.ts";
import type { FromPlane } from "../src/calling/local/messages.ts";
import { type Browser, PlaneSocket } from "../src/calling/local/socket.ts";

/** A clock, a socket and tokens that the test moves by hand. */
class World implements Browser {
  readonly sockets: FakeSocket[] = [];
  readonly states: Connection[] = [];
  readonly heard: FromPlane[] = [];
  tokens = 0;
  tokensFail = false;
  time = 1_000_000;
  #timers: { at: number; run: () => void }[] = [];

  readonly socket = new PlaneSocket({
    url: "ws://127.0.0.1/plane",
    displayName: "Alice",
    browser: this,
    tokens: async () => {
      if (this.tokensFail) throw new Error("no token");
      return { token: `token ${++this.tokens}`, expiresOn: new Date() };
    },
    heard: (message) => this.heard.push(message),
    changed: (connection) => this.states.push(connection),
  });

  open(): WebSocket {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket as unknown as WebSocket;
  }

  now(): number {
    return this.time;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.time + ms, run };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** Let time go by, and everything that follows from it happen. */
  async pass(ms: number): Promise<void> {
    this.time += ms;
    const due = this.#timers.filter(({ at }) => at <= this.time);
    this.#timers = this.#timers.filter(({ at }) => at > this.time);
    for (const { run } of due) run();
    await settled();
  }

  get last(): FakeSocket {
    return this.sockets.at(-1) as FakeSocket;
  }

  async connected(expiresInMs = 3_600_000): Promise<void> {
    await settled();
    this.last.emit("open");
    const expiresAt = (this.time + expiresInMs) / 1000;
    this.last.says({ type: "welcome", window: "w1", user: "8:acs:a", scopes: [], expiresAt });
  }
}

class FakeSocket extends EventTarget {
  readonly sent: Record<string, unknown>[] = [];

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {}

  emit(type: string, more: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(type), more));
  }

  says(message: FromPlane): void {
    this.emit("message", { data: JSON.stringify(message) });
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

test("the token is in the first message and not in the address", async () => {
  const world = new World();
  world.socket.connect();
  await world.connected();

  assert.deepEqual(world.last.sent, [{ type: "hello", token: "token 1", displayName: "Alice" }]);
  assert.deepEqual(world.states, [{ state: "connecting" }, { state: "ready" }]);
});

test("a new token is sent before the old one expires", async () => {
  const world = new World();
  world.socket.connect();
  await world.connected(3_600_000);

  await world.pass(3_600_000 - 121_000);
  assert.equal(world.last.sent.length, 1);
  await world.pass(2_000);

  assert.deepEqual(world.last.sent.at(-1), { type: "token", token: "token 2" });
});

test("a renewal that fails is tried again in half of what is left", async () => {
  const world = new World();
  world.socket.connect();
  await world.connected(3_600_000);
  world.tokensFail = true;
  await world.pass(3_600_000 - 120_000);
  world.tokensFail = false;

  await world.pass(60_000);

  assert.equal(world.last.sent.at(-1)?.["type"], "token");
});

test("a lost connection is made again, with a new token", async () => {
  const world = new World();
  world.socket.connect();
  await world.connected();
  world.last.emit("close", { code: 1012 });
  assert.equal(world.states.at(-1)?.state, "lost");

  await world.pass(1_000);
  await world.connected();

  assert.equal(world.sockets.length, 2);
  assert.equal(world.last.sent[0]?.["token"], "token 2");
  assert.equal(world.states.at(-1)?.state, "ready");
});

test("a revoked token is told, and waits for the person", async () => {
  const world = new World();
  world.socket.connect();
  await world.connected();
  world.last.emit("close", { code: 4401 });
  await world.pass(3_600_000 - 1);

  assert.equal(world.states.at(-1)?.state, "closed");
  assert.equal(world.sockets.length, 1);
  world.socket.connect();
  await world.connected();
  assert.equal(world.states.at(-1)?.state, "ready");
});

test("a token that expired while the machine slept is replaced without a word", async () => {
  const world = new World();
  world.socket.connect();
  await world.connected(60_000);
  world.time += 120_000; // no timer has run
  world.last.emit("close", { code: 4401 });

  assert.equal(world.states.at(-1)?.state, "lost");
});

test("who is not connected is told so at once", () => {
  assert.throws(() => new World().socket.send({ type: "leave" }), CallingError);
});

test("what is refused reaches who asked for it, and nobody else", async () => {
  const world = new World();
  world.socket.connect();
  await world.connected();
  const refusals: string[] = [];
  world.socket.send({ type: "call", to: "8:acs:b" }, ({ message }) => refusals.push(`b ${message}`));
  world.socket.send({ type: "call", to: "8:acs:c" }, ({ message }) => refusals.push(`c ${message}`));
  const { id } = world.last.sent.at(-1) as { id: string };

  world.last.says({ type: "refused", re: "call", id, code: "inCall", message: "no" });

  assert.deepEqual(refusals, ["c no"]);
});
