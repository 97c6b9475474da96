// Where the page's services are, and what the browser lets it load: both are written at build.

export interface Addresses {
  /** The trusted service, up to and with `/api`. */
  api: string;
  /** Who signs people in: an OpenID Connect issuer, its client id for this page, and the scope. */
  issuer: string;
  clientId: string;
  scope: string;
  /** `acs`, or the WebSocket of a stack's calling plane. */
  calling: string;
}

const STACK: Addresses = {
  api: "http://127.0.0.1:7071/api",
  issuer: "http://127.0.0.1:7072",
  clientId: "page",
  scope: "openid profile offline_access api://trusted-service/access",
  calling: "ws://127.0.0.1:7073/_emulator/calling",
};

/** What the environment says, with the addresses of a stack on its default ports for the rest. */
export function addressesOf(environment: Record<string, string | undefined>): Addresses {
  return {
    api: environment["PAGE_API"] ?? STACK.api,
    issuer: environment["PAGE_ISSUER"] ?? STACK.issuer,
    clientId: environment["PAGE_CLIENT_ID"] ?? STACK.clientId,
    scope: environment["PAGE_SCOPE"] ?? STACK.scope,
    calling: environment["PAGE_CALLING"] ?? STACK.calling,
  };
}

// The hosts that the Calling SDK talks to: Microsoft's "Prepare your network" and its firewall list.
const ACS_HOSTS = [
  "https://*.skype.com",
  "wss://*.skype.com",
  "https://*.microsoft.com",
  "https://*.azure.net",
  "https://*.azure.com",
  "https://*.office.com",
  "https://*.communication.azure.com",
  "wss://*.communication.azure.com",
];

// Fluent UI makes <style> elements that are empty and fills them by script: the hash of nothing.
const EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";

/** The Content-Security-Policy: no eval, nothing inline, nobody asked but these. */
export function policyOf(addresses: Addresses): string {
  const media = addresses.calling === "acs" ? [] : [originOfPlane(addresses.calling)];
  const calling =
    addresses.calling === "acs" ? ACS_HOSTS : [new URL(addresses.calling).origin, ...media];
  const asked = [new URL(addresses.api).origin, new URL(addresses.issuer).origin, ...calling];
  return Object.entries({
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'", EMPTY_STYLE],
    "worker-src": ["'self'", "blob:"],
    "connect-src": ["'self'", ...new Set(asked)],
    "img-src": ["'self'", "data:"],
    "media-src": ["'self'", "blob:", ...media],
    "font-src": ["'self'"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
  })
    .map(([directive, sources]) => `${directive} ${sources.join(" ")}`)
    .join("; ");
}

/** Where a plane serves the files that bots play: its WebSocket's address, over HTTP. */
export function originOfPlane(socket: string): string {
  return new URL(socket.replace(/^ws/, "http")).origin;
}
