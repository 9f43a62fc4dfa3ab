"""The one door to OpenVINO: the names that graphs are built of, and the runtime's core.

`import openvino` also imports its converter, `openvino.tools.ovc`, which at once reports the
import to its makers (2026.4, `openvino/tools/ovc/__init__.py`) and takes as long as all the rest.
The package does without it where it is missing, so it is missing while we import: nothing calls
home.
"""

import sys

_CONVERTER = "openvino.tools.ovc"


def _import_without_converter() -> None:
    if "openvino" in sys.modules:
        return
    sys.modules[_CONVERTER] = None  # type: ignore[assignment]
    try:
        import openvino  # noqa: F401
    finally:
        # User code can still import the converter.
        del sys.modules[_CONVERTER]


_import_without_converter()

from openvino import Core, Model, Node, Tensor, Type  # noqa: E402
from openvino import opset15 as ops  # noqa: E402
from openvino.op import Constant  # noqa: E402

__all__ = ["Constant", "Core", "Model", "Node", "Tensor", "Type", "ops"]
