// The token goes into a cookie that this page cannot read; the server sets and clears it.

/** Empty when it worked, else why not. */
export async function signIn(token: string): Promise<string> {
  try {
    const response = await fetch("/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: token.trim() }),
    });
    if (response.ok) return "";
    if (response.status === 401) return "Nobody is known by this token.";
    if (response.status === 403) return "The server does not take sign-ins from this address.";
    return "The server cannot check tokens now. Try again later.";
  } catch {
    return "The server cannot be reached.";
  }
}

export async function signOut(): Promise<void> {
  await fetch("/session", { method: "DELETE" });
}
