"""The checks of this project, from nothing but Python: makes .venv, installs what they need, runs.

    python scripts/dev.py test      the tests (the real model is fetched for some, else they skip)
    python scripts/dev.py check     format, lint, types and the arrows between the rooms
    python scripts/dev.py bench     the long tests, then speed beside the peers that are installed

More words after `test` go on to pytest; the last takes an hour. SIMILE_DEV_VENV names another
folder than .venv.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "dev.txt"
VENV = ROOT / os.environ.get("SIMILE_DEV_VENV", ".venv")
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

CHECKS = {
    "test": [["-m", "pytest"]],
    "check": [
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "ruff", "check", "."],
        ["-m", "mypy"],
        ["-m", "pytest", "-q", "tests/test_architecture.py"],
    ],
    "bench": [
        ["-m", "pytest", "-m", "slow"],
        ["benchmarks/embed.py"],
        ["benchmarks/search.py"],
        ["benchmarks/indexing.py"],
    ],
}


def set_up() -> None:
    """Install the locked packages and this one, unless that was done for this lock already."""
    stamp = VENV / "installed"
    wanted = LOCK.read_text(encoding="utf-8") + (ROOT / "pyproject.toml").read_text("utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print(f"setting up {VENV.name}", flush=True)
    venv.create(VENV, with_pip=True, clear=True)
    # The lock is complete, so nothing is left for pip to resolve.
    run("-m", "pip", "install", "-q", "--no-deps", "-r", str(LOCK))
    run("-m", "pip", "install", "-q", "--no-deps", "-e", str(ROOT))
    stamp.write_text(wanted, encoding="utf-8")


def run(*arguments: str) -> None:
    """Run the environment's Python; ends this program where that fails."""
    code = subprocess.run([PYTHON, *arguments], cwd=ROOT, check=False).returncode
    if code:
        sys.exit(code)


def main() -> None:
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    if verb not in CHECKS:
        sys.exit(__doc__)
    set_up()
    more = sys.argv[2:]
    for command in CHECKS[verb]:
        run(*command, *(more if verb == "test" else []))


if __name__ == "__main__":
    main()
