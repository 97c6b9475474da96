import {
  CallClient,
  LocalVideoStream,
  type Call as AcsCall,
  type CallAgent,
  type DeviceManager,
  type DtmfTone,
  type IncomingCall,
  type RemoteParticipant,
} from "@azure/communication-calling";
import {
  AzureCommunicationTokenCredential,
  createIdentifierFromRawId,
  getIdentifierRawId,
  type CommunicationIdentifier,
} from "@azure/communication-common";

import {
  type Calling,
  CallingError,
  type CallingView,
  type CallState,
  type Key,
  type Locator,
  type Person,
  type TokenSource,
} from "../contract.ts";
import { Store } from "../store.ts";

const STATES: Partial<Record<AcsCall["state"], CallState>> = {
  Ringing: "ringing",
  EarlyMedia: "ringing",
  Connected: "connected",
  LocalHold: "connected",
  RemoteHold: "connected",
  InLobby: "lobby",
  Disconnecting: "ended",
  Disconnected: "ended",
};

// By the code of a CallEndReason, whose meanings are those of SIP.
const ENDED: Record<number, string> = {
  0: "The call has ended.",
  403: "You may not make this call.",
  404: "They cannot be reached.",
  408: "Nobody answered.",
  480: "They cannot be reached: no client of theirs is open.",
  486: "They are in another call.",
  487: "The call was given up.",
  603: "The call was declined.",
};

/** Calls through Azure Communication Services, with Microsoft's Calling SDK. */
export class AcsCalling implements Calling {
  readonly view = new Store<CallingView>({
    connection: { state: "connecting" },
    rings: [],
    call: null,
  });
  readonly #displayName: string;
  readonly #tokens: TokenSource;
  readonly #incoming = new Map<string, IncomingCall>();
  readonly #pictures = new Map<number, MediaStream>();
  #agent: CallAgent | null = null;
  #client: CallClient | null = null;
  #call: AcsCall | null = null;
  #camera: { sent: LocalVideoStream; preview: MediaStream } | null = null;
  #trouble: string | null = null;
  #isClosed = false;

  constructor(displayName: string, tokens: TokenSource) {
    this.#displayName = displayName;
    this.#tokens = tokens;
    this.reconnect();
  }

  reconnect(): void {
    this.view.change({ connection: { state: "connecting" } });
    this.#connect().catch((error: unknown) => {
      const why = error instanceof Error ? error.message : "ACS does not answer.";
      const because = `Calls cannot be made: ${why}`;
      this.view.change({ connection: { state: "closed", because } });
    });
  }

  async call(user: string): Promise<void> {
    const agent = this.#ready();
    const videoOptions = await this.#openCamera();
    this.#begin(agent.startCall([createIdentifierFromRawId(user)], { videoOptions }));
  }

  async join(locator: Locator): Promise<void> {
    const agent = this.#ready();
    const videoOptions = await this.#openCamera();
    this.#begin(
      "groupId" in locator
        ? agent.join(locator, { videoOptions })
        : agent.join(locator, { videoOptions }),
    );
  }

  async answer(ring: string, accept: boolean): Promise<void> {
    const incoming = this.#incoming.get(ring);
    if (incoming === undefined) throw new CallingError("It does not ring any more.");
    if (!accept) return incoming.reject();
    this.#ready();
    this.#begin(await incoming.accept({ videoOptions: await this.#openCamera() }));
  }

  async press(key: Key): Promise<void> {
    const tone = key === "*" ? "Star" : key === "#" ? "Pound" : `Num${key}`;
    await this.#call?.sendDtmf(tone as DtmfTone);
  }

  async setMuted(muted: boolean): Promise<void> {
    await (muted ? this.#call?.mute() : this.#call?.unmute());
  }

  async setCamera(on: boolean): Promise<void> {
    if (on) {
      await this.#openCamera();
      if (this.#camera) await this.#call?.startVideo(this.#camera.sent);
    } else if (this.#camera) {
      await this.#call?.stopVideo(this.#camera.sent);
      this.#closeCamera();
    }
    this.#show();
  }

  async leave(): Promise<void> {
    await this.#call?.hangUp();
  }

  dismiss(): void {
    this.#call = null;
    this.#show();
  }

  close(): void {
    this.#isClosed = true;
    this.#closeCamera();
    void this.#agent?.dispose();
  }

  async #connect(): Promise<void> {
    await this.#agent?.dispose();
    this.#agent = null;
    const first = await this.#tokens();
    const credential = new AzureCommunicationTokenCredential({
      token: first.token,
      tokenRefresher: async () => (await this.#tokens()).token,
      refreshProactively: true,
    });
    this.#client ??= new CallClient();
    const agent = await this.#client.createCallAgent(credential, {
      displayName: this.#displayName,
    });
    if (this.#isClosed) return void agent.dispose();
    this.#agent = agent;
    agent.on("incomingCall", ({ incomingCall }) => this.#rings(incomingCall));
    agent.on("connectionStateChanged", ({ newValue }) => {
      if (newValue === "Disconnected") {
        const because = "Azure Communication Services closed the connection.";
        this.view.change({ connection: { state: "closed", because }, rings: [] });
      }
    });
    this.view.change({ connection: { state: "ready" } });
  }

  #ready(): CallAgent {
    if (this.#agent === null) throw new CallingError("This window is not connected.");
    if (this.#call !== null && this.view.get().call?.state !== "ended") {
      throw new CallingError("You are in a call already. Leave it first.");
    }
    return this.#agent;
  }

  #rings(incoming: IncomingCall): void {
    this.#incoming.set(incoming.id, incoming);
    const { identifier, displayName } = incoming.callerInfo;
    const ring = {
      id: incoming.id,
      user: identifier ? rawId(identifier) : "",
      displayName: displayName ?? "",
    };
    this.view.change({ rings: [...this.view.get().rings, ring] });
    incoming.on("callEnded", () => {
      this.#incoming.delete(incoming.id);
      this.view.change({ rings: this.view.get().rings.filter(({ id }) => id !== incoming.id) });
    });
  }

  #begin(call: AcsCall): void {
    this.#call = call;
    const show = () => {
      if (this.#call === call) this.#show();
    };
    const watch = (participants: readonly RemoteParticipant[]) => {
      for (const participant of participants) {
        participant.on("isMutedChanged", show);
        participant.on("displayNameChanged", show);
        participant.on("videoStreamsUpdated", ({ added }) => {
          for (const stream of added) stream.on("isAvailableChanged", () => void this.#see(show));
          void this.#see(show);
        });
        for (const stream of participant.videoStreams) {
          stream.on("isAvailableChanged", () => void this.#see(show));
        }
      }
      void this.#see(show);
    };
    call.on("stateChanged", () => {
      if (call.state === "Disconnected") this.#closeCamera();
      show();
    });
    call.on("isMutedChanged", show);
    call.on("remoteParticipantsUpdated", ({ added }) => watch(added));
    watch(call.remoteParticipants);
    this.#show();
  }

  /** Fetch the pictures that have become available. */
  async #see(show: () => void): Promise<void> {
    for (const { videoStreams } of this.#call?.remoteParticipants ?? []) {
      for (const stream of videoStreams) {
        if (!stream.isAvailable) this.#pictures.delete(stream.id);
        else if (!this.#pictures.has(stream.id)) {
          this.#pictures.set(stream.id, await stream.getMediaStream());
        }
      }
    }
    show();
  }

  async #openCamera(): Promise<{ localVideoStreams: LocalVideoStream[] }> {
    this.#trouble = null;
    try {
      const devices: DeviceManager = await (this.#client as CallClient).getDeviceManager();
      await devices.askDevicePermission({ audio: true, video: true });
      const [camera] = await devices.getCameras();
      if (camera === undefined) throw new CallingError("No camera was found.");
      const sent = new LocalVideoStream(camera);
      this.#camera = { sent, preview: await sent.getMediaStream() };
      return { localVideoStreams: [sent] };
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : "The camera cannot be used.";
      return { localVideoStreams: [] };
    }
  }

  #closeCamera(): void {
    this.#camera?.sent.dispose();
    this.#camera = null;
  }

  #show(): void {
    const call = this.#call;
    if (call === null) return this.view.change({ call: null });
    const state = STATES[call.state] ?? "connecting";
    const code = call.callEndReason?.code ?? 0;
    this.view.change({
      call: {
        id: call.id,
        state,
        reason: state === "ended" ? (ENDED[code] ?? "The call has ended.") : null,
        isGroup: call.info.groupId !== undefined,
        people: state === "connected" ? this.#people(call) : [],
        isMuted: call.isMuted,
        isOnHold: call.state === "LocalHold" || call.state === "RemoteHold",
        isCameraOn: this.#camera !== null,
        trouble: this.#trouble,
        played: null, // the SDK plays it, and does not say what it is
      },
    });
  }

  #people(call: AcsCall): Person[] {
    return [this.#me(call), ...call.remoteParticipants.map((one) => this.#other(one))];
  }

  #me(call: AcsCall): Person {
    return {
      key: "me",
      user: "", // the agent does not say who it is
      displayName: this.#displayName,
      isMe: true,
      isMuted: call.isMuted,
      isOnHold: call.state === "LocalHold",
      hasWindow: true,
      stream: this.#camera?.preview ?? null,
      showsPicture: this.#camera !== null,
    };
  }

  #other(participant: RemoteParticipant): Person {
    const [picture] = participant.videoStreams.flatMap(({ id }) => this.#pictures.get(id) ?? []);
    const user = rawId(participant.identifier);
    return {
      key: user,
      user,
      displayName: participant.displayName ?? "",
      isMe: false,
      isMuted: participant.isMuted,
      isOnHold: participant.state === "Hold",
      hasWindow: participant.identifier.kind === "communicationUser",
      stream: picture ?? null,
      showsPicture: picture !== undefined,
    };
  }
}

function rawId(identifier: CommunicationIdentifier): string {
  return getIdentifierRawId(identifier);
}
