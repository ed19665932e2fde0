import { createContext, useContext } from "react";

import type { Actor } from "../gen/assent/types/v1/types_pb";

const CallerContext = createContext<Actor | null>(null);
export const CallerProvider = CallerContext.Provider;

/** Who is signed in. */
export function useCaller(): Actor {
  const caller = useContext(CallerContext);
  if (caller === null) throw new Error("nobody is signed in above this component");
  return caller;
}
