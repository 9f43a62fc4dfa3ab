"""Print figures by section as they are measured, and keep them for a JSON file.

ListReport prints aligned lines of one figure each; TableReport prints Markdown tables of several
columns. Neither knows what is measured.
"""

import json
from pathlib import Path

Value = float | int | str | None
_Rows = dict[str, dict[str, Value]]


class _Report:
    """Named figures of labeled rows in titled sections."""

    def __init__(self) -> None:
        self._sections: dict[str, _Rows] = {}
        self._rows: _Rows = {}

    def value(self, section: str, label: str, column: str = "value") -> float | None:
        """Return a figure that was measured before, or None."""
        found = self._sections.get(section, {}).get(label, {}).get(column)
        return float(found) if isinstance(found, int | float) else None

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(self._sections, indent=1) + "\n", encoding="utf-8")


class ListReport(_Report):
    """One figure a line, with its unit."""

    def section(self, title: str) -> None:
        """Begin a section, to which the following rows belong."""
        self._rows = self._sections.setdefault(title, {})
        print(f"\n{title}", flush=True)

    def row(self, label: str, value: float | str, unit: str = "", note: str = "") -> None:
        """Print and keep one figure."""
        self._rows[label] = {"value": value, "unit": unit, "note": note}
        shown = value if isinstance(value, str) else _number(value)
        if isinstance(value, str) and not unit:
            print(f"  {label:<44} {shown}", flush=True)
            return
        print(f"  {label:<44} {shown:>9} {unit:<11} {note}".rstrip(), flush=True)

    def skipped(self, label: str, reason: str) -> None:
        """Report that something was not measured, and why."""
        self.row(label, "skipped", note=reason)
        print(f"  {'':<44} {reason}", flush=True)


class TableReport(_Report):
    """A Markdown table a section."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[str, ...] = ()

    def section(self, title: str, *columns: str) -> None:
        """Begin a table; each row has a label, these columns and a note."""
        self._rows = self._sections.setdefault(title, {})
        self._columns = columns
        print(f"\n### {title}\n", flush=True)
        _print_cells(["", *columns, ""])
        _print_cells(["---", *("---:" for _ in columns), "---"])

    def row(self, label: str, *values: Value, note: str = "") -> None:
        """Print and keep one row; missing values are left empty."""
        row = dict(zip(self._columns, values, strict=False))
        self._rows[label] = {**row, "note": note}
        _print_cells([label, *(_cell(row.get(name)) for name in self._columns), note])

    def skipped(self, label: str, reason: str) -> None:
        """Report that something was not measured, and why."""
        self.row(label, note=f"skipped: {reason}")


def _print_cells(cells: list[str]) -> None:
    print(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |", flush=True)


def _cell(value: Value) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:,.0f}" if isinstance(value, int) else _number(value, small=".2f")


def _number(value: float, small: str = ".3g") -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:{small}}"
