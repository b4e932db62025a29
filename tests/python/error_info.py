"""The stable reason of a gRPC error: google.rpc.ErrorInfo out of the trailer `grpc-status-details-bin`.

The two messages are described here field by field (google/rpc/status.proto, google/rpc/error_details.proto), so that no
package with generated code is needed. Fields that are left out are skipped when reading.
"""

from __future__ import annotations

from typing import Optional, Tuple

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

TRAILER = "grpc-status-details-bin"
TYPE_URL = "type.googleapis.com/google.rpc.ErrorInfo"


def _messages():
    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="error_info.proto", package="google.rpc", syntax="proto3")
    file.dependency.append(any_pb2.DESCRIPTOR.name)

    status = file.message_type.add(name="Status")
    one = kind.LABEL_OPTIONAL
    status.field.add(name="code", number=1, label=one, type=kind.TYPE_INT32)
    status.field.add(name="message", number=2, label=one, type=kind.TYPE_STRING)
    details = status.field.add(name="details", number=3, label=kind.LABEL_REPEATED, type=kind.TYPE_MESSAGE)
    details.type_name = ".google.protobuf.Any"

    info = file.message_type.add(name="ErrorInfo")
    info.field.add(name="reason", number=1, label=one, type=kind.TYPE_STRING)
    info.field.add(name="domain", number=2, label=one, type=kind.TYPE_STRING)

    pool = descriptor_pool.DescriptorPool()
    any_file = descriptor_pb2.FileDescriptorProto()
    any_pb2.DESCRIPTOR.CopyToProto(any_file)
    pool.Add(any_file)
    pool.Add(file)
    found = (pool.FindMessageTypeByName(f"google.rpc.{name}") for name in ("Status", "ErrorInfo"))
    return tuple(message_factory.GetMessageClass(descriptor) for descriptor in found)


_Status, _ErrorInfo = _messages()


def error_info(error: grpc.RpcError) -> Optional[Tuple[str, str]]:
    """Reason and domain of an error; None when it carries no ErrorInfo."""
    for name, value in error.trailing_metadata() or ():
        if name == TRAILER:
            for detail in _Status.FromString(value).details:
                if detail.type_url == TYPE_URL:
                    info = _ErrorInfo.FromString(detail.value)
                    return info.reason, info.domain
    return None
