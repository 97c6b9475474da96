import createClient, { type Middleware } from "openapi-fetch";

import { ADDRESSES } from "../addresses.ts";
import { bearerToken, SignedOut } from "../signIn/signIn.ts";
import { pathId } from "./ids.ts";
import type { components, paths } from "./schema.d.ts";

export type Friend = components["schemas"]["FriendAnswer"];
export type Invitation = components["schemas"]["ListedAnswer"];
type Problem = Partial<components["schemas"]["ProblemDocument"]>;

/** The service has refused, or does not answer. The message is for people. */
export class ServiceError extends Error {
  readonly code: string | null;
  constructor(message: string, code: string | null) {
    super(message);
    this.code = code;
  }
}

const signed: Middleware = {
  async onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${await bearerToken()}`);
  },
};

// The service itself gives up after 10 seconds, and says so.
const ANSWER_MS = 20_000;

const api = createClient<paths>({
  baseUrl: ADDRESSES.api,
  fetch: (request) => fetch(request, { signal: AbortSignal.timeout(ANSWER_MS) }),
});
api.use(signed);

/** What a request was answered with; rejects with a sentence if it was refused. */
async function answer<T>(
  request: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  let answered: { data?: T; error?: unknown; response: Response };
  try {
    answered = await request;
  } catch (error) {
    if (error instanceof SignedOut) throw error;
    throw new ServiceError("The service does not answer. Is it running?", null);
  }
  if (answered.response.ok) return answered.data as T;
  throw refusal(answered.response, answered.error);
}

function refusal(response: Response, body: unknown): Error {
  const problem: Problem = typeof body === "object" && body !== null ? body : {};
  if (response.status === 401) {
    return new SignedOut("The service does not take your sign-in any more. Sign in again.");
  }
  const wait = response.headers.get("Retry-After");
  const said = problem.detail ?? problem.title ?? `The service answered ${response.status}.`;
  const message = wait === null ? said : `${said} Try again in ${wait} seconds.`;
  return new ServiceError(message, problem.code ?? null);
}

export async function callingToken(): Promise<{ token: string; expiresOn: Date }> {
  const given = await answer(api.POST("/token", { body: { scopes: ["voip"] } }));
  return { token: given.token, expiresOn: new Date(given.expiresOn) };
}

export async function revokeTokens(): Promise<void> {
  await answer(api.DELETE("/token"));
}

export async function friends(): Promise<Friend[]> {
  return (await answer(api.GET("/friends"))).friends;
}

export async function addFriend(id: string): Promise<Friend> {
  const params = { path: { friendId: pathId(id) } };
  return answer(api.PUT("/friends/{friendId}", { params }));
}

export async function removeFriend(id: string): Promise<void> {
  await answer(api.DELETE("/friends/{friendId}", { params: { path: { friendId: pathId(id) } } }));
}

/** The ACS identity of a friend, if both people are still friends now. */
export async function friendToCall(id: string): Promise<string> {
  const params = { path: { friendId: pathId(id) } };
  const { communicationUserId } = await answer(api.GET("/friends/{friendId}", { params }));
  if (communicationUserId === undefined) {
    throw new ServiceError("They cannot be called yet. Try again in a moment.", null);
  }
  return communicationUserId;
}

/** The ACS identity and the name of a bot. */
export async function bot(id: string): Promise<{ user: string; displayName: string }> {
  const params = { path: { botId: pathId(id) } };
  const found = await answer(api.GET("/bots/{botId}", { params }));
  return { user: found.communicationUserId, displayName: found.displayName ?? id };
}

export async function invitations(): Promise<Invitation[]> {
  return (await answer(api.GET("/invitations"))).invitations;
}

/** Share a group call with all friends. */
export async function shareGroupCall(groupId: string, title: string): Promise<void> {
  const body = { groupId, title, audience: { friends: true as const } };
  await answer(api.POST("/groupCalls", { body }));
}

export async function unshareGroupCall(id: string): Promise<void> {
  await answer(api.DELETE("/groupCalls/{id}", { params: { path: { id } } }));
}

/** How to join a call: what the Calling SDK's `join` takes. */
export async function locatorOf(id: string): Promise<{ groupId: string } | { meetingLink: string }> {
  // The service also gives it as a calendar file, so its type says that it may be one.
  const { locator } = (await answer<unknown>(
    api.GET("/invitations/{id}", {
      params: { path: { id } },
      headers: { Accept: "application/json" },
    }),
  )) as components["schemas"]["InvitationAnswer"];
  if ("groupId" in locator) return { groupId: locator.groupId };
  if ("meetingLink" in locator) return { meetingLink: locator.meetingLink };
  throw new ServiceError("This page does not know how to join that call.", null);
}
