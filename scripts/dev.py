"""Run the project's checks; needs only Python. Creates .venv and installs what they need.

    python scripts/dev.py test      the tests (some download the real model, or are skipped)
    python scripts/dev.py clients   the tests with third-party clients, in .venv-clients
    python scripts/dev.py check     format, lint, types, imports between packages, workflows
    python scripts/dev.py wheel     build both archives, and try the wheel in .venv-wheel
    python scripts/dev.py bench     slow tests, then benchmarks against the installed peers; an hour

Further arguments of `test` and `clients` are passed to pytest. SIMILE_DEV_VENV replaces .venv. With
CI=true the tests measure coverage, whose minimum is set in pyproject.toml. Clients for Node.js are
tested if npm is installed.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / os.environ.get("SIMILE_DEV_VENV", ".venv")
LOCKS = {"clients": "clients.txt"}
"""Checks with packages other than dev.txt's; each has an environment of its own."""
IN_CI = os.environ.get("CI") == "true"
TESTS = ["-m", "coverage", "run", "-m", "pytest"] if IN_CI else ["-m", "pytest"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

# Commands without -m are programs of the environment.
CHECKS: dict[str, list[list[str]]] = {
    "test": [TESTS],
    # The clients bring pytest plugins, deprecated calls and sockets left open.
    "clients": [
        ["-m", "pytest", "--disable-plugin-autoload", "-W", "ignore", "--clients", "tests/clients"]
    ],
    "check": [
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "ruff", "check", "."],
        ["-m", "mypy"],
        ["-m", "pytest", "-q", "tests/test_architecture.py"],
        [
            "-m",
            "check_jsonschema",
            "--builtin-schema=vendor.github-workflows",
            *map(str, WORKFLOWS),
        ],
        ["zizmor", "--offline", "--quiet", ".github"],
    ],
    "wheel": [["-m", "build"]],
    "bench": [
        ["-m", "pytest", "-m", "slow"],
        ["-m", "benchmarks.against"],
        ["-m", "benchmarks.embed"],
        ["-m", "benchmarks.search"],
        ["-m", "benchmarks.indexing"],
        ["-m", "benchmarks.serve"],
        ["-m", "benchmarks.probe"],
    ],
}
TRY_WHEEL = (
    "import simile.server.app, simile.index, simile.cli.main;"
    " from simile.server.spec.handlers import document; document(has_keys=True);"
    " from simile.analysis.page import write_map;"
    " from simile.engine.quantize import calibration_texts; calibration_texts()"
)
"""Imports what every installation has, and reads the data files that ship with the code."""


def set_up(check: str) -> Path:
    """Install the locked packages and this one, unless already done for this lock.

    Return the environment's Python.
    """
    lock = ROOT / "requirements" / LOCKS.get(check, "dev.txt")
    folder = VENV.with_name(f"{VENV.name}-{check}") if check in LOCKS else VENV
    stamp = folder / "installed"
    wanted = lock.read_text(encoding="utf-8") + (ROOT / "pyproject.toml").read_text("utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python_of(folder)
    python = make(folder)
    # The lock is complete, so pip has nothing to resolve; most modules are never imported.
    install = ["-m", "pip", "install", "-q", "--no-deps", "--no-compile"]
    run(python, *install, "--require-hashes", "-r", lock)
    run(python, *install, "-e", ROOT)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def make(folder: Path) -> Path:
    """Create a fresh environment; return its Python."""
    print(f"setting up {folder.name}", flush=True)
    venv.create(folder, with_pip=True, clear=True)
    return python_of(folder)


def python_of(folder: Path) -> Path:
    """Return the Python of an environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def try_wheel() -> None:
    """Install the wheel into a fresh environment, and run what users run first."""
    (wheel,) = (ROOT / "dist").glob("*.whl")
    python = make(VENV.with_name(f"{VENV.name}-wheel"))
    run(python, "-m", "pip", "install", "-q", wheel)
    run(python, "-m", "simile", "--version")
    run(python, "-m", "simile", "--help")
    run(python, "-c", TRY_WHEEL)


def set_up_node() -> None:
    """Install npm's locked packages, if npm is installed."""
    npm = shutil.which("npm")
    if npm:
        run(npm, "ci", "--silent", "--prefer-offline", folder=ROOT / "tests" / "clients" / "node")
    else:
        print("npm is not installed: the clients for Node.js are not tested", flush=True)


def run(*command: str | Path, folder: Path = ROOT) -> None:
    """Run a command; exit if it fails."""
    code = subprocess.run(command, cwd=folder, check=False).returncode
    if code:
        sys.exit(code)


def main() -> None:
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    if verb not in CHECKS:
        sys.exit(f"{verb or 'nothing'} is not a check\n\n{__doc__}")
    python = set_up(verb)
    if verb == "clients":
        set_up_node()
    if verb == "wheel":
        shutil.rmtree(ROOT / "dist", ignore_errors=True)
    more = sys.argv[2:] if verb in ("test", "clients") else []
    for command in CHECKS[verb]:
        first, *rest = command
        run(*((python, first) if first == "-m" else (python.with_name(first),)), *rest, *more)
    if verb == "wheel":
        try_wheel()
    if verb == "test" and IN_CI:
        run(python, "-m", "coverage", "report", "--skip-covered", "--skip-empty")


if __name__ == "__main__":
    main()
