import { UserManager, WebStorageStateStore, type User } from "oidc-client-ts";

import { ADDRESSES } from "../addresses.ts";

export interface SignedIn {
  id: string;
  displayName: string;
}

/** The sign-in is over; the message says why, for people. */
export class SignedOut extends Error {}

const HERE = `${location.origin}/`;

// In sessionStorage everything belongs to one tab: two windows can be two people, and nothing is
// left when the tab is closed.
const store = new WebStorageStateStore({ store: sessionStorage });

const manager = new UserManager({
  authority: ADDRESSES.issuer,
  client_id: ADDRESSES.clientId,
  scope: ADDRESSES.scope,
  redirect_uri: HERE,
  post_logout_redirect_uri: HERE,
  userStore: store,
  stateStore: store,
  automaticSilentRenew: true, // with the refresh token, so that no frame is needed
});

/**
 * Finish a sign-in that comes back to this page, and find out who is signed in.
 *
 * Rejects with a sentence if the issuer has refused the sign-in.
 */
export async function whoIsSignedIn(): Promise<SignedIn | null> {
  const parameters = new URLSearchParams(location.search);
  if (parameters.has("state")) {
    history.replaceState(null, "", "/");
    if (!parameters.has("code") && !parameters.has("error")) return null; // back from signing out
    await manager.signinCallback(`${HERE}?${parameters}`);
  }
  const user = await manager.getUser();
  return user && (!user.expired || user.refresh_token !== undefined) ? personOf(user) : null;
}

export async function signIn(): Promise<void> {
  await manager.signinRedirect();
}

export async function signOut(): Promise<void> {
  await manager.signoutRedirect();
}

/** Forget the sign-in in this tab; the issuer is not asked. */
export async function forgetSignIn(): Promise<void> {
  await manager.removeUser();
}

/** The bearer token for the service, renewed if it has expired. */
export async function bearerToken(): Promise<string> {
  let user = await manager.getUser();
  if (user?.expired) user = await renew();
  if (user === null) throw new SignedOut("You are not signed in any more. Sign in again.");
  return user.access_token;
}

let renewal: Promise<User | null> | null = null;

/** One renewal at a time: a refresh token is good once only. */
export async function renew(): Promise<User | null> {
  renewal ??= manager.signinSilent().finally(() => (renewal = null));
  try {
    return await renewal;
  } catch {
    throw new SignedOut("Your sign-in has expired. Sign in again.");
  }
}

function personOf(user: User): SignedIn {
  const { sub, name } = user.profile;
  return { id: sub, displayName: typeof name === "string" && name !== "" ? name : sub };
}
