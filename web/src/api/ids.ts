/** An id in a path: `~` and base64url of its UTF-8 where it has unusual characters. */
export function pathId(id: string): string {
  if (/^[A-Za-z0-9._|@-]+$/.test(id)) return id;
  const bytes = new TextEncoder().encode(id);
  const base64 = btoa(String.fromCharCode(...bytes));
  return `~${base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}
