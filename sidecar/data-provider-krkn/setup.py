"""Makes the messages' module from proto/dataprovider.proto, which stands beside the sources of the C++ data provider."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PROTO = Path(__file__).resolve().parents[2] / "proto"


class WithMessages(build_py):
    def run(self):
        super().run()
        from grpc_tools import protoc

        to = Path(self.build_lib) / "operon_data_provider_krkn"
        if protoc.main(["protoc", f"-I{PROTO}", f"--python_out={to}", f"--grpc_python_out={to}", "dataprovider.proto"]) != 0:
            raise SystemExit(f"{PROTO}/dataprovider.proto cannot be compiled")
        service = to / "dataprovider_pb2_grpc.py"
        service.write_text(service.read_text().replace("import dataprovider_pb2 as", "from . import dataprovider_pb2 as"))


setup(cmdclass={"build_py": WithMessages})
