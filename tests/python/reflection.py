"""A gRPC client that knows no service beforehand: it asks the server's reflection for descriptors and builds the messages.

Knows nothing of Storewarden. Every call has a time limit.
"""

from __future__ import annotations

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

# Seconds for one answer of the server's reflection.
REFLECTION_S = 10


class _ReflectionChannel:
    """The channel as the reflection client sees it: with a time limit, and with the name of either version.

    grpcio-reflection asks for v1alpha only. The messages of v1 are the same on the wire; only the service's name differs
    (grpc/reflection/v1/reflection.proto).
    """

    def __init__(self, channel: grpc.Channel, version: str):
        self._channel = channel
        self._version = version

    def stream_stream(self, method, **options):
        call = self._channel.stream_stream(method.replace(".v1alpha.", f".{self._version}."), **options)
        return lambda requests: call(requests, timeout=REFLECTION_S)


class Method:
    """One method of the server, called with a message or with the fields of one."""

    def __init__(self, channel: grpc.Channel, descriptor):
        self.request = message_factory.GetMessageClass(descriptor.input_type)
        response = message_factory.GetMessageClass(descriptor.output_type)
        open_call = channel.unary_stream if descriptor.server_streaming else channel.unary_unary
        path = f"/{descriptor.containing_service.full_name}/{descriptor.name}"
        self._call = open_call(
            path, request_serializer=self.request.SerializeToString, response_deserializer=response.FromString
        )

    def __call__(self, timeout_s: float, **fields):
        """The answer, or an iterator over the answers of a streaming method; grpc.RpcError when it fails."""
        return self._call(self.request(**fields), timeout=timeout_s)


class Server:
    """A server that tells what it serves."""

    def __init__(self, channel: grpc.Channel):
        self._channel = channel
        self.reflection = ""
        for version in ("v1", "v1alpha"):
            database = ProtoReflectionDescriptorDatabase(_ReflectionChannel(channel, version))
            try:
                self.services = sorted(database.get_services())
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNIMPLEMENTED or version == "v1alpha":
                    raise
                continue
            self.reflection = f"grpc.reflection.{version}"
            self._pool = descriptor_pool.DescriptorPool(database)
            break

    def method(self, path: str) -> Method:
        """The method named `package.Service/Method`; KeyError when the server has none of that name."""
        service, name = path.split("/")
        return Method(self._channel, self._pool.FindServiceByName(service).methods_by_name[name])

    def number(self, enum_value: str) -> int:
        """The number of an enum's value, named `package.Enum.VALUE`."""
        enum, value = enum_value.rsplit(".", 1)
        return self._pool.FindEnumTypeByName(enum).values_by_name[value].number


def word(message, field: str) -> str:
    """The name of an enum field's value; its number when it has none here."""
    number = getattr(message, field)
    value = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return value.name if value else str(number)
