"""Print figures in columns as they are measured, and store them for a JSON file."""

import json
from pathlib import Path


class Report:
    """Figures by section."""

    def __init__(self) -> None:
        self._sections: dict[str, dict[str, dict[str, object]]] = {}
        self._section: dict[str, dict[str, object]] = {}

    def section(self, title: str) -> None:
        """Start a section, to which the following rows belong."""
        self._section = self._sections.setdefault(title, {})
        print(f"\n{title}", flush=True)

    def row(self, label: str, value: float | str, unit: str = "", note: str = "") -> None:
        """Print and store one figure."""
        self._section[label] = {"value": value, "unit": unit, "note": note}
        shown = value if isinstance(value, str) else _number(value)
        if isinstance(value, str) and not unit:
            print(f"  {label:<44} {shown}", flush=True)
            return
        print(f"  {label:<44} {shown:>9} {unit:<11} {note}".rstrip(), flush=True)

    def skipped(self, label: str, reason: str) -> None:
        """Report that something was not measured, and why."""
        self.row(label, "skipped", note=reason)
        print(f"  {'':<44} {reason}", flush=True)

    def value(self, section: str, label: str) -> float | None:
        """Return a figure measured earlier, or None."""
        found = self._sections.get(section, {}).get(label, {}).get("value")
        return float(found) if isinstance(found, int | float) else None

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(self._sections, indent=1) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
