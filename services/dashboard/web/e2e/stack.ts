// A real stack for each worker, pages that fail on whatever a policy or a script complains about, and calls of others.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import AxeBuilder from "@axe-core/playwright";
import type { Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { type Browser, expect, type Page, test as base } from "@playwright/test";

import { type Clients, clientsOver } from "../src/api/clients";

export type Who = "agent" | "dev" | "lead" | "admin" | "admin2";

export interface Stack {
  url: string;
  /** What stands behind the @ in the ids of its people. */
  domain: string;
  token: (who: Who) => string;
  /** Calls as somebody, past the browser. */
  as: (who: Who) => Clients;
}

const PROGRAM = process.env["ASSENT_BIN"] ?? join(import.meta.dirname, "../../../../target/debug/assent");

async function serving(process: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const read = (chunk: Buffer) => {
      text += chunk.toString();
      const found = /assent serves on (http:\/\/\S+)/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    };
    process.stdout?.on("data", read);
    process.stderr?.on("data", read);
    process.on("exit", (code) => reject(new Error(`assent dev ended with ${code}: ${text}`)));
    process.on("error", reject);
  });
}

// The UI that was built last, which need not be the one in the program.
const UI = process.env["ASSENT_UI"] ?? join(import.meta.dirname, "../dist/ui");

/** A stack of one's own, with settings such as `service.dashboard.public_url=…`; the second value ends it. */
export async function startStack(settings: string[] = []): Promise<[Stack, () => Promise<void>]> {
  const folder = mkdtempSync(join(tmpdir(), "assent-web-"));
  const data = join(folder, "data");
  // People here write faster than people do.
  const all = [`service.dashboard.assets_dir=${UI}`, "service.approval_gate.comments_per_minute=1000", ...settings];
  const child = spawn(PROGRAM, ["dev", "--listen", "127.0.0.1:0", "--data", data, ...all.flatMap((one) => ["--set", one])]);
  const url = await serving(child);
  const token = (who: Who) => readFileSync(join(data, "tokens", who), "utf8").trim();
  const end = async () => {
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true });
  };
  return [{ url, domain: "localhost", token, as: (who) => callsAs(url, token(who)) }, end];
}

/** The processes of deploy/local/cluster.sh, where tests/web_cluster.sh has started them. */
function runningCluster(): Stack | undefined {
  const [url, folder] = [process.env["ASSENT_CLUSTER_URL"], process.env["ASSENT_CLUSTER_DIR"]];
  if (url === undefined || folder === undefined) return undefined;
  const token = (who: Who) => readFileSync(join(folder, "tokens", who), "utf8").trim();
  return { url, domain: "cluster.local", token, as: (who) => callsAs(url, token(who)) };
}

function callsAs(url: string, token: string): Clients {
  const signed: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  return clientsOver(createGrpcWebTransport({ baseUrl: url, interceptors: [signed] }));
}

export const test = base.extend<{ signIn: (who: Who) => Promise<Page> }, { stack: Stack }>({
  stack: [
    async ({}, use) => {
      const cluster = runningCluster();
      if (cluster !== undefined) return use(cluster);
      const [stack, end] = await startStack();
      await use(stack);
      await end();
    },
    { scope: "worker" },
  ],
  signIn: async ({ browser, stack }, use) => {
    const watched: Watched[] = [];
    await use(async (who) => {
      const one = await openPage(browser, stack);
      watched.push(one);
      await one.page.goto(stack.url);
      await one.page.getByLabel("Token").fill(stack.token(who));
      await one.page.getByRole("button", { name: "Sign in" }).click();
      await expect(one.page.getByRole("button", { name: "Sign out" })).toBeVisible();
      return one.page;
    });
    for (const { page, complaints } of watched) {
      expect(complaints, "what the console and the network said").toEqual([]);
      await page.context().close();
    }
  },
});

interface Watched {
  page: Page;
  complaints: string[];
}

/** A browser of its own, that notes errors of scripts, breaches of the policy, and requests to anywhere else. */
async function openPage(browser: Browser, stack: Stack): Promise<Watched> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // The first question who one is finds nobody; the browser itself logs nothing of it, since gRPC answers with 200.
    if (message.type() === "error" || message.text().includes("Content Security Policy")) complaints.push(message.text());
  });
  page.on("request", (request) => {
    const own = request.url().startsWith(stack.url) || /^(blob|data):/.test(request.url());
    if (!own) complaints.push(`a request to ${request.url()}`);
  });
  return { page, complaints };
}

/** Fails on anything that WCAG 2.2 AA does not allow, in both themes. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const theme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
    const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
    const found = violations.map(({ id, nodes }) => `${theme} ${id}: ${nodes.map((node) => node.html).join(" ")}`);
    expect(found).toEqual([]);
  }
}

export const EXPORT = "Create a Python script that connects to our PostgreSQL database and exports user data to CSV";

/** An agent asks for a plan, and gets the id of its session. */
export async function submit(stack: Stack, goal = EXPORT): Promise<string> {
  const { session } = await stack.as("agent").approval.submitForApproval({ goal, onBehalfOf: `dev@${stack.domain}` });
  if (session === undefined) throw new Error("no session");
  return session.id;
}

export { expect };
