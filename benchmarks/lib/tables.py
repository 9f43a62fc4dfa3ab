"""Print figures as Markdown tables as they are measured, and store them for a JSON file."""

import json
from pathlib import Path

Value = float | int | str | None


class Tables:
    """Rows of figures, by section."""

    def __init__(self) -> None:
        self._sections: dict[str, dict[str, dict[str, Value]]] = {}
        self._rows: dict[str, dict[str, Value]] = {}
        self._columns: tuple[str, ...] = ()

    def section(self, title: str, *columns: str) -> None:
        """Start a table; each row has a label, these columns and a note."""
        self._rows = self._sections.setdefault(title, {})
        self._columns = columns
        print(f"\n### {title}\n", flush=True)
        _print(["", *columns, ""])
        _print(["---", *("---:" for _ in columns), "---"])

    def row(self, label: str, *values: Value, note: str = "") -> None:
        """Print and store one row; missing values stay empty."""
        row = dict(zip(self._columns, values, strict=False))
        self._rows[label] = {**row, "note": note}
        cells = [_shown(row.get(name)) for name in self._columns]
        _print([label, *cells, note])

    def skipped(self, label: str, reason: str) -> None:
        """Report that something was not measured, and why."""
        self.row(label, note=f"skipped: {reason}")

    def value(self, section: str, label: str, column: str) -> float | None:
        """Return a figure measured earlier, or None."""
        found = self._sections.get(section, {}).get(label, {}).get(column)
        return float(found) if isinstance(found, int | float) else None

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(self._sections, indent=1) + "\n", encoding="utf-8")


def _print(cells: list[str]) -> None:
    print(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |", flush=True)


def _shown(value: Value) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
