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

/** What the server says of itself. */
export interface Settings {
  /** What the provider is called through which people sign in. */
  provider?: string;
  /** Address of the page of a trace, with `{trace_id}`; only for those who are signed in. */
  trace_url?: string;
}

/** Nothing where the server does not say. */
export async function readSettings(): Promise<Settings> {
  try {
    const response = await fetch("/settings");
    return response.ok ? ((await response.json()) as Settings) : {};
  } catch {
    return {};
  }
}

/** Where signing in through the provider begins; afterwards one is where one was. */
export function providerPath({ pathname, search }: { pathname: string; search: string }): string {
  const to = pathname === "/login" ? "/" : pathname + search;
  return `/oidc/start?to=${encodeURIComponent(to)}`;
}

const PROBLEMS: Record<string, string> = {
  denied: "The provider did not let you in.",
  failed: "The sign-in was not finished in this browser, or took too long. Try again.",
  unknown: "You are known to the provider, and not to Assent.",
  unavailable: "Signing in is not possible now. Try again later.",
};

/** Why one came back from the provider without being signed in; empty when nothing is wrong. */
export const problemOfSignIn = (code: string | null): string => (code === null ? "" : (PROBLEMS[code] ?? ""));
