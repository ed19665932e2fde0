import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";

import { useClients } from "../../api/clients";
import { newRequestId } from "../../api/requestId";
import type { Edit } from "../../gen/assent/plan/v1/edit_pb";
import type { Plan } from "../../gen/assent/plan/v1/plan_pb";
import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import type { PreviewEditsResponse } from "../../gen/assent/versioning/v1/versioning_service_pb";
import { reviewKey } from "../useReview";

export interface Draft {
  edits: Edit[];
  base: number;
  /** The plan with the edits carried out, as far as the server has taken them. */
  plan: Plan | undefined;
  /** What the preview compares it with. */
  before: Plan | undefined;
  preview: PreviewEditsResponse | undefined;
  /** Why the server refuses the edits. */
  refusal: unknown;
  add: (edit: Edit) => void;
  undo: () => void;
  /** Drops every edit, and starts from the session's current version. */
  restart: () => void;
  /** Puts the edits on top of another version: where they overlap with it, they win. */
  rebase: (version: number) => void;
  save: (description: string) => void;
  saving: boolean;
  saveError: unknown;
}

/** Edits that are not saved. The server says at each step what they make of the plan. */
export function useDraft(session: PlanReviewSession): Draft {
  const { versioning, editor } = useClients();
  const queries = useQueryClient();
  const [start, setStart] = useState({ version: session.currentVersion, plan: session.plan });
  const [edits, setEdits] = useState<Edit[]>([]);
  const requestId = useRef(newRequestId());
  const fresh = (next: Edit[]) => {
    requestId.current = newRequestId();
    save.reset();
    setEdits(next);
  };
  const preview = useQuery({
    queryKey: ["draft", session.id, start.version, edits.length, requestId.current],
    queryFn: ({ signal }) =>
      versioning.previewEdits({ sessionId: session.id, baseVersion: start.version, edits }, { signal }),
    enabled: edits.length > 0,
    staleTime: Infinity,
    placeholderData: keepPreviousData,
  });
  // While the server looks at one more edit, or refuses it, the plan is shown as it was before that edit.
  const taken = useRef<{ version: number; plan: Plan | undefined }>(undefined);
  if (edits.length === 0) taken.current = undefined;
  else if (preview.data !== undefined && !preview.isPlaceholderData) taken.current = { version: start.version, plan: preview.data.version?.plan };
  const save = useMutation({
    mutationFn: (changeDescription: string) =>
      editor.applyEdits({
        sessionId: session.id,
        baseVersion: start.version,
        edits,
        changeDescription,
        requestId: requestId.current,
      }),
    onSuccess: async ({ version }) => {
      requestId.current = newRequestId();
      setEdits([]);
      if (version !== undefined) setStart({ version: version.versionNumber, plan: version.plan });
      await queries.invalidateQueries({ queryKey: reviewKey(session.id) });
    },
  });
  const result = edits.length > 0 && !preview.isPlaceholderData ? preview.data : undefined;
  const last = taken.current?.version === start.version ? taken.current.plan : undefined;
  return {
    edits,
    base: start.version,
    plan: last ?? start.plan,
    before: result?.comparison?.fromVersion === start.version ? start.plan : session.plan,
    preview: result,
    refusal: edits.length > 0 ? preview.error : null,
    add: (edit) => fresh([...edits, edit]),
    undo: () => fresh(edits.slice(0, -1)),
    restart: () => {
      setStart({ version: session.currentVersion, plan: session.plan });
      fresh([]);
    },
    rebase: (version) => {
      setStart({ version, plan: version === session.currentVersion ? session.plan : start.plan });
      fresh(edits);
    },
    save: (description) => save.mutate(description),
    saving: save.isPending,
    saveError: save.error,
  };
}
