import { QueryClient, QueryClientProvider, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";

import { ClientsProvider, ownClients, useClients } from "./api/clients";
import { isSignedOut, isTransient } from "./api/problem";
import { LoginPage } from "./login/LoginPage";
import { Pages, prefetch } from "./Pages";
import { CallerProvider } from "./shell/caller";
import { Shell } from "./shell/Shell";
import { Failure, Waiting } from "./ui/parts";

export function App() {
  // One life per person: signing in or out starts over, with nothing left of what the one before was shown.
  const [life, setLife] = useState(0);
  return <Life key={life} onEnd={() => setLife((before) => before + 1)} />;
}

function Life({ onEnd }: { onEnd: () => void }) {
  const [signedOut, setSignedOut] = useState(false);
  const clients = useMemo(() => ownClients(() => setSignedOut(true)), []);
  const queries = useMemo(newQueries, []);
  if (signedOut) return <LoginPage onSignedIn={onEnd} />;
  return (
    <ClientsProvider value={clients}>
      <QueryClientProvider client={queries}>
        <SignedIn onSignedOut={() => setSignedOut(true)} />
      </QueryClientProvider>
    </ClientsProvider>
  );
}

function SignedIn({ onSignedOut }: { onSignedOut: () => void }) {
  const clients = useClients();
  const { directory } = clients;
  const queries = useQueryClient();
  useEffect(() => prefetch(window.location.pathname, clients, queries), [clients, queries]);
  const caller = useQuery({ queryKey: ["caller"], queryFn: () => directory.getCaller({}), staleTime: Infinity });
  if (caller.error !== null && !isSignedOut(caller.error)) {
    return <Failure error={caller.error} retry={() => void caller.refetch()} />;
  }
  const who = caller.data?.caller;
  if (who === undefined) return <Waiting what="who you are" />;
  return (
    <CallerProvider value={who}>
      <Shell onSignedOut={onSignedOut}>
        <Pages />
      </Shell>
    </CallerProvider>
  );
}

export function newQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { retry: (failures, error) => failures < 2 && isTransient(error), staleTime: 1000 },
      mutations: { retry: false },
    },
  });
}
