#!/usr/bin/env python3
"""Explores and calls a gRPC server that it knows nothing about, by server reflection, in the manner of grpcurl.

    reflect.py list
    reflect.py describe roundhouse.v1.GenerationService
    reflect.py call roundhouse.v1.RegistryService/GetModel '{"model": "default"}'

Nothing in this file is about Roundhouse, and it uses no generated stubs: what it knows, it asks the server.
"""
import argparse
import collections
import sys
import textwrap

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

V1ALPHA = "/grpc.reflection.v1alpha."
V1 = "/grpc.reflection.v1."


class UseV1(grpc.StreamStreamClientInterceptor):
    """Sends reflection calls to v1. grpcio-reflection knows v1alpha only, which is the same under an older name."""

    def intercept_stream_stream(self, continuation, details, requests):
        fields = ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression")
        renamed = collections.namedtuple("Details", fields)(*(getattr(details, field) for field in fields))
        return continuation(renamed._replace(method=details.method.replace(V1ALPHA, V1)), requests)


class Server:
    """What a server tells about itself."""

    def __init__(self, channel: grpc.Channel, version: str) -> None:
        self.channel = channel
        asked = grpc.intercept_channel(channel, UseV1()) if version == "v1" else channel
        self.database = ProtoReflectionDescriptorDatabase(asked)
        self.pool = descriptor_pool.DescriptorPool(self.database)

    def services(self) -> list[str]:
        return sorted(self.database.get_services())

    def describe(self, symbol: str) -> str:
        """The declaration of a service, method, message or enum, with its comments."""
        return Declarations(self.database.FindFileContainingSymbol(symbol)).text(symbol)

    def call(self, name: str, body: str) -> None:
        """Calls a method with a JSON request and prints each response as JSON."""
        service, _, method_name = name.rpartition("/")
        method = self.pool.FindServiceByName(service).methods_by_name[method_name]
        request = json_format.Parse(
            body, message_factory.GetMessageClass(method.input_type)(), descriptor_pool=self.pool)
        if method.client_streaming:
            sys.exit(f"{name} takes a stream of requests, which this example does not send")
        shape = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        call = shape(
            f"/{service}/{method_name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        responses = call(request, timeout=120)
        for response in responses if method.server_streaming else [responses]:
            print(self.json(response), flush=True)

    def json(self, message) -> str:
        return json_format.MessageToJson(message, descriptor_pool=self.pool, ensure_ascii=False)

    def error(self, error: grpc.RpcError) -> str:
        """A status as grpcurl prints it. The details' types come from the server, too."""
        code = "".join(word.capitalize() for word in error.code().name.split("_"))
        lines = ["ERROR:", f"  Code: {code}", f"  Message: {error.details()}"]
        status = rpc_status.from_call(error)
        for number, detail in enumerate(status.details if status else (), start=1):
            lines += ["  Details:"] if number == 1 else []
            prefix = f"  {number})"
            lines.append(f"{prefix}\t" + self.json(detail).replace("\n", f"\n{' ' * len(prefix)}\t"))
        return "\n".join(lines)


class Declarations:
    """Prints parts of one file as proto source. Numbers are field numbers of descriptor.proto, as paths use them."""

    def __init__(self, serialized: descriptor_pb2.FileDescriptorProto) -> None:
        self.file = serialized
        self.comments = {
            tuple(location.path): location.leading_comments or location.trailing_comments
            for location in serialized.source_code_info.location
        }

    def text(self, symbol: str) -> str:
        local = symbol.removeprefix(self.file.package + ".").split(".")
        for index, service in enumerate(self.file.service):
            if local == [service.name]:
                return f"{symbol} is a service:\n" + self.service(service, (6, index))
            if local[0] == service.name:
                for inner, method in enumerate(service.method):
                    if method.name == local[1]:
                        return f"{symbol} is a method:\n" + self.method(method, (6, index, 2, inner))
        return self.nested(symbol, local, self.file.message_type, self.file.enum_type, (), (4, 5))

    def nested(self, symbol, local, messages, enums, path, numbers) -> str:
        for index, enum in enumerate(enums):
            if local == [enum.name]:
                return f"{symbol} is an enum:\n" + self.enum(enum, (*path, numbers[1], index))
        for index, message in enumerate(messages):
            here = (*path, numbers[0], index)
            if local == [message.name]:
                return f"{symbol} is a message:\n" + self.message(message, here)
            if local[0] == message.name:
                return self.nested(symbol, local[1:], message.nested_type, message.enum_type, here, (3, 4))
        return f"{symbol} is declared in {self.file.name}"

    def commented(self, path: tuple, text: str) -> str:
        comment = self.comments.get(path, "").rstrip("\n")
        return "".join(f"//{line}\n" for line in comment.split("\n") if comment) + text

    def block(self, path: tuple, head: str, parts: list[str]) -> str:
        inside = textwrap.indent("\n\n".join(parts), "  ")
        return self.commented(path, f"{head} {{\n{inside}\n}}" if parts else f"{head} {{\n}}")

    def service(self, service, path: tuple) -> str:
        methods = [self.method(method, (*path, 2, index)) for index, method in enumerate(service.method)]
        return self.block(path, f"service {service.name}", methods)

    def method(self, method, path: tuple) -> str:
        takes = ("stream " if method.client_streaming else "") + method.input_type
        gives = ("stream " if method.server_streaming else "") + method.output_type
        return self.commented(path, f"rpc {method.name} ( {takes} ) returns ( {gives} );")

    def message(self, message, path: tuple) -> str:
        fields = [self.field(field, message, (*path, 2, index)) for index, field in enumerate(message.field)]
        return self.block(path, f"message {message.name}", fields)

    def field(self, field, message, path: tuple) -> str:
        kind = field.type_name or descriptor_pb2.FieldDescriptorProto.Type.Name(field.type)[5:].lower()
        entry = next((nested for nested in message.nested_type if field.type_name.endswith("." + nested.name)), None)
        label = "repeated " if field.label == field.LABEL_REPEATED else "optional " if field.proto3_optional else ""
        if entry and entry.options.map_entry:
            key, value = (
                part.type_name or descriptor_pb2.FieldDescriptorProto.Type.Name(part.type)[5:].lower()
                for part in entry.field
            )
            kind, label = f"map<{key}, {value}>", ""
        declared = f"{label}{kind} {field.name} = {field.number};"
        if field.HasField("oneof_index") and not field.proto3_optional:
            declared += f"  // one of {message.oneof_decl[field.oneof_index].name}"
        return self.commented(path, declared)

    def enum(self, enum, path: tuple) -> str:
        values = [
            self.commented((*path, 2, index), f"{value.name} = {value.number};")
            for index, value in enumerate(enum.value)
        ]
        return self.block(path, f"enum {enum.name}", values)


def main() -> int:
    parser = argparse.ArgumentParser(description="Explores a gRPC server by reflection.")
    parser.add_argument("--address", default="127.0.0.1:50051", help="host:port of the server (default: %(default)s)")
    parser.add_argument("--reflection", choices=["v1", "v1alpha"], default="v1", help="which reflection to ask")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the services that are served")
    commands.add_parser("describe", help="a declaration with its comments").add_argument("symbol")
    call = commands.add_parser("call", help="call a method; JSON in, JSON out")
    call.add_argument("method", help="package.Service/Method")
    call.add_argument("body", nargs="?", default="{}", help="the request as JSON")
    arguments = parser.parse_args()

    with grpc.insecure_channel(arguments.address) as channel:
        server = Server(channel, arguments.reflection)
        try:
            match arguments.command:
                case "list":
                    print("\n".join(server.services()))
                case "describe":
                    print(server.describe(arguments.symbol))
                case "call":
                    server.call(arguments.method, arguments.body)
        except grpc.RpcError as error:
            print(server.error(error), file=sys.stderr)
            return 1
        except KeyError as missing:
            print(f"reflect.py: the server does not know {missing.args[0]}", file=sys.stderr)
            return 1
        except json_format.ParseError as problem:
            print(f"reflect.py: {problem}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
