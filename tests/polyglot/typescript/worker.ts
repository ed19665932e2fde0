// A small worker: leases work from a queue, tells how far it is, reports what came of it.
//
//   ASSENT_SERVER=localhost:7100 ASSENT_TOKEN=… ASSENT_PROTO=proto node worker.js QUEUE [CAPABILITY…]
//
// The task is the name of one of the functions below; its input goes to that function.

import * as grpc from "@grpc/grpc-js";
import * as loader from "@grpc/proto-loader";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

interface Work {
  lease: string;
  idempotencyKey: string;
  attempt: number;
  undo: boolean;
  arguments: Struct;
  leaseExpireTime: { seconds: string; nanos: number };
}

interface Struct {
  fields: { [name: string]: Value };
}
interface Value {
  kind?: string;
  numberValue?: number;
  stringValue?: string;
  boolValue?: boolean;
  structValue?: Struct;
  listValue?: { values: Value[] };
}

/** What this worker can do. Throwing a `Passing` has the work tried again. */
const tasks: { [name: string]: (input: Json, work: Work) => Promise<{ [name: string]: Json }> } = {
  async reverse(input) {
    return { text: [...String(input)].reverse().join("") };
  },
  async "fail-once"(_input, work) {
    if (work.attempt === 1) throw new Passing("not this time");
    return { attempt: work.attempt };
  },
};

class Passing extends Error {}

const env = (name: string, usual?: string): string => {
  const value = process.env[name] ?? usual;
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};

const definition = loader.loadSync("assent/executor/v1/worker_service.proto", {
  includeDirs: [env("ASSENT_PROTO", "proto")],
  enums: String,
  longs: String,
  defaults: true,
  oneofs: true,
});
const assent = grpc.loadPackageDefinition(definition) as any;
const client = new assent.assent.executor.v1.WorkerService(
  env("ASSENT_SERVER", "localhost:7100"),
  grpc.credentials.createInsecure(),
);

const credential = new grpc.Metadata();
credential.set("authorization", `Bearer ${env("ASSENT_TOKEN")}`);

/** A unary call as a promise. */
function call(method: string, request: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client[method](request, credential, (error: grpc.ServiceError | null, answer: unknown) =>
      error ? reject(error) : resolve(answer),
    );
  });
}

const plain = (value: Value): Json => {
  switch (value.kind) {
    case "numberValue":
      return value.numberValue!;
    case "stringValue":
      return value.stringValue!;
    case "boolValue":
      return value.boolValue!;
    case "structValue":
      return object(value.structValue!);
    case "listValue":
      return value.listValue!.values.map(plain);
    default:
      return null;
  }
};
const object = (struct: Struct) =>
  Object.fromEntries(Object.entries(struct.fields).map(([name, value]) => [name, plain(value)]));

const wire = (json: Json): object => {
  if (json === null) return { nullValue: "NULL_VALUE" };
  if (typeof json === "boolean") return { boolValue: json };
  if (typeof json === "number") return { numberValue: json };
  if (typeof json === "string") return { stringValue: json };
  if (Array.isArray(json)) return { listValue: { values: json.map(wire) } };
  return { structValue: struct(json) };
};
const struct = (json: { [name: string]: Json }) => ({
  fields: Object.fromEntries(Object.entries(json).map(([name, value]) => [name, wire(value)])),
});

async function work(work: Work): Promise<void> {
  const { lease } = work;
  const given = object(work.arguments);
  const tell = (progress: number, message: string, done: boolean) =>
    call("Heartbeat", { lease, progress, message, steps: [{ name: String(given.task), done }] });
  // Three times within a lease, so that one lost heartbeat loses nothing.
  const left = Number(work.leaseExpireTime.seconds) * 1000 - Date.now();
  const beat = setInterval(() => tell(0.5, "", false).catch(() => clearInterval(beat)), Math.max(left / 3, 300));
  try {
    await tell(0.1, `begins ${given.task}`, false);
    const task = tasks[String(given.task)];
    if (!task) throw new Error(`this worker knows no task ${given.task}`);
    const output = await task(given.input ?? null, work);
    await call("CompleteWork", { lease, output: struct(output), summary: `${given.task} in TypeScript` });
  } catch (error) {
    // A worker that has lost its lease has nothing to report.
    if ((error as grpc.ServiceError).code === grpc.status.FAILED_PRECONDITION) return;
    await call("FailWork", { lease, message: String(error), retryable: error instanceof Passing });
  } finally {
    clearInterval(beat);
  }
}

function lease(queue: string, capabilities: string[]): void {
  const request = { worker: `typescript-${process.pid}`, queue, capabilities, maxItems: 4 };
  const stream = client.LeaseWork(request, credential);
  stream.on("data", (answer: { work: Work }) => work(answer.work).catch((error) => console.error(error)));
  // Also when the server stops: leases stay valid, and the next stream goes on.
  let again = () => {
    again = () => {};
    setTimeout(() => lease(queue, capabilities), 500);
  };
  stream.on("error", (error: grpc.ServiceError) => {
    console.error(`the stream ended: ${error.message}`);
    again();
  });
  stream.on("end", () => again());
}

const [queue = "default", ...capabilities] = process.argv.slice(2);
lease(queue, capabilities);
