"""A small worker: leases work from a queue, tells how far it is, reports what came of it.

    ASSENT_SERVER=localhost:7100 ASSENT_TOKEN=… PYTHONPATH=generated python worker.py QUEUE [CAPABILITY…]

`generated` is what grpc_tools.protoc makes of proto/. The task is the name of one of the functions below; its input goes
to that function.
"""

import os
import sys
import threading
import time

import grpc
from google.protobuf.json_format import MessageToDict

from assent.execution.v1 import execution_pb2
from assent.executor.v1 import worker_service_pb2 as pb
from assent.executor.v1.worker_service_pb2_grpc import WorkerServiceStub


class Passing(Exception):
    """Another attempt may succeed."""


# Bytes that go in one message.
PIECE = 65536


def count_words(given, work):
    words = str(given).split()
    return {"words": len(words), "files": {"words.txt": "\n".join(words)}}


def never_ends(given, work):
    time.sleep(3600)


TASKS = {"count-words": count_words, "never-ends": never_ends}


class Worker:
    def __init__(self, server, token):
        credential = ("authorization", f"Bearer {token}")
        self.service = WorkerServiceStub(grpc.insecure_channel(server))
        self.metadata = (credential,)

    def run(self, queue, capabilities):
        request = pb.LeaseWorkRequest(
            worker=f"python-{os.getpid()}", queue=queue, capabilities=capabilities, max_items=4
        )
        request.lease_duration.FromSeconds(int(os.environ.get("ASSENT_LEASE_SECONDS", "30")))
        while True:
            try:
                for answer in self.service.LeaseWork(request, metadata=self.metadata):
                    threading.Thread(target=self.work, args=(answer.work,), daemon=True).start()
            except grpc.RpcError as error:
                # Also when the server stops: leases stay valid, and the next stream goes on.
                print(f"the stream ended: {error.details()}", file=sys.stderr)
            time.sleep(0.5)

    def work(self, work):
        done = threading.Event()
        beats = threading.Thread(target=self.beat, args=(work, done), daemon=True)
        beats.start()
        try:
            arguments = MessageToDict(work.arguments)
            task = TASKS[arguments["task"]]
            self.tell(work, 0.1, f"begins {arguments['task']}")
            output = task(arguments.get("input"), work)
            for path, text in output.pop("files", {}).items():
                self.send(work, path, text.encode())
            report = pb.CompleteWorkRequest(lease=work.lease, summary=f"{arguments['task']} in Python")
            report.output.update(output)
            self.service.CompleteWork(report, metadata=self.metadata)
        except grpc.RpcError as error:
            # A worker that has lost its lease has nothing to report.
            print(f"cannot report: {error.details()}", file=sys.stderr)
        except Exception as error:
            report = pb.FailWorkRequest(
                lease=work.lease, message=repr(error), retryable=isinstance(error, Passing)
            )
            self.service.FailWork(report, metadata=self.metadata)
        finally:
            done.set()

    def tell(self, work, progress, message):
        steps = [execution_pb2.RunStep(name="look at the task", done=True)]
        request = pb.HeartbeatRequest(lease=work.lease, progress=progress, message=message, steps=steps)
        self.service.Heartbeat(request, metadata=self.metadata)

    def send(self, work, path, content):
        """Sends a file with the work, in pieces."""

        def pieces():
            yield pb.UploadArtifactRequest(lease=work.lease, path=path)
            for start in range(0, len(content), PIECE):
                yield pb.UploadArtifactRequest(data=content[start : start + PIECE])

        return self.service.UploadArtifact(pieces(), metadata=self.metadata)

    def beat(self, work, done):
        """Three times within a lease, so that one lost heartbeat loses nothing."""
        lease = max(work.lease_expire_time.ToSeconds() - time.time(), 1)
        while not done.wait(lease / 3):
            try:
                self.service.Heartbeat(pb.HeartbeatRequest(lease=work.lease), metadata=self.metadata)
            except grpc.RpcError:
                return


if __name__ == "__main__":
    server, token = os.environ.get("ASSENT_SERVER", "localhost:7100"), os.environ["ASSENT_TOKEN"]
    queue, *capabilities = sys.argv[1:] or ["default"]
    Worker(server, token).run(queue, capabilities)
