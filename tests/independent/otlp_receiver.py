"""An OTLP receiver made of OpenTelemetry's own messages: prints its port, then every span as a line of JSON.

    python otlp_receiver.py
"""

import json
import sys
from concurrent import futures

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services


def value(any_value):
    return getattr(any_value, any_value.WhichOneof("value") or "string_value")


def attributes(pairs):
    return {pair.key: str(value(pair.value)) for pair in pairs}


class Receiver(services.TraceServiceServicer):
    def Export(self, request, context):
        for resource in request.resource_spans:
            service = attributes(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                for span in scope.spans:
                    line = {
                        "service": service,
                        "name": span.name,
                        "kind": span.kind,
                        "trace": span.trace_id.hex(),
                        "id": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "links": [[link.trace_id.hex(), link.span_id.hex()] for link in span.links],
                        "attributes": attributes(span.attributes),
                        "error": span.status.code == 2,
                    }
                    print(json.dumps(line), flush=True)
        return messages.ExportTraceServiceResponse()


server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
services.add_TraceServiceServicer_to_server(Receiver(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
