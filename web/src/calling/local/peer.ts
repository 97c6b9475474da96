import type { Signal } from "./messages.ts";

/** This window's tracks; null for what it does not send. */
export interface Sent {
  audio: MediaStreamTrack | null;
  video: MediaStreamTrack | null;
}

// On one machine a connection takes a second.
const LATE_MS = 8000;

/**
 * The connection to one other window of the call.
 *
 * It has one audio and one video line from its first offer on. Tracks are replaced on these lines,
 * so that nothing is negotiated when a camera goes on or off.
 */
export class Peer {
  /** What the other window sends. */
  readonly stream = new MediaStream();
  isCameraOn = true;
  /** Whether nothing has come for some time. On a machine that is offline, nothing ever comes. */
  isLate = false;
  readonly #connection = new RTCPeerConnection();
  readonly #isPolite: boolean;
  readonly #send: (data: Signal) => void;
  readonly #changed: () => void;
  readonly #timer: ReturnType<typeof setTimeout>;
  #sent: Sent;
  #isOffering = false;
  #ignoresOffer = false;

  /**
   * `isPolite`: whether the other window's id is less than ours. Then the other window makes the
   * first offer, and its offer wins if two offers cross. `changed` is called when `isLate` changes.
   */
  constructor(
    isPolite: boolean,
    sent: Sent,
    send: (data: Signal) => void,
    changed: () => void,
  ) {
    this.#isPolite = isPolite;
    this.#sent = sent;
    this.#send = send;
    this.#changed = changed;
    const connection = this.#connection;
    this.#timer = setTimeout(() => this.#noteState(true), LATE_MS);
    connection.addEventListener("connectionstatechange", () => this.#noteState(false));
    connection.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate !== null) send({ candidate: candidate.toJSON() });
    });
    connection.addEventListener("track", ({ track }) => this.stream.addTrack(track));
    connection.addEventListener("negotiationneeded", () => void this.#offer());
    if (!isPolite) {
      connection.addTransceiver(sent.audio ?? "audio", { direction: "sendrecv" });
      connection.addTransceiver(sent.video ?? "video", { direction: "sendrecv" });
    }
  }

  /** Send other tracks from now on. */
  async replace(sent: Sent): Promise<void> {
    this.#sent = sent;
    await this.#fill();
  }

  async heard({ description, candidate, camera }: Signal): Promise<void> {
    if (camera !== undefined) this.isCameraOn = camera;
    if (description) await this.#described(description);
    if (candidate) {
      try {
        await this.#connection.addIceCandidate(candidate);
      } catch (error) {
        // Candidates of an offer that was ignored belong to no connection.
        if (!this.#ignoresOffer) throw error;
      }
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#connection.close();
  }

  #noteState(isOverdue: boolean): void {
    const { connectionState } = this.#connection;
    const wasLate = this.isLate;
    if (connectionState === "connected") this.isLate = false;
    else if (isOverdue || connectionState === "failed") this.isLate = true;
    if (this.isLate !== wasLate) this.#changed();
  }

  async #offer(): Promise<void> {
    try {
      this.#isOffering = true;
      await this.#connection.setLocalDescription();
      this.#tell();
    } finally {
      this.#isOffering = false;
    }
  }

  async #described(description: RTCSessionDescriptionInit): Promise<void> {
    const connection = this.#connection;
    const collides =
      description.type === "offer" && (this.#isOffering || connection.signalingState !== "stable");
    this.#ignoresOffer = !this.#isPolite && collides;
    if (this.#ignoresOffer) return;
    await connection.setRemoteDescription(description);
    if (description.type !== "offer") return;
    for (const line of connection.getTransceivers()) line.direction = "sendrecv";
    await this.#fill();
    await connection.setLocalDescription();
    this.#tell();
  }

  async #fill(): Promise<void> {
    for (const { receiver, sender } of this.#connection.getTransceivers()) {
      const track = receiver.track.kind === "audio" ? this.#sent.audio : this.#sent.video;
      if (sender.track !== track) await sender.replaceTrack(track);
    }
  }

  #tell(): void {
    const description = this.#connection.localDescription;
    if (description) this.#send({ description: description.toJSON() as RTCSessionDescriptionInit });
  }
}
