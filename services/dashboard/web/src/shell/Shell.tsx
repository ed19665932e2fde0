import { type ReactNode, useEffect, useState } from "react";

import { useInbox } from "../inbox/useInbox";
import { signOut } from "../login/session";
import { Link, usePath } from "../router/router";
import { Visible } from "../text/Visible";
import { Button } from "../ui/parts";
import { useCaller } from "./caller";
import { applyTheme, storedTheme, type Theme } from "./theme";

const PAGES = [
  ["/", "Reviews"],
  ["/inbox", "Inbox"],
  ["/delegations", "Delegations"],
  ["/policy", "Policy"],
  ["/analytics", "Analytics"],
] as const;

export function Shell({ onSignedOut, children }: { onSignedOut: () => void; children: ReactNode }) {
  const caller = useCaller();
  const path = usePath();
  const unread = useInbox().data?.pages[0]?.unread ?? 0;
  const [theme, setTheme] = useState<Theme>(storedTheme);
  useEffect(() => applyTheme(theme), [theme]);
  const leave = async () => {
    await signOut();
    onSignedOut();
  };
  return (
    <>
      <a href="#content" className="sr-only focus:not-sr-only">
        To the content
      </a>
      <header className="border-b border-line bg-surface">
        <div className="mx-auto flex max-w-7xl flex-wrap items-center gap-x-6 gap-y-2 px-4 py-2">
          <Link href="/" className="text-lg font-bold text-text no-underline">
            Assent
          </Link>
          <nav aria-label="Pages" className="flex flex-wrap gap-x-4 gap-y-1">
            {PAGES.map(([href, name]) => (
              <Link key={href} href={href} className="inline-block min-h-6" aria-current={path === href ? "page" : undefined}>
                {name}
                {href === "/inbox" && unread > 0 && ` (${unread})`}
              </Link>
            ))}
          </nav>
          <div className="ml-auto flex flex-wrap items-center gap-3">
            <label className="flex items-center gap-2 text-sm text-soft">
              Theme
              <select className="field" value={theme} onChange={(event) => setTheme(event.target.value as Theme)}>
                <option value="system">System</option>
                <option value="light">Light</option>
                <option value="dark">Dark</option>
              </select>
            </label>
            <span className="text-sm">
              <Visible text={caller.id} />
            </span>
            <Button onClick={() => void leave()}>Sign out</Button>
          </div>
        </div>
      </header>
      <main id="content" tabIndex={-1} className="mx-auto max-w-7xl p-4 outline-none">
        {children}
      </main>
    </>
  );
}
