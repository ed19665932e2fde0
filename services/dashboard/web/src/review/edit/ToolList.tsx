import { useQuery } from "@tanstack/react-query";

import { useClients } from "../../api/clients";

/** The id of the list, for fields that take the name of a tool. */
export const TOOLS = "tools";

/** The tools that the executor knows, as suggestions; without them a name is typed by heart. */
export function ToolList() {
  const { executor } = useClients();
  const tools = useQuery({
    queryKey: ["tools"],
    queryFn: async ({ signal }) => (await executor.listTools({}, { signal })).tools,
    staleTime: Infinity,
  });
  return (
    <datalist id={TOOLS}>
      {tools.data?.map(({ name, ready }) => (
        <option key={name} value={name}>
          {ready ? "" : "not configured here"}
        </option>
      ))}
    </datalist>
  );
}
