import { create } from "@bufbuild/protobuf";
import { render, screen } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { ReactFlow, ReactFlowProvider } from "@xyflow/react";
import { expect, test, vi } from "vitest";

import { PlanSchema, RiskLevel } from "../../gen/assent/plan/v1/plan_pb";
import type { ItemNode } from "./Boxes";
import { Far } from "./Far";

test("from afar each box is a button that says what cannot be read, and lines of a kind are one path", async () => {
  const { items } = create(PlanSchema, { items: [{ id: "a", name: "First", tool: "shell" }, { id: "b", name: "Second", tool: "shell" }] });
  const onSelect = vi.fn();
  const nodes = items.map((item, place): ItemNode => ({
    id: item.id,
    type: "item",
    position: { x: 0, y: 110 * place },
    data: {
      item,
      level: RiskLevel.HIGH,
      near: place === 0 ? "self" : "neighbour",
      critical: place === 1,
      mark: place === 1 ? "changed" : undefined,
      note: undefined,
      connectable: false,
      onSelect,
    },
  }));
  const edges = [
    { id: "a b", source: "a", target: "b", className: "edge-critical" },
    { id: "a c", source: "a", target: "c", className: "" },
  ];
  const { container } = render(
    <ReactFlowProvider>
      <ReactFlow nodes={[]} edges={[]}>
        <Far nodes={nodes} edges={edges} />
      </ReactFlow>
    </ReactFlowProvider>,
  );
  const first = await screen.findByRole("button", { name: /^First, shell, high risk/, pressed: true });
  expect(screen.getByRole("button", { name: /^Second, ± changed, shell, high risk.*, on the critical path$/ })).toBeDefined();
  first.focus();
  await userEvent.keyboard("{Enter}");
  expect(onSelect).toHaveBeenCalledWith("a");
  // What leads to nowhere is not drawn.
  const paths = [...container.querySelectorAll(".far-lines path")];
  expect(paths.map((path) => [path.getAttribute("class"), path.getAttribute("d")])).toEqual([["edge-critical", "M105 60L105 110"]]);
});
