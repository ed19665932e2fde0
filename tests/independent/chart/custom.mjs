// Checks objects of kinds that Kubernetes does not bring itself against the schemas of those who define them:
//
//   node custom.mjs RENDERED.json...    # each a list of objects
//
// Fails on an invalid object, and when one of the kinds below does not appear at all.
import { readFileSync } from "node:fs";
import * as gateway from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1";
import * as prometheus from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

const groups = { "gateway.networking.k8s.io/v1": gateway, "monitoring.coreos.com/v1": prometheus };
const expected = new Set(["GRPCRoute", "HTTPRoute", "PrometheusRule", "ServiceMonitor"]);
let failures = 0;
const fail = (message) => {
  console.error(message);
  failures += 1;
};

// A schema that lets everything through would prove nothing.
for (const kind of expected) {
  const Model = gateway[kind] ?? prometheus[kind];
  try {
    new Model({ metadata: { name: "wrong" }, spec: { rules: "none", groups: "none", endpoints: "none" } }).validate();
    fail(`the schema of ${kind} accepts nonsense`);
  } catch {
    // As it should be.
  }
}

for (const file of process.argv.slice(2)) {
  for (const object of JSON.parse(readFileSync(file, "utf8"))) {
    const group = groups[object.apiVersion];
    if (!group) continue;
    expected.delete(object.kind);
    try {
      new group[object.kind](object).validate();
    } catch (error) {
      fail(`${file}: ${object.kind} ${object.metadata.name}: ${error.message}`);
    }
  }
}
for (const kind of expected) fail(`no ${kind} was rendered`);
process.exit(failures === 0 ? 0 : 1);
