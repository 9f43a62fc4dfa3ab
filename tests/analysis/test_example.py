"""The example shows all four with the real model."""

import subprocess
import sys

import pytest


@pytest.mark.real
def test_the_example_shows_all_four(all_minilm, tmp_path):
    page = tmp_path / "map.html"
    command = ["-m", "simile.examples.analysis_example", "--model", all_minilm.path, "--map", page]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1. Cluster 28 texts: 4 clusters" in done.stdout
    assert "drop 'When will my new card come?'" in done.stdout
    assert "'is my new card on its way?': card" in done.stdout
    assert "'who won the cup final?': none of these" in done.stdout
    assert "When will my new card come?" in page.read_text(encoding="utf-8")
