// The services, called with the credential of whoever signed in: the browser adds the cookie by itself.
import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { createContext, useContext } from "react";

import { ApprovalService } from "../gen/assent/approval/v1/approval_service_pb";
import { AuditService } from "../gen/assent/approval/v1/audit_service_pb";
import { CommentService } from "../gen/assent/approval/v1/comment_service_pb";
import { DirectoryService } from "../gen/assent/approval/v1/directory_service_pb";
import { ExecutorService } from "../gen/assent/executor/v1/executor_service_pb";
import { NotificationService } from "../gen/assent/notification/v1/notification_service_pb";
import { RiskService } from "../gen/assent/risk/v1/risk_service_pb";
import { PlanEditorService } from "../gen/assent/versioning/v1/plan_editor_service_pb";
import { VersioningService } from "../gen/assent/versioning/v1/versioning_service_pb";
import { isSignedOut } from "./problem";

export interface Clients {
  approval: Client<typeof ApprovalService>;
  audit: Client<typeof AuditService>;
  comments: Client<typeof CommentService>;
  directory: Client<typeof DirectoryService>;
  executor: Client<typeof ExecutorService>;
  inbox: Client<typeof NotificationService>;
  risk: Client<typeof RiskService>;
  editor: Client<typeof PlanEditorService>;
  versioning: Client<typeof VersioningService>;
}

export function clientsOver(transport: Transport): Clients {
  return {
    approval: createClient(ApprovalService, transport),
    audit: createClient(AuditService, transport),
    comments: createClient(CommentService, transport),
    directory: createClient(DirectoryService, transport),
    executor: createClient(ExecutorService, transport),
    inbox: createClient(NotificationService, transport),
    risk: createClient(RiskService, transport),
    editor: createClient(PlanEditorService, transport),
    versioning: createClient(VersioningService, transport),
  };
}

/** Clients of the server that this page came from; `onSignedOut` hears when it does not know the caller any more. */
export function ownClients(onSignedOut: () => void): Clients {
  const noticing: Interceptor = (next) => async (request) => {
    try {
      return await next(request);
    } catch (error) {
      if (isSignedOut(error)) onSignedOut();
      throw error;
    }
  };
  return clientsOver(
    createGrpcWebTransport({
      baseUrl: window.location.origin,
      useBinaryFormat: true,
      interceptors: [noticing],
    }),
  );
}

const ClientsContext = createContext<Clients | null>(null);
export const ClientsProvider = ClientsContext.Provider;

export function useClients(): Clients {
  const clients = useContext(ClientsContext);
  if (clients === null) throw new Error("no clients above this component");
  return clients;
}
