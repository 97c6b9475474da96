import {
  type Call,
  type Calling,
  CallingError,
  type CallingView,
  type Key,
  type Locator,
  type Person,
  type TokenSource,
} from "../contract.ts";
import { Store } from "../store.ts";
import { Devices } from "./devices.ts";
import { type CallMessage, type FromPlane, type ToPlane, whyEnded } from "./messages.ts";
import { Peer } from "./peer.ts";
import { Playback } from "./playback.ts";
import { BROWSER, PlaneSocket } from "./socket.ts";

const NOTHING_COMES =
  "No sound and no picture come from another window yet. If this machine is offline, start " +
  "Chromium with --allow-loopback-in-peer-connection.";

/** Calls through the calling plane of a stack: for development only. */
export class LocalCalling implements Calling {
  readonly view = new Store<CallingView>({
    connection: { state: "connecting" },
    rings: [],
    call: null,
  });
  readonly #socket: PlaneSocket;
  readonly #devices = new Devices();
  readonly #playback: Playback;
  readonly #peers = new Map<string, Peer>();
  #window = "";
  /** The plane's last word about the call; null where there is none. */
  #message: CallMessage | null = null;
  #isMuted = false;
  #isCameraOn = true;
  #played: string | null = null;
  #isBeginning = false;
  /** Resolves or refuses what was asked for, when the plane says how it went. */
  #pending: { resolve: () => void; reject: (error: CallingError) => void } | null = null;

  constructor(url: string, origin: string, displayName: string, tokens: TokenSource) {
    this.#playback = new Playback(origin, (played) => {
      this.#played = played;
      this.#show();
    });
    this.#socket = new PlaneSocket({
      url,
      displayName,
      tokens,
      browser: BROWSER,
      heard: (message) => this.#heard(message),
      changed: (connection) => {
        if (connection.state !== "ready") this.#disconnected();
        this.view.change({ connection });
      },
    });
    this.#socket.connect();
  }

  async call(user: string): Promise<void> {
    await this.#begin({ type: "call", to: user });
  }

  async join(locator: Locator): Promise<void> {
    await this.#begin({ type: "join", ...locator });
  }

  async answer(ring: string, accept: boolean): Promise<void> {
    if (accept) await this.#begin({ type: "answer", ring, accept });
    else this.#socket.send({ type: "answer", ring, accept });
  }

  async press(key: Key): Promise<void> {
    this.#socket.send({ type: "press", key });
  }

  async setMuted(muted: boolean): Promise<void> {
    this.#socket.send({ type: "mute", muted });
    this.#isMuted = muted;
    this.#obey();
    this.#show();
  }

  async setCamera(on: boolean): Promise<void> {
    if (on) await this.#devices.openCamera();
    else this.#devices.closeCamera();
    this.#isCameraOn = this.#devices.sent.video !== null;
    this.#obey();
    for (const [window, peer] of this.#peers) {
      await peer.replace(this.#devices.sent);
      this.#socket.send({ type: "signal", to: window, data: { camera: this.#isCameraOn } });
    }
    this.#show();
  }

  async leave(): Promise<void> {
    this.#socket.send({ type: "leave" });
  }

  dismiss(): void {
    this.#message = null;
    this.#show();
  }

  reconnect(): void {
    this.#socket.connect();
  }

  close(): void {
    this.#socket.close();
    this.#disconnected();
  }

  /** Open the devices, ask, and wait until the plane has shown the call, or has refused it. */
  async #begin(message: ToPlane): Promise<void> {
    if (this.#isBeginning || (this.#message !== null && this.#message.state !== "ended")) {
      throw new CallingError("You are in a call already. Leave it first.");
    }
    this.#isBeginning = true;
    await this.#devices.open();
    this.#isMuted = false;
    this.#isCameraOn = this.#devices.sent.video !== null;
    const asked = new Promise<void>((resolve, reject) => {
      this.#pending = { resolve, reject };
    });
    try {
      this.#socket.send(message, (refused) => this.#pending?.reject(refused));
      await asked;
    } catch (error) {
      this.#devices.close();
      throw error;
    } finally {
      this.#pending = null;
      this.#isBeginning = false;
    }
  }

  #heard(message: FromPlane): void {
    switch (message.type) {
      case "welcome":
        this.#window = message.window;
        break;
      case "ring": {
        const ring = { id: message.ring, ...message.from };
        this.view.change({ rings: [...this.view.get().rings, ring] });
        break;
      }
      case "ringEnded": {
        const rings = this.view.get().rings.filter(({ id }) => id !== message.ring);
        this.view.change({ rings });
        break;
      }
      case "call":
        this.#called(message);
        break;
      case "play":
        this.#playback.heard(message);
        break;
      case "signal":
        void this.#signalled(message.from, message.data);
        break;
      case "refused":
        break; // the socket has passed it to the method that asked
    }
  }

  #called(message: CallMessage): void {
    const wasMuted = this.#me()?.muted ?? false;
    this.#message = message;
    this.#pending?.resolve();
    if (message.state === "ended") {
      this.#forgetOthers();
      // A person who was moved is in another call at once, with the same devices.
      if (message.reason !== "moved") this.#devices.close();
    } else {
      const me = this.#me();
      // An app may mute this window, and lets it speak again.
      if (me && me.muted !== wasMuted) this.#isMuted = me.muted;
      this.#meet();
      this.#obey();
    }
    this.#show();
  }

  /** One connection for each other window of the call. */
  #meet(): void {
    const others = (this.#message?.participants ?? [])
      .map(({ window }) => window)
      .filter((window): window is string => window !== null && window !== this.#window);
    for (const [window, peer] of this.#peers) {
      if (!others.includes(window)) {
        peer.close();
        this.#peers.delete(window);
      }
    }
    for (const window of others) {
      if (!this.#peers.has(window)) this.#peers.set(window, this.#peer(window));
    }
  }

  #peer(window: string): Peer {
    const send = (data: object) => {
      try {
        this.#socket.send({ type: "signal", to: window, data });
      } catch {
        // The connection is gone, and the call with it.
      }
    };
    const changed = () => this.#show();
    const peer = new Peer(this.#window > window, this.#devices.sent, send, changed);
    if (!this.#isCameraOn) send({ camera: false });
    return peer;
  }

  async #signalled(from: string, data: object): Promise<void> {
    try {
      await this.#peers.get(from)?.heard(data);
    } catch {
      // That window left while its signal was handled: its connection is closed.
    }
    this.#show();
  }

  /** What this window sends, by its own wish and by what apps have said. */
  #obey(): void {
    const isOnHold = this.#me()?.onHold ?? false;
    this.#devices.silence({ audio: this.#isMuted || isOnHold, video: isOnHold });
  }

  #forgetOthers(): void {
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
    this.#playback.stop();
  }

  /** A window that is not connected is in no call, and nothing rings. */
  #disconnected(): void {
    const wasInCall = this.#message !== null && this.#message.state !== "ended";
    this.#forgetOthers();
    this.#devices.close();
    this.#pending?.reject(new CallingError("The connection was lost."));
    if (wasInCall && this.#message) {
      this.#message = { ...this.#message, state: "ended", reason: "lost", participants: [] };
    }
    this.view.change({ rings: [] });
    this.#show();
  }

  #isLate(): boolean {
    return [...this.#peers.values()].some(({ isLate }) => isLate);
  }

  #me() {
    return this.#message?.participants.find(({ window }) => window === this.#window);
  }

  #show(): void {
    this.view.change({ call: this.#message && this.#callView(this.#message) });
  }

  #callView(message: CallMessage): Call {
    return {
      id: message.call,
      state: message.state,
      reason: message.state === "ended" ? whyEnded(message.reason) : null,
      isGroup: message.kind !== "direct",
      people: message.participants.map((one) => this.#person(one)),
      isMuted: this.#isMuted,
      isOnHold: this.#me()?.onHold ?? false,
      isCameraOn: this.#isCameraOn,
      trouble: this.#devices.trouble ?? (this.#isLate() ? NOTHING_COMES : null),
      played: this.#played,
    };
  }

  #person(one: CallMessage["participants"][number]): Person {
    const isMe = one.window === this.#window;
    const peer = one.window === null ? undefined : this.#peers.get(one.window);
    const stream = isMe ? this.#devices.preview : (peer?.stream ?? null);
    const showsPicture = isMe ? this.#isCameraOn : (peer?.isCameraOn ?? false);
    return {
      key: one.window ?? one.user,
      user: one.user,
      displayName: one.displayName,
      isMe,
      isMuted: one.muted,
      isOnHold: one.onHold,
      hasWindow: one.window !== null,
      stream,
      showsPicture,
    };
  }
}
