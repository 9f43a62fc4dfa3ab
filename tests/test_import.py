"""What `import simile` costs, and what it offers."""

import subprocess
import sys

from tests.checkpoint_files import write_tiny_bert

import simile


def run(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    return result.stdout.strip()


def test_importing_simile_loads_nothing_heavy():
    heavy = ["openvino", "numpy", "tokenizers", "huggingface_hub", "httpx2", "uvicorn", "torch"]
    heavy += ["tantivy", "simsimd", "sqlite3"]
    code = f"import simile, sys; print([n for n in {heavy} if n in sys.modules])"
    assert run(code) == "[]"


def test_the_command_line_loads_nothing_heavy_before_it_knows_the_verb():
    heavy = ["openvino", "numpy", "tokenizers", "huggingface_hub", "httpx2", "uvicorn"]
    code = f"import simile.cli.main, sys; print([n for n in {heavy} if n in sys.modules])"
    assert run(code) == "[]"


def test_every_public_name_is_there():
    assert all(getattr(simile, name) is not None for name in simile.__all__)


def test_run_time_needs_neither_torch_nor_transformers_nor_onnx():
    code = (
        "import sys, simile.embedder, simile.engine.embedder, simile.server.app, simile.cli.main;"
        "print([n for n in ('torch', 'transformers', 'onnx') if n in sys.modules])"
    )
    assert run(code) == "[]"


def test_nothing_calls_home(tmp_path):
    """Sockets are refused, and the telemetry package is not even imported."""
    write_tiny_bert(tmp_path / "tiny")
    code = f"""
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        print(event, arguments)
        raise OSError("no network here")
sys.addaudithook(refuse)
from simile import Embedder
with Embedder({str(tmp_path / "tiny")!r}) as embedder:
    embedder.embed(["a text"], role="query")
print([name for name in sys.modules if "telemetry" in name])
"""
    assert run(code) == "[]"


def test_the_converter_of_openvino_can_still_be_imported():
    code = "import simile.graph, openvino.tools.ovc as ovc; print(callable(ovc.convert_model))"
    assert run(code) == "True"
