"""The contracts in Python, compiled for this run, and connections to call them
with. For Debian's interpreter, which has the packages."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import grpc

import harness


def _compile():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tongchou-proto-"))
    proto = harness.ROOT / "proto"
    files = [str(p.relative_to(proto)) for p in sorted(proto.rglob("*.proto"))]
    subprocess.run(["protoc", "-I", str(proto), f"--python_out={folder}",
                    *files], check=True)
    sys.path.insert(0, str(folder))
    from tongchou.v1 import audit_pb2, exchange_pb2, node_pb2, query_pb2
    shutil.rmtree(folder)
    return audit_pb2, exchange_pb2, node_pb2, query_pb2


audit_pb2, exchange_pb2, node_pb2, query_pb2 = _compile()


def connect(province, name, address, options=()):
    """A channel of its own for the identity of this name."""
    pki = province.pki
    return grpc.secure_channel(
        address, grpc.ssl_channel_credentials(
            (pki / "ca.pem").read_bytes(),
            (pki / f"{name}-key.pem").read_bytes(),
            (pki / f"{name}.pem").read_bytes()),
        options=[("grpc.use_local_subchannel_pool", 1), *options])
