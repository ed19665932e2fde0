// Signing in through a real OpenID provider, which requires PKCE and the client's secret.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type BrowserContext, type Page, test } from "@playwright/test";
import Provider from "oidc-provider";

import { expect, expectAccessible, type Stack, startStack, submit } from "./stack";

const SECRET = "a secret: with % and +";

interface Signing {
  stack: Stack;
  /** What the provider was asked for. */
  asked: URLSearchParams[];
  end: () => Promise<void>;
}

/** A provider and a stack that sends people there; its services may believe the provider's tokens, or not. */
async function signing(credential: "access_token" | "id_token", believed = false): Promise<Signing> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const folder = mkdtempSync(join(tmpdir(), "assent-oidc-"));
  writeFileSync(join(folder, "secret"), `${SECRET}\n`);
  const [stack, endStack] = await startStack([
    `service.dashboard.oidc.issuer=${issuer}`,
    "service.dashboard.oidc.client_id=assent",
    `service.dashboard.oidc.client_secret_file=${join(folder, "secret")}`,
    `service.dashboard.oidc.credential=${credential}`,
    "service.dashboard.oidc.name=Example Inc.",
    ...(believed ? [`auth.issuers=[{issuer="${issuer}",audiences=["assent"],jwks_url="${issuer}/jwks"}]`] : []),
  ]);
  const provider = new Provider(issuer, {
    clients: [{ client_id: "assent", client_secret: SECRET, redirect_uris: [`${stack.url}/oidc/callback`] }],
    pkce: { required: () => true },
    claims: { openid: ["sub", "roles"], email: ["email"], profile: ["name"] },
    // The services are shown the id token, and ask nobody else.
    conformIdTokenClaims: false,
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: "Ada", roles: ["lead"] }) }),
  });
  // Services that know tokens of their own only: the provider gives its people those.
  if (!believed) {
    Object.assign(provider.AccessToken.prototype, {
      generateTokenId(this: { format: string }) {
        this.format = "opaque";
        return stack.token("lead");
      },
    });
  }
  const asked: URLSearchParams[] = [];
  const answer = provider.callback();
  server.on("request", (request, response) => {
    const address = new URL(request.url ?? "/", issuer);
    if (address.pathname === "/auth") asked.push(address.searchParams);
    void answer(request, response);
  });
  const end = async () => {
    await endStack();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  };
  return { stack, asked, end };
}

/** Goes from the page of the dashboard through those of the provider. */
async function through(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Sign in with Example Inc." }).click();
  await page.locator('input[name="login"]').fill("ada");
  await page.locator('input[name="password"]').fill("anything");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}

test("people sign in through a provider, come back to where they were, and act as themselves", async ({ page }) => {
  const { stack, asked, end } = await signing("access_token");
  try {
    const id = await submit(stack);
    await page.goto(`${stack.url}/sessions/${id}?view=table`);
    await expect(page.getByRole("link", { name: "Sign in with Example Inc." })).toBeVisible();
    await expectAccessible(page);
    await through(page);
    await expect(page.getByRole("button", { name: "Approve …" })).toBeVisible();
    expect(page.url()).toBe(`${stack.url}/sessions/${id}?view=table`);
    await expect(page.getByRole("banner")).toContainText("lead@localhost");

    const [question] = asked;
    expect(question?.get("response_type")).toBe("code");
    expect(question?.get("code_challenge_method")).toBe("S256");
    expect(question?.get("scope")).toBe("openid profile email");
    for (const name of ["state", "nonce", "code_challenge"]) expect(question?.get(name)).toMatch(/^[\w-]{43}$/);
    // The token holds as long as the provider says, and the way there has left nothing.
    const cookies = (await page.context().cookies()).filter(({ name }) => name.startsWith("assent"));
    expect(cookies).toMatchObject([{ name: "assent_token", httpOnly: true, sameSite: "Strict" }]);
    expect(cookies[0]?.expires ?? 0).toBeGreaterThan(Date.now() / 1000);
    await page.getByRole("button", { name: "Sign out" }).click();
    await expect(page.getByRole("link", { name: "Sign in with Example Inc." })).toBeVisible();
  } finally {
    await end();
  }
});

test("people whose provider the services believe act with the provider's own token", async ({ page }) => {
  const { stack, end } = await signing("id_token", true);
  try {
    const id = await submit(stack);
    await page.goto(stack.url);
    await through(page);
    await expect(page.getByRole("banner")).toContainText("ada");
    // The queue is theirs: roles stand in the token, and the services have looked at its signature.
    const row = page.getByRole("listitem").filter({ has: page.locator(`a[href="/sessions/${id}"]`) });
    await expect(row).toContainText("0 of 1 approval");
    await row.getByRole("link").click();
    await page.getByRole("button", { name: "Approve …" }).click();
    const dialog = page.getByRole("dialog");
    const code = /\(([0-9a-f]{6})\)/.exec((await dialog.getByRole("heading").textContent()) ?? "")?.[1] ?? "";
    await dialog.getByLabel(/^Type /).fill(code);
    await dialog.getByRole("button", { name: "Approve the whole plan" }).click();
    await expect(page.getByText("Approved", { exact: true })).toBeVisible();
    const { session } = await stack.as("dev").approval.getSession({ sessionId: id });
    expect(session?.decision?.decidedBy).toMatchObject({ id: "ada", name: "Ada", roles: ["lead"] });

    // Nobody else's signature: the same claims under another key open nothing.
    const cookie = (await page.context().cookies()).find(({ name }) => name === "assent_token");
    const [head, claims, signature = ""] = (cookie?.value ?? "").split(".");
    const forged = `${head}.${claims}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
    await page.context().addCookies([{ ...cookie, name: "assent_token", value: forged }] as Parameters<BrowserContext["addCookies"]>[0]);
    await page.reload();
    await expect(page.getByRole("link", { name: "Sign in with Example Inc." })).toBeVisible();
  } finally {
    await end();
  }
});

test("who is known to the provider alone, or did not begin here, is not let in", async ({ page, browser }) => {
  const { stack, end } = await signing("id_token");
  try {
    await page.goto(stack.url);
    await through(page);
    await expect(page.getByRole("alert")).toHaveText("You are known to the provider, and not to Assent.");
    // The provider, on another port of the same host, has cookies of its own.
    const own = async () => (await page.context().cookies()).filter(({ name }) => name.startsWith("assent"));
    expect(await own()).toEqual([]);

    // The address on which somebody else came back, and one without any cookie.
    const stranger = await browser.newContext();
    const other = await stranger.newPage();
    await other.goto(`${stack.url}/oidc/callback?code=stolen&state=x`);
    await expect(other.getByRole("alert")).toContainText("was not finished in this browser");
    await other.goto(`${stack.url}/oidc/start?to=//evil.example`);
    const visit = (await stranger.cookies(`${stack.url}/oidc/`)).find(({ name }) => name === "assent_sign_in");
    expect(visit).toMatchObject({ httpOnly: true, sameSite: "Lax", path: "/oidc" });
    expect(JSON.parse(Buffer.from(visit?.value ?? "", "base64url").toString())).toMatchObject({ to: "/" });
    await other.goto(`${stack.url}/oidc/callback?code=stolen&state=guessed`);
    await expect(other.getByRole("alert")).toContainText("was not finished in this browser");
    expect(await stranger.cookies(stack.url)).toEqual([]);
    await stranger.close();
  } finally {
    await end();
  }
});
