// Which items can run when only some are approved. The gate decides; this shows it beforehand.
import { type Dependency, DependencyType } from "../../gen/assent/plan/v1/plan_pb";

/** Of the items that were `chosen`, those that need one which cannot run, by a hard dependency or through another. */
export function skippedWith(chosen: ReadonlySet<string>, dependencies: readonly Dependency[]): Set<string> {
  const running = new Set(chosen);
  const hard = dependencies.filter(({ type }) => type !== DependencyType.SOFT);
  for (let changed = true; changed; ) {
    changed = false;
    for (const { from, to } of hard) {
      if (running.has(to) && !running.has(from)) {
        running.delete(to);
        changed = true;
      }
    }
  }
  return new Set([...chosen].filter((id) => !running.has(id)));
}

/** Every item before and after one, however far. */
export function relatives(id: string, dependencies: readonly Dependency[]): Set<string> {
  const found = new Set([id]);
  const walk = (start: string, next: (of: string) => string[]) => {
    const stack = [start];
    for (let one = stack.pop(); one !== undefined; one = stack.pop()) {
      for (const other of next(one)) {
        if (!found.has(other)) {
          found.add(other);
          stack.push(other);
        }
      }
    }
  };
  const [before, after] = [new Map<string, string[]>(), new Map<string, string[]>()];
  for (const { from, to } of dependencies) {
    before.set(to, [...(before.get(to) ?? []), from]);
    after.set(from, [...(after.get(from) ?? []), to]);
  }
  walk(id, (of) => before.get(of) ?? []);
  walk(id, (of) => after.get(of) ?? []);
  return found;
}
