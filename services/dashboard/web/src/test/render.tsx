// Components over services that live in the test: the transport and the generated code are the real ones.
import { create } from "@bufbuild/protobuf";
import { type ConnectRouter, createRouterTransport } from "@connectrpc/connect";
import { QueryClientProvider } from "@tanstack/react-query";
import { render, type RenderResult } from "@testing-library/react";
import type { ReactNode } from "react";

import { newQueries } from "../App";
import { ClientsProvider, clientsOver } from "../api/clients";
import { ActorSchema } from "../gen/assent/types/v1/types_pb";
import { CallerProvider } from "../shell/caller";

export const LEAD = create(ActorSchema, { id: "lead@localhost", name: "lead", roles: ["lead"] });

export function renderOver(services: (router: ConnectRouter) => void, what: ReactNode): RenderResult {
  const clients = clientsOver(createRouterTransport(services));
  return render(
    <ClientsProvider value={clients}>
      <QueryClientProvider client={newQueries()}>
        <CallerProvider value={LEAD}>{what}</CallerProvider>
      </QueryClientProvider>
    </ClientsProvider>,
  );
}
